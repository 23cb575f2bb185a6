//! The command line: one model for the live run and for the past, each flag with its unit.

mod audit;
mod journeys;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Args, Parser, Subcommand};
use jiff::Timestamp;
use shop_contracts::demo;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::cli::audit::AuditFlags;
use crate::cli::journeys::JourneyFlags;
use crate::history::{self, Past};
use crate::progress::Progress;
use crate::rate::{self, DailyRise, Event, Level, RateModel, parse_event, parse_points, parse_rise, seconds};
use crate::run::{self, Plan, Surroundings};
use crate::scrape::Exposition;
use crate::season::Season;
use crate::session::{Assortment, Visitors};
use crate::target::Target;

/// Open-loop session load on the shop, timed from the intended start, and the same model's past.
#[derive(Debug, Parser)]
#[command(name = "loadgen", version, about)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Send load to one or more targets on 127.0.0.0/8 for a while.
    Run(RunFlags),
    /// Send whole journeys through the shop's gateway on 127.0.0.0/8, and judge them: objectives, and every order.
    Journeys(JourneyFlags),
    /// Check from outside what must hold whenever nobody is at work in the shop, after any run.
    Audit(AuditFlags),
    /// Write the model's past weeks as OpenMetrics text for `promtool tsdb create-blocks-from openmetrics`.
    History(HistoryFlags),
}

/// The model, the same for run and history.
#[derive(Debug, Args)]
struct ModelFlags {
    /// Requests per second on average, crawlers included.
    #[arg(long, default_value_t = 20.0)]
    rate: f64,
    /// Let hours, weekdays and a trend shape the rate, as retail traffic does.
    #[arg(long)]
    season: bool,
    /// JSON file of a season, for example {"base": 20, "daily": 1, "weekly": 0.12, "trend": 0.005}.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["season", "profile"])]
    model: Option<PathBuf>,
    /// File of 'time rate' lines such as '90s 40', joined by straight lines; times count from the start of the run.
    #[arg(long, value_name = "FILE", conflicts_with = "season")]
    profile: Option<PathBuf>,
    /// A rise at the same time of every day, UTC: at=19:03,factor=3,ramp=60s,hold=20m,fall=5m.
    #[arg(long = "rise", value_name = "RISE", value_parser = parse_rise)]
    rises: Vec<DailyRise>,
    /// A single event: start=2026-11-27T20:00:00Z,factor=4,ramp=20s,hold=3m,fall=1m.
    #[arg(long = "event", value_name = "EVENT", value_parser = parse_event)]
    events: Vec<Event>,
    /// Part of the rate that crawlers send, at all times alike, 0..1.
    #[arg(long, default_value_t = 0.25)]
    crawlers: f64,
    /// Coefficient of variation of the minutes around the model.
    #[arg(long, default_value_t = 0.15)]
    variation: f64,
    /// Mean thought between two calls of a person, for example 7s; capped at ten times that and at 70 s.
    #[arg(long, default_value = "7s", value_parser = rate::duration)]
    think: f64,
    /// The same seed brings the same visitors.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Debug, Args)]
struct RunFlags {
    #[command(flatten)]
    model: ModelFlags,
    /// Where to send load: `http://127.0.0.1:30080` or `NAME=http://127.0.0.1:30080`; each target gets the same sessions.
    #[arg(long = "target", required = true, value_name = "TARGET")]
    targets: Vec<Target>,
    /// How long, for example 5m.
    #[arg(long, value_parser = rate::duration)]
    duration: f64,
    /// Longest wait for one answer.
    #[arg(long, default_value = "5s", value_parser = rate::duration)]
    timeout: f64,
    /// Objective for the latency from the intended start.
    #[arg(long, default_value = "200ms", value_parser = rate::duration)]
    slo: f64,
    /// Products of the demonstration assortment that the shop holds.
    #[arg(long, default_value_t = demo::PRODUCTS)]
    products: u32,
    /// How much the most popular products stand out: 1 on normal days, 2 in a sale.
    #[arg(long, default_value_t = 1.0)]
    skew: f64,
    /// File for a line of JSON per second and target; standard output where absent.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Serve /metrics on this address while it runs.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Show no progress.
    #[arg(long)]
    quiet: bool,
}

#[derive(Debug, Args)]
struct HistoryFlags {
    #[command(flatten)]
    model: ModelFlags,
    /// How far back.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=52))]
    weeks: u32,
    /// Time between samples, whole seconds.
    #[arg(long, default_value = "1m", value_parser = rate::duration)]
    step: f64,
    /// Last sample, for example 2026-11-24T19:00:00Z; now where absent.
    #[arg(long)]
    end: Option<Timestamp>,
    /// A label as the scrape adds it, for example namespace=shop; several times.
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = label)]
    labels: Vec<(String, String)>,
    /// File to write; standard output where absent.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Does what the command line asked for; `now` is the wall clock. Exit code 1: it ran, and its verdict is bad.
