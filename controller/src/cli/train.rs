//! `presale train`: a model of a recording, written as the artifact that the operator would keep.

use std::path::PathBuf;
use std::process::ExitCode;

use jiff::SignedDuration;
use presale_backtest::forecast::{Question, train};
use presale_models::{LEVELS, Target};
use presale_planner::HOLD;

use super::output::write;
use super::traces::{Recording, duration};

/// Arguments of `presale train`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    #[command(flatten)]
    recording: Recording,
    /// Length of a grid step
    #[arg(long, value_parser = duration, default_value = "5m", value_name = "DURATION")]
    step: SignedDuration,
    /// Decision to ready pod
    #[arg(long, value_parser = duration, default_value = "3m", value_name = "DURATION")]
    lead_time: SignedDuration,
    /// IANA time zone of the merchant
    #[arg(long, default_value = "UTC", value_name = "ZONE")]
    time_zone: String,
    /// Country of the public holidays, as in DE
    #[arg(long, value_name = "CODE")]
    country: Option<String>,
    /// Where to write the artifact
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
}

/// Trains on the whole recording.
///
/// # Errors
/// Where the recording cannot be read, does not suffice, or the artifact cannot be written.
#[expect(clippy::unused_async, reason = "every command is run alike")]
pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Some((trace, events)) = args.recording.read()? else { anyhow::bail!("--trace FILE names what to learn from") };
    let question = Question {
        step: args.step.as_secs().max(trace.step),
        rows: 1,
        levels: LEVELS.to_vec(),
        target: Target::Maximum { lead_time: args.lead_time, hold: HOLD },
        time_zone: args.time_zone,
        country: args.country,
    };
    let model = train(&trace, &events, &question, trace.end())?;
    let bytes = model.to_artifact()?;
    std::fs::write(&args.out, &bytes)?;
    write(&format!("{}: {} bytes\n", args.out.display(), bytes.len()))?;
    Ok(ExitCode::SUCCESS)
}
