//! Exit codes of every command, stated once: `--help` prints them, scripts rely on them.

use std::fmt::Display;
use std::process::ExitCode;

/// What `--help` says about exit codes.
pub(crate) const HELP: &str = "\
Exit codes:
  0  done
  1  failed; the reason is on stderr
  2  wrong arguments
  3  no such object
  4  the operator or the API server cannot be reached
  5  a check found something wrong (doctor, explain --replay)";

/// A check found something wrong; what, is on stdout.
pub(crate) const FOUND_WRONG: u8 = 5;

/// A failure with a code of its own; everything else exits with 1.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// What was named is not there.
    #[error("{0}")]
    NotFound(String),
    /// Nobody answers.
    #[error("{0}")]
    Unreachable(String),
}

impl Failure {
    fn code(&self) -> u8 {
        match self {
            Self::NotFound(_) => 3,
            Self::Unreachable(_) => 4,
        }
    }
}

/// Says what failed, with its causes, and gives the code for it.
pub(crate) fn failed(error: &anyhow::Error) -> ExitCode {
    say(format!("error: {error:#}"));
    error.downcast_ref::<Failure>().map_or(ExitCode::FAILURE, |failure| ExitCode::from(failure.code()))
}

/// Writes a line for people to stderr; a closed stderr is nobody's failure.
pub(crate) fn say(line: impl Display) {
    use std::io::Write;
    let _closed = writeln!(std::io::stderr(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_has_the_code_that_help_states() {
        for (failure, line) in [
            (Failure::NotFound(String::new()), "  3  no such object"),
            (Failure::Unreachable(String::new()), "  4  the operator or the API server cannot be reached"),
        ] {
            assert!(HELP.contains(line) && line.starts_with(&format!("  {} ", failure.code())), "{line}");
        }
        assert!(HELP.contains(&format!("  {FOUND_WRONG}  a check found something wrong")));
    }
}