///
/// # Errors
/// Says what is wrong with a flag or file, or what failed.
pub async fn execute(cli: Cli, now: Timestamp, stop: CancellationToken) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Run(flags) => run(flags, now, stop).await.map(|()| ExitCode::SUCCESS),
        Command::Journeys(flags) => journeys::execute(flags, stop).await,
        Command::Audit(flags) => audit::execute(flags).await,
        Command::History(flags) => {
            tokio::task::spawn_blocking(move || past(flags, now)).await?.map(|()| ExitCode::SUCCESS)
        }
    }
}

async fn run(flags: RunFlags, now: Timestamp, stop: CancellationToken) -> anyhow::Result<()> {
    let RunFlags { model, targets, duration, timeout, slo, products, skew, out, listen, quiet } = flags;
    let exposition = match listen {
        None => None,
        Some(address) => {
            let exposition = Exposition::default();
            let listener = TcpListener::bind(address).await.with_context(|| format!("listen on {address}"))?;
            let app = exposition.clone().routes();
            tokio::spawn(async move { axum::serve(listener, app).await });
            Some(exposition)
        }
    };
    let plan = Plan {
        visitors: model.visitors(seconds(now), Some(seconds(now)))?,
        assortment: Assortment::new(products.min(demo::PRODUCTS), skew)
            .context("--products and --skew must be above 0")?,
        targets,
        duration: Duration::from_secs_f64(duration),
        timeout: Duration::from_secs_f64(timeout),
        slo: Duration::from_secs_f64(slo),
    };
    let records = open(out.as_ref())?;
    let progress = Progress::on_stderr(quiet);
    let verdict = run::run(plan, Surroundings { now, stop, records, progress, exposition }).await?;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{}", serde_json::to_string(&verdict)?)?;
    Ok(())
}

fn past(flags: HistoryFlags, now: Timestamp) -> anyhow::Result<()> {
    let HistoryFlags { model, weeks, step, end, labels, out } = flags;
    if step < 1.0 || step.fract() > 0.0 || step > 86_400.0 {
        bail!("--step must be whole seconds between 1s and 1d");
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to 86400, checked above")]
    let step = step as u32;
    let end = end.unwrap_or(now).as_second().div_euclid(i64::from(step)) * i64::from(step);
    let past = Past { visitors: model.visitors(end as f64, None)?, end, weeks, step, thinned: 1, labels };
    let workers = std::thread::available_parallelism()?;
    let written = history::write(&past, workers, &mut open(out.as_ref())?)?;
    writeln!(
        std::io::stderr(),
        "wrote {} series, {} samples, {} requests up to {}",
        written.series,
        written.samples,
        written.requests,
        Timestamp::from_second(end)?
    )?;
    Ok(())
}

impl ModelFlags {
    /// `anchor` is where the trend is 1; `origin` is the start that a profile counts from, where there is one.
    fn visitors(&self, anchor: f64, origin: Option<f64>) -> anyhow::Result<Visitors> {
        let ModelFlags { rate, season, model, profile, rises, events, crawlers, variation, think, seed } = self;
        if !rate.is_finite() || *rate < 0.0 || !(0.0..=1.0).contains(crawlers) || !(0.0..=2.0).contains(variation) {
            bail!("--rate must be 0 or more, --crawlers within 0..1, --variation within 0..2");
        }
        let level = match (model, profile) {
            (Some(file), _) => Level::Season(serde_json::from_str(&read(file)?).with_context(|| name(file))?),
            (None, Some(file)) => Level::Points {
                origin: origin.context("--profile counts from the start of a run; history has none: use --rise")?,
                points: parse_points(&read(file)?).with_context(|| name(file))?,
            },
            (None, None) if *season => Level::Season(Season::recommended(*rate)),
            (None, None) => Level::Flat(*rate),
        };
        let rate = RateModel {
            level,
            rises: rises.clone(),
            events: events.clone(),
            anchor,
            crawlers: *crawlers,
            variation: *variation,
        };
        Ok(Visitors { rate, seed: *seed, think: *think })
    }
}

fn name(file: &std::path::Path) -> String {
    format!("read {}", file.display())
}

fn read(file: &std::path::Path) -> anyhow::Result<String> {
    std::fs::read_to_string(file).with_context(|| name(file))
}

fn open(file: Option<&PathBuf>) -> anyhow::Result<Box<dyn Write + Send>> {
    match file {
        None => Ok(Box::new(std::io::stdout())),
        Some(path) => {
            let file = File::create(path).with_context(|| format!("create {}", path.display()))?;
            Ok(Box::new(BufWriter::with_capacity(1 << 20, file)))
        }
    }
}

fn label(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE, for example namespace=shop")?;
    let first = name.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    if !first || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Err(format!("{name:?} is no label name: letters, digits and _ pass, no digit first"));
    }
    Ok((name.to_owned(), value.to_owned()))
}
