//! Exit codes of every command, stated once: `--help` prints them, scripts rely on them.

use std::fmt::Display;
use std::process::ExitCode;

/// What `--help` says about exit codes.
pub(crate) const HELP: &str = "\
Exit codes:
  0  done
  1  failed; the reason is on stderr
  2  wrong arguments";

/// Says what failed, with its causes, and gives the code for it.
pub(crate) fn failed(error: &anyhow::Error) -> ExitCode {
    say(format!("error: {error:#}"));
    ExitCode::FAILURE
}

/// Writes a line for people to stderr; a closed stderr is nobody's failure.
pub(crate) fn say(line: impl Display) {
    use std::io::Write;
    let _closed = writeln!(std::io::stderr(), "{line}");
}
