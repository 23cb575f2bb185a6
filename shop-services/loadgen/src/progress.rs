//! The run as a person watches it: one line per second on a terminal, one per ten seconds or so in a log.

use std::fmt::Write as _;
use std::io::{IsTerminal, Stderr, Write};
use std::time::Duration;

use crate::ledger::Ledger;
use crate::target::Target;

/// Where and how often to show.
#[derive(Debug)]
pub enum Progress {
    /// Rewrite one line, every second.
    Terminal(Stderr),
    /// Add a line, every so many seconds.
    Log(Stderr, u64),
    /// Show nothing.
    Silent,
}

impl Progress {
    /// By what standard error is.
    pub fn on_stderr(quiet: bool) -> Self {
        let stderr = std::io::stderr();
        match (quiet, stderr.is_terminal()) {
            (true, _) => Self::Silent,
            (false, true) => Self::Terminal(stderr),
            (false, false) => Self::Log(stderr, 10),
        }
    }

    /// Shows what happened since it was shown last; a display that fails is no reason to stop.
    pub fn show(&mut self, elapsed: Duration, rate: f64, targets: &[Target], ledgers: &mut [Ledger]) {
        self.say(elapsed, || line(elapsed, rate, targets, ledgers));
    }

    /// Shows this line where it is time for one.
    pub(crate) fn say(&mut self, elapsed: Duration, line: impl FnOnce() -> String) {
        match self {
            Self::Terminal(stderr) => {
                let _ = write!(stderr, "\r\x1b[K{}", line());
                let _ = stderr.flush();
            }
            Self::Log(stderr, every) if elapsed.as_secs().is_multiple_of(*every) => {
                let _ = writeln!(stderr, "{}", line());
            }
            Self::Log(..) | Self::Silent => {}
        }
    }
}

fn line(elapsed: Duration, rate: f64, targets: &[Target], ledgers: &mut [Ledger]) -> String {
    let mut line = format!("{:>4} s  model {rate:.0}/s", elapsed.as_secs());
    for (target, ledger) in targets.iter().zip(ledgers) {
        let recent = ledger.recent();
        let ms = |quantile| recent.latency_ms(quantile).map_or("-".to_owned(), |ms| format!("{ms:.0}"));
        // Writing to a String cannot fail.
        let _ = write!(
            line,
            "  | {} offered {} ok {} failed {} p50 {} p99 {} ms",
            target.name,
            recent.offered,
            recent.ok(),
            recent.failed(),
            ms(0.5),
            ms(0.99)
        );
    }
    line
}
