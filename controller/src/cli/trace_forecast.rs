//! `presale forecast --trace`: quantiles of a recording from any origin, without a cluster.

use std::process::ExitCode;

use jiff::{SignedDuration, Timestamp};
use presale_backtest::forecast::{Question, chart, forecast, origins};
use presale_models::{Level, Target};

use super::output::write;
use super::traces::{Recording, duration, level};

/// What the target of a row is.
#[derive(clap::ValueEnum, Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum TargetKind {
    /// Mean load of the row
    #[default]
    Point,
    /// Highest load that a decision at the row's start must serve
    Max,
}

/// Arguments of a forecast of a recording.
#[derive(clap::Args, Debug, Clone)]
pub(crate) struct TraceArgs {
    #[command(flatten)]
    pub(crate) recording: Recording,
    /// Length of a row; the recording's own or 5 minutes, whichever is longer, if not given
    #[arg(long, value_parser = duration, value_name = "DURATION", requires = "trace")]
    step: Option<SignedDuration>,
    /// Levels of the quantiles
    #[arg(long, value_delimiter = ',', value_parser = level, default_value = "0.1,0.5,0.8,0.9,0.95,0.99")]
    levels: Vec<Level>,
    /// What is forecast
    #[arg(long, value_enum, default_value_t)]
    target: TargetKind,
    /// Decision to ready pod, for `--target max`
    #[arg(long, value_parser = duration, default_value = "3m", value_name = "DURATION")]
    lead_time: SignedDuration,
    /// IANA time zone of the merchant
    #[arg(long, default_value = "UTC", value_name = "ZONE")]
    time_zone: String,
    /// Country of the public holidays, as in DE
    #[arg(long, value_name = "CODE")]
    country: Option<String>,
    /// Start of the first row; may be repeated. Nothing at or after it is seen
    #[arg(long, value_name = "TIME")]
    origin: Vec<Timestamp>,
    /// Number of origins, if none is given
    #[arg(long, default_value_t = 1)]
    origins: usize,
    /// Distance of those origins
    #[arg(long, value_parser = duration, default_value = "1d", value_name = "DURATION")]
    stride: SignedDuration,
    /// One JSON line per origin
    #[arg(long)]
    json: bool,
}

impl TraceArgs {
    /// Forecasts the recording over `horizon`; `None` where no recording was named.
    ///
    /// # Errors
    /// Where the recording cannot be read or does not suffice.
    pub(crate) fn run(&self, horizon: Option<SignedDuration>) -> anyhow::Result<Option<ExitCode>> {
        let Some((trace, events)) = self.recording.read()? else { return Ok(None) };
        let step = self.step.map_or(trace.step.max(300), |s| s.as_secs()).max(1);
        let horizon = horizon.map_or(86_400, |h| h.as_secs()).max(step);
        let target = match self.target {
            TargetKind::Point => Target::Point,
            TargetKind::Max => Target::Maximum { lead_time: self.lead_time, hold: SignedDuration::from_mins(5) },
        };
        let question = Question {
            step,
            rows: usize::try_from(horizon / step)?,
            levels: self.levels.clone(),
            target,
            time_zone: self.time_zone.clone(),
            country: self.country.clone(),
        };
        let asked = if !self.origin.is_empty() {
            self.origin.clone()
        } else if self.json || self.origins > 1 {
            origins(&trace, &question, self.origins, self.stride.as_secs())
        } else {
            // The recording's own last whole row ends here: a forecast of what comes next.
            vec![Timestamp::from_second(trace.end().as_second().div_euclid(step) * step)?]
        };
        for origin in asked {
            let line = forecast(&trace, &events, &question, origin)?;
            if self.json {
                write(&(serde_json::to_string(&line)? + "\n"))?;
            } else {
                write(&format!("{} from {origin}\n{}", trace.name, chart(&line, 60, 24)))?;
            }
        }
        Ok(Some(ExitCode::SUCCESS))
    }
}
