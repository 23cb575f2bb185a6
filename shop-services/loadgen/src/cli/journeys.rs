//! `loadgen journeys`: its flags and what it prints.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Args;
use shop_contracts::demo;
use tokio_util::sync::CancellationToken;

use crate::journey::preset::Preset;
use crate::journey::run::{Plan, run};
use crate::journey::visit::Arrivals;
use crate::progress::Progress;
use crate::rate;
use crate::session::Assortment;
use crate::target::Target;

#[derive(Debug, Args)]
pub(super) struct JourneyFlags {
    /// The gateway: `http://127.0.0.1:8080`.
    #[arg(long, value_name = "TARGET")]
    target: Target,
    /// The kind of day; a run of any length plays the whole of it.
    #[arg(long, value_enum, default_value_t = Preset::Normal)]
    preset: Preset,
    /// Visitors per second on an ordinary day; robots come beside them.
    #[arg(long, default_value_t = 2.0)]
    sessions: f64,
    /// How long, for example 5m.
    #[arg(long, value_parser = rate::duration)]
    duration: f64,
    /// Mean thought between two calls of a person, for example 7s.
    #[arg(long, default_value = "7s", value_parser = rate::duration)]
    think: f64,
    /// Coefficient of variation of the minutes around the model.
    #[arg(long, default_value_t = 0.15)]
    variation: f64,
    /// Customers with accounts; they are opened before the first visit.
    #[arg(long, default_value_t = 50)]
    customers: u32,
    /// Products of the demonstration assortment that the shop sells, prices and stock included.
    #[arg(long, default_value_t = 200)]
    products: u32,
    /// How much the most popular products stand out: 1 on normal days, 2 in a sale.
    #[arg(long, default_value_t = 1.0)]
    skew: f64,
    /// Longest wait for one answer.
    #[arg(long, default_value = "10s", value_parser = rate::duration)]
    timeout: f64,
    /// Longest wait, after the last visit, for orders to come to rest.
    #[arg(long, default_value = "60s", value_parser = rate::duration)]
    settle: f64,
    /// The same seed brings the same visits.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// File for the verdict as JSON; standard output where absent.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Show no progress and no table.
    #[arg(long)]
    quiet: bool,
}

/// Runs; exit code 1 where an objective was missed or an order lost.
pub(super) async fn execute(flags: JourneyFlags, stop: CancellationToken) -> anyhow::Result<ExitCode> {
    let JourneyFlags { target, preset, sessions, duration, think, variation, customers, products, .. } = flags;
    let JourneyFlags { skew, timeout, settle, seed, out, quiet, .. } = flags;
    ensure!(sessions.is_finite() && sessions > 0.0, "--sessions must be above 0");
    ensure!(duration >= 1.0, "--duration must be a second or more");
    ensure!((0.0..=2.0).contains(&variation), "--variation must be within 0..2");
    let assortment = Assortment::new(products.min(demo::PRODUCTS), skew);
    let plan = Plan {
        arrivals: Arrivals { preset, rate: sessions, duration, variation, seed },
        assortment: assortment.context("--products and --skew must be above 0")?,
        target: target.address,
        customers: customers.max(1),
        think,
        timeout: Duration::from_secs_f64(timeout),
        settle: Duration::from_secs_f64(settle),
    };
    let verdict = run(plan, Progress::on_stderr(quiet), stop).await?;
    if !quiet {
        writeln!(std::io::stderr(), "\n{}", verdict.table())?;
    }
    let mut out = super::open(out.as_ref())?;
    writeln!(out, "{}", serde_json::to_string(&verdict)?)?;
    out.flush()?;
    Ok(if verdict.passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
