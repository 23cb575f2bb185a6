//! Arguments and reading of recorded traffic, shared by the commands that need no cluster.

use std::path::PathBuf;

use jiff::SignedDuration;
use presale_backtest::trace::{Trace, read_events};
use presale_models::{EventWindow, Level};

/// Which recording.
#[derive(clap::Args, Debug, Clone)]
pub(crate) struct Recording {
    /// Recorded traffic: `timestamp,value` as CSV (plain or .gz; RFC 3339 or epoch), or the JSON of a range query
    #[arg(long, value_name = "FILE")]
    pub(crate) trace: Option<PathBuf>,
    /// Labelled events of that recording: `start,end,name,kind`, the end excluded
    #[arg(long, value_name = "FILE", requires = "trace")]
    pub(crate) events: Option<PathBuf>,
}

impl Recording {
    /// Reads both files; `None` where no recording was named.
    ///
    /// # Errors
    /// With the file, the line and what would pass.
    pub(crate) fn read(&self) -> anyhow::Result<Option<(Trace, Vec<EventWindow>)>> {
        let Some(path) = &self.trace else { return Ok(None) };
        let trace = Trace::read(path)?;
        let events = self.events.as_deref().map(read_events).transpose()?.unwrap_or_default();
        Ok(Some((trace, events)))
    }
}

/// A probability, as an argument.
pub(crate) fn level(text: &str) -> Result<Level, String> {
    let p: f64 = text.parse().map_err(|e| format!("{text}: {e}"))?;
    Level::new(p).map_err(|e| e.to_string())
}

/// A duration above zero, as an argument: `90s`, `5m`, `2h`, `14d`.
pub(crate) fn duration(text: &str) -> Result<SignedDuration, String> {
    let days = text.strip_suffix('d').and_then(|d| d.parse::<f64>().ok());
    let parsed = match days {
        Some(days) => SignedDuration::try_from_secs_f64(days * 86_400.0).map_err(|e| e.to_string())?,
        None => text.parse::<SignedDuration>().map_err(|e| e.to_string())?,
    };
    if parsed > SignedDuration::ZERO { Ok(parsed) } else { Err("a duration above zero would pass".into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_durations_too() {
        assert_eq!(duration("14d"), Ok(SignedDuration::from_hours(14 * 24)));
        assert_eq!(duration("5m"), Ok(SignedDuration::from_mins(5)));
        assert!(duration("-5m").is_err() && duration("soon").is_err());
        assert!(level("1.5").is_err());
    }
}
