//! A command that is run to its end.

use tokio::process::Command;

use crate::KitError;

/// Runs it and returns its standard output.
///
/// # Errors
/// [`KitError::Command`] with both streams if it fails; [`KitError::Io`] if it cannot be started.
pub(crate) async fn run(command: &mut Command) -> Result<String, KitError> {
    let line = format!("{:?}", command.as_std());
    let output = command.kill_on_drop(true).output().await.map_err(KitError::io(format!("run {line}")))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    Err(KitError::Command { command: line, status: output.status.to_string(), output: said })
}
