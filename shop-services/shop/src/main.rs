//! The one binary of all shop services: `shop catalog serve`, `shop catalog seed`, and so on.

use std::pin::Pin;

use anyhow::Context;
use clap::{Parser, Subcommand};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use shop_kit::telemetry::Telemetry;
use shop_kit::{Clock, TelemetryConfig, World};
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
    /// Accounts, sessions and the keys that sign customers' tokens.
    #[command(subcommand)]
    Accounts(shop_accounts::Command),
    /// Products, variants, categories and search.
    #[command(subcommand)]
    Catalog(shop_catalog::Command),
    /// Prices, promotions, coupons and signed quotes.
    #[command(subcommand)]
    Pricing(shop_pricing::Command),
    /// Stock, reservations and adjustments.
    #[command(subcommand)]
    Inventory(shop_inventory::Command),
    /// Payments by order, from authorization to refund.
    #[command(subcommand)]
    Payments(shop_payments::Command),
    /// Orders, from a signed quote to the confirmed order.
    #[command(subcommand)]
    Orders(shop_orders::Command),
    /// Carts of guests and customers, and what they would cost.
    #[command(subcommand)]
    Cart(shop_cart::Command),
    /// Messages about orders, delivered to a sink.
    #[command(subcommand)]
    Notifications(shop_notifications::Command),
    /// Products that go with one, or with what a customer took.
    #[command(subcommand)]
    Recommendations(shop_recommendations::Command),
    /// The way in: routes, tokens, limits and the composed product page.
    #[command(subcommand)]
    Gateway(shop_gateway::Command),
    /// A payment provider to develop against; not a part of the shop.
    PspSim {
        /// Its API and where its notices go.
        #[command(flatten)]
        config: psp_sim::Config,
        /// Logs and traces.
        #[command(flatten)]
        telemetry: TelemetryConfig,
    },
}

impl Service {
    fn name(&self) -> &'static str {
        match self {
            Self::Accounts(_) => "accounts",
            Self::Catalog(_) => "catalog",
            Self::Pricing(_) => "pricing",
            Self::Inventory(_) => "inventory",
            Self::Payments(_) => "payments",
            Self::Orders(_) => "orders",
            Self::Cart(_) => "cart",
            Self::Notifications(_) => "notifications",
            Self::Recommendations(_) => "recommendations",
            Self::Gateway(_) => "gateway",
            Self::PspSim { .. } => "psp-sim",
        }
    }

    fn telemetry(&self) -> &TelemetryConfig {
        match self {
            Self::Accounts(command) => command.telemetry(),
            Self::Catalog(command) => command.telemetry(),
            Self::Pricing(command) => command.telemetry(),
            Self::Inventory(command) => command.telemetry(),
            Self::Payments(command) => command.telemetry(),
            Self::Orders(command) => command.telemetry(),
            Self::Cart(command) => command.telemetry(),
            Self::Notifications(command) => command.telemetry(),
            Self::Recommendations(command) => command.telemetry(),
            Self::Gateway(command) => command.telemetry(),
            Self::PspSim { telemetry, .. } => telemetry,
        }
    }

    fn run(self, world: World) -> Work {
        let name = self.name();
        match self {
            Self::Accounts(command) => work(name, shop_accounts::run(command, world)),
            Self::Catalog(command) => work(name, shop_catalog::run(command, world)),
            Self::Pricing(command) => work(name, shop_pricing::run(command, world)),
            Self::Inventory(command) => work(name, shop_inventory::run(command, world)),
            Self::Payments(command) => work(name, shop_payments::run(command, world)),
            Self::Orders(command) => work(name, shop_orders::run(command, world)),
            Self::Cart(command) => work(name, shop_cart::run(command, world)),
            Self::Notifications(command) => work(name, shop_notifications::run(command, world)),
            Self::Recommendations(command) => work(name, shop_recommendations::run(command, world)),
            Self::Gateway(command) => work(name, shop_gateway::run(command, world)),
            Self::PspSim { config, .. } => work(name, psp_sim::run(config, now, world.stop)),
        }
    }
}

/// A service from its start to its end.
type Work = Pin<Box<dyn Future<Output = anyhow::Result<()>>>>;

/// The work of a service, whose failure is told with its name.
fn work<E>(name: &'static str, work: impl Future<Output = Result<(), E>> + 'static) -> Work
where
    E: std::error::Error + Send + Sync + 'static,
{
    Box::pin(async move { work.await.context(name) })
}

pub(crate) fn main() -> anyhow::Result<()> {
    let started = Instant::now();
    let service = Cli::parse().service;
    let telemetry = Telemetry::start(service.name(), service.telemetry())?;
    // As many workers as the CPU quota allows, so that a small pod does not fight itself.
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("start the runtime")?;
    let outcome = runtime.block_on(async {
        let world = World { started, stop: stop_signal()?, clock: Clock::new(now), random: ChaCha8Rng::from_os_rng() };
        service.run(world).await
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
