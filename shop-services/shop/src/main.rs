//! The one binary of all shop services: `shop catalog serve`, `shop catalog seed`, and so on.

use anyhow::Context;
use clap::{Parser, Subcommand};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use shop_catalog::serve::World;
use shop_kit::telemetry::Telemetry;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// All shop services in one binary; each reads its settings from flags or environment variables.
#[derive(Debug, Parser)]
#[command(name = "shop", version, about)]
struct Cli {
    #[command(subcommand)]
    service: Service,
}

#[derive(Debug, Subcommand)]
enum Service {
    /// Products, variants, categories and search.
    #[command(subcommand)]
    Catalog(shop_catalog::Command),
}

fn main() -> anyhow::Result<()> {
    let started = Instant::now();
    let Service::Catalog(command) = Cli::parse().service;
    let telemetry = Telemetry::start("catalog", command.telemetry())?;
    // As many workers as the CPU quota allows, so that a small pod does not fight itself.
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("start the runtime")?;
    let outcome = runtime.block_on(async {
        let world = World { started, stop: stop_signal()?, clock: now, random: ChaCha8Rng::from_os_rng() };
        shop_catalog::run(command, world).await.context("catalog")
    });
    telemetry.stop();
    outcome
}

/// Cancelled at the first SIGTERM or SIGINT.
fn stop_signal() -> anyhow::Result<CancellationToken> {
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let stop = CancellationToken::new();
    tokio::spawn({
        let stop = stop.clone();
        async move {
            tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
            stop.cancel();
        }
    });
    Ok(stop)
}

#[expect(clippy::disallowed_methods, reason = "the composition root reads the clock")]
fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}
