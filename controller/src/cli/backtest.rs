//! `presale backtest`: what our decisions and those of every other autoscaler would have cost and lost on a recording.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::SignedDuration;
use presale_backtest::contest::{Contest, NAMES};
use presale_backtest::generated;
use presale_backtest::outcome::Outcome;
use presale_backtest::plant::Plant;
use presale_backtest::report::{CSV_HEADER, Curves, Prices, Stated, csv_line, html, verdict};
use presale_backtest::simulate::Scenario;
use presale_models::Level;

use super::live_recording::LiveRecording;
use super::output::{columns, write};
use super::traces::{Recording, duration, level};
use crate::clock::wall_clock;

/// Arguments of `presale backtest`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    #[command(flatten)]
    recording: Recording,
    #[command(flatten)]
    live: LiveRecording,
    /// The plant as TOML (every field of `--print-plant`, all optional)
    #[arg(long, value_name = "FILE")]
    plant: Option<PathBuf>,
    /// Policies, comma-separated, or `all`
    #[arg(long, value_delimiter = ',', default_value = "all")]
    policies: Vec<String>,
    /// Requests/s that one replica serves within its objective; mean load = 10 replicas if not given
    #[arg(long, value_name = "REQUESTS")]
    replica_capacity: Option<f64>,
    /// Created to ready pod, 95th percentile
    #[arg(long, value_parser = duration, value_name = "DURATION")]
    lead_time: Option<SignedDuration>,
    /// Time to learn from before the scored time; at most half of the recording
    #[arg(long, value_parser = duration, default_value = "14d", value_name = "DURATION")]
    train: SignedDuration,
    /// Level of the load's maximum that our capacity covers
    #[arg(long, value_parser = level, default_value = "0.95")]
    level: Level,
    /// Share of a replica's capacity that the reactive ones steer to
    #[arg(long, default_value_t = 0.75)]
    target: f64,
    /// Every policy at many settings
    #[arg(long)]
    sweep: bool,
    /// IANA time zone of the merchant
    #[arg(long, default_value = "UTC", value_name = "ZONE")]
    time_zone: String,
    /// Seed of arrivals, start-ups and scrape gaps
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Price of a replica for an hour
    #[arg(long, default_value_t = 0.05)]
    replica_price: f64,
    /// Price of a request that is not served
    #[arg(long, default_value_t = 0.001)]
    lost_request_price: f64,
    /// Write the outcomes as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the report as one HTML page
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write every decision as CSV
    #[arg(long, value_name = "FILE")]
    decisions: Option<PathBuf>,
    /// Print the plant that would be used, and stop
    #[arg(long)]
    print_plant: bool,
}

/// Runs the contest; without a recording on a generated month with promotions.
///
/// # Errors
/// Where a file or Prometheus cannot be read, a file cannot be written, or the recording is too short.
pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let plant = args.plant()?;
    if args.print_plant {
        write(&toml::to_string_pretty(&plant)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let (trace, events) = match args.live.read(wall_clock()).await? {
        Some(trace) => (trace, Vec::new()),
        None => args.recording.read()?.unwrap_or_else(|| generated::month(args.seed)),
    };
    let days = args.train.as_secs_f64() / 86_400.0;
    let scenario = Scenario::cut(&trace, events, plant, days, args.seed)
        .with_context(|| format!("{}: too short: at least 24 recorded steps would pass", trace.name))?;
    let outcomes = args.contest(&scenario)?;
    write(&table(&outcomes))?;
    write(&format!("\n{}\n", verdict(&outcomes, args.seed)))?;
    Ok(ExitCode::SUCCESS)
}

impl Args {
    fn plant(&self) -> anyhow::Result<Plant> {
        let mut plant = match &self.plant {
            Some(path) => {
                let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
                toml::from_str(&text).with_context(|| format!("{}: no plant", path.display()))?
            }
            None => Plant::default(),
        };
        plant.replica_capacity = self.replica_capacity.unwrap_or(plant.replica_capacity);
        plant.lead_seconds = self.lead_time.map_or(plant.lead_seconds, |l| l.as_secs_f64());
        Ok(plant)
    }

    fn contest(&self, scenario: &Scenario) -> anyhow::Result<Vec<Outcome>> {
        let only: Vec<String> = self.policies.iter().filter(|p| *p != "all").cloned().collect();
        if let Some(unknown) = only.iter().find(|p| !NAMES.contains(&p.as_str())) {
            anyhow::bail!("{unknown} is no policy: {} would pass", NAMES.join(", "));
        }
        let contest = Contest {
            only,
            sweep: self.sweep,
            target: self.target,
            level: self.level,
            time_zone: self.time_zone.clone(),
            promotions: Vec::new(),
        };
        let bar = ProgressBar::new(100).with_style(ProgressStyle::with_template("{bar:40} {percent} % {eta}")?);
        let curves = Mutex::new(Curves::new(scenario.loads.len()));
        let csv = self.decisions.as_ref().map(File::create).transpose()?.map(|f| Mutex::new(BufWriter::new(f)));
        if let Some(csv) = &csv {
            writeln!(csv.lock().map_err(|_| anyhow::anyhow!("a run failed"))?, "{CSV_HEADER}")?;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share in percent")]
        let progress = |share: f64| bar.set_position((share * 100.0) as u64);
        let outcomes = contest.run(scenario, &progress, &|index, policy, row| {
            if self.html.is_some()
                && let Ok(mut curves) = curves.lock()
            {
                curves.add(index, policy, row);
            }
            if let Some(Ok(mut csv)) = csv.as_ref().map(Mutex::lock) {
                // A full disk shows when the file is flushed below.
                let _ = writeln!(csv, "{}", csv_line(policy, row));
            }
        });
        bar.finish_and_clear();
        if let Some(csv) = csv {
            csv.into_inner().map_err(|_| anyhow::anyhow!("a run failed"))?.flush()?;
        }
        if let Some(path) = &self.json {
            std::fs::write(path, serde_json::to_vec_pretty(&outcomes)?)?;
        }
        if let Some(path) = &self.html {
            let prices = Prices { replica_hour: self.replica_price, lost_request: self.lost_request_price };
            let curves = curves.into_inner().map_err(|_| anyhow::anyhow!("a run failed"))?;
            let command =
                format!("presale backtest --seed {} --target {} --level {}", self.seed, self.target, self.level.get());
            html(&mut BufWriter::new(File::create(path)?), scenario, &outcomes, curves, &Stated { prices, command })?;
        }
        Ok(outcomes)
    }
}

fn table(outcomes: &[Outcome]) -> String {
    let head = ["POLICY", "SETTING", "× ORACLE", "UNSERVED %", "VIOLATION MIN %", "ACTIONS/DAY"].map(str::to_owned);
    let row = |o: &Outcome| {
        [
            o.policy.clone(),
            o.setting.clone(),
            format!("{:.3}", o.oracle_ratio),
            format!("{:.4}", 100.0 * o.unserved_ratio),
            format!("{:.3}", 100.0 * o.violation_minutes_ratio),
            format!("{:.0}", o.actions_per_day),
        ]
    };
    columns(&std::iter::once(head).chain(outcomes.iter().map(row)).collect::<Vec<_>>())
}
