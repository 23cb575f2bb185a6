//! `presale run`: the operator itself.

use std::process::ExitCode;

use crate::config::RunConfig;

/// Arguments of `presale run`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    #[command(flatten)]
    config: RunConfig,
}

/// Runs the operator until SIGTERM or Ctrl-C.
///
/// # Errors
/// When it cannot start.
pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    crate::run::run(args.config).await
}
