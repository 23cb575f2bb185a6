//! One shop service under Presale and its twin under a real HPA, on the same minutes, on a real Kubernetes, and the
//! whole shop beside them.
//!
//! Exit code 0: every promise was kept; 1: one was broken; 2: the machine was too busy for a verdict; 3: it could not
//! be played to its end.

mod chart;
mod host;
mod page;
mod play;
mod records;
mod scenario;
mod setup;
mod size;
mod table;
mod verdict;
mod view;
mod watch;
mod whole;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use tokio_util::sync::CancellationToken;

/// Watch Presale run a real shop service beside its HPA twin
#[derive(Debug, Parser)]
#[command(name = "presale-demo", version)]
struct Cli {
    /// Folder for the verdict: verdict.html, verdict.json
    #[arg(long, default_value = "out/demo", value_name = "DIR")]
    out: PathBuf,
    /// The same seed brings the same visitors
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// Print lines instead of the live view, also on a terminal
    #[arg(long)]
    plain: bool,
    /// Leave everything running in the end
    #[arg(long)]
    keep: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Cli { out, seed, plain, keep } = Cli::parse();
    let stop = CancellationToken::new();
    let interrupted = stop.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            interrupted.cancel();
        }
    });
    let played = Box::pin(play::play(play::Options { out, seed, plain, keep }, stop)).await;
    match played {
        Ok(verdict) if verdict.void => ExitCode::from(2),
        Ok(verdict) if verdict.passed() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(1),
        Err(error) => {
            view::line(&format!("the demonstration ended early: {error:#}"));
            ExitCode::from(3)
        }
    }
}
