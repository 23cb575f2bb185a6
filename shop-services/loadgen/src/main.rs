//! Entry point: reads the clock, listens for Ctrl-C, and does what the command line says.

use clap::Parser;
use loadgen::Cli;
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> anyhow::Result<std::process::ExitCode> {
    let cli = Cli::parse();
    let stop = CancellationToken::new();
    tokio::spawn({
        let stop = stop.clone();
        async move {
            // Without the signal the run still ends by its duration.
            let _ = tokio::signal::ctrl_c().await;
            stop.cancel();
        }
    });
    loadgen::execute(cli, now(), stop).await
}

#[expect(clippy::disallowed_methods, reason = "the composition root reads the clock")]
fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}
