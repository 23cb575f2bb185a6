//! The simulated plant beside the pods that it stands for: calibrated once, then compared at the same arrivals.
//!
//! Exit code 0: the plant is as near as is promised at every load; 1: it is not; 3: it could not be measured.

mod calibration;
mod comparison;
mod load;
mod stage;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use test_kit::Node;

use crate::calibration::Calibration;
use crate::comparison::{Comparison, Row};
use crate::load::Span;
use crate::stage::Stage;

/// Compare the simulated plant with real pods
#[derive(Debug, Parser)]
#[command(name = "presale-plant", version)]
struct Cli {
    /// Folder for what was measured: plant.json
    #[arg(long, default_value = "out/plant", value_name = "DIR")]
    out: PathBuf,
    /// The same seed brings the same arrivals
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// Pods
    #[arg(long, default_value_t = 3, value_name = "N")]
    replicas: u32,
    /// CPU limit of each, thousandths of a processor
    #[arg(long, default_value_t = 400, value_name = "MILLIS")]
    cpu: u32,
    /// How far away their database is, milliseconds there and as many back
    #[arg(long, default_value_t = 15, value_name = "MILLIS")]
    database: u64,
    /// Offered loads, percent of the pods' saturation
    #[arg(long, default_values_t = [30, 40, 50, 60, 70, 80, 85], value_delimiter = ',', value_name = "PERCENT")]
    loads: Vec<u32>,
    /// How long each load lasts, seconds
    #[arg(long, default_value_t = 120, value_name = "SECONDS")]
    seconds: u32,
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    match Box::pin(measure(&cli)).await {
        Ok(comparison) if comparison.within() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(1),
        Err(error) => {
            say(&format!("nothing was compared: {error:#}"));
            ExitCode::from(3)
        }
    }
}

/// Builds the stage, compares on it, and takes it away; the node goes unless it was there before.
async fn measure(cli: &Cli) -> anyhow::Result<Comparison> {
    let node_stays = stage::ground_is_up();
    say(&format!(
        "one node, PostgreSQL {} ms away, and {} pods of the catalog with {}m of CPU each",
        cli.database, cli.replicas, cli.cpu
    ));
    let outcome = async {
        let stage = Stage::build(cli.replicas, cli.cpu, Duration::from_millis(cli.database)).await?;
        let outcome = compare(cli, &stage).await;
        stage.end().await.and(outcome)
    };
    let outcome = outcome.await;
    if !node_stays {
        Node::down().await?;
    }
    outcome
}

async fn compare(cli: &Cli, stage: &Stage) -> anyhow::Result<Comparison> {
    let Cli { out, seed, replicas, cpu: _, database: _, loads, seconds } = cli;
    std::fs::create_dir_all(out).with_context(|| format!("create {}", out.display()))?;
    let calibration = Calibration::measure(stage, *seed).await?;
    say(&calibration.to_string());
    let mut comparison = Comparison::new(*replicas, calibration);
    say(Row::HEADER);
    for (percent, seed) in loads.iter().zip(*seed + 1..) {
        let rate = comparison.saturation() * f64::from(*percent) / 100.0;
        let before = stage.cpu_seconds()?;
        let measured = load::offer(Span { rate, seconds: *seconds, seed }).await?;
        let row = comparison.add(*percent, measured, stage.cpu_seconds()? - before);
        say(&row.to_string());
    }
    let text = serde_json::to_string_pretty(&comparison)?;
    std::fs::write(out.join("plant.json"), text).with_context(|| format!("write plant.json into {}", out.display()))?;
    say(&comparison.verdict());
    Ok(comparison)
}

#[expect(clippy::print_stdout, reason = "a program's own words")]
fn say(line: &str) {
    println!("{line}");
}
