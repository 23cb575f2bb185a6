//! Pricing's life: connect, migrate, serve, drain; and its errand, migrate.

use std::sync::Arc;

use shop_contracts::pricing::QUOTE_TYPE;
use shop_kit::auth::{AdminToken, Callers};
use shop_kit::backstage::{Backstage, Intake};
use shop_kit::command::migrate;
use shop_kit::process::ThisProcess;
use shop_kit::signature::Signer;
use shop_kit::{Database, Identity, Kit, World};
use shop_metrics::{Build, Events, ShopMetrics};

use crate::config::{Command, ServeConfig};
use crate::error::PricingError;
use crate::routes::{self, Pricing};
use crate::schema::migrations;
use crate::settle::{KINDS, Orders};

/// Name and version as `shop_build_info` shows them.
pub const BUILD: Build = Build { service_name: "pricing", version: env!("CARGO_PKG_VERSION") };

/// Does what the command line asked for.
///
/// # Errors
/// Where the key, the database, the broker's URL or a listener fails, or requests were cut off at the end.
pub async fn run(command: Command, world: World) -> Result<(), PricingError> {
    match command {
        Command::Serve(config) => serve(*config, world).await,
        Command::Migrate(config) => Ok(migrate(config, &BUILD, migrations()).await?),
    }
}

async fn serve(config: ServeConfig, world: World) -> Result<(), PricingError> {
    let ServeConfig { server, database, broker, telemetry: _, admin_token, service_token, quote_key, quote_ttl } =
        config;
    let signer = Signer::new(&quote_key, QUOTE_TYPE)?;
    let mut metrics = ShopMetrics::new(&BUILD, ThisProcess);
    let events = Events::register(&mut metrics);
    let kit = Kit::open(metrics, server, world.started, world.stop).await?;
    let database = Database::connect(&database, kit.metrics.database.clone()).await?;
    database.migrate(migrations()).await?;
    kit.depends_on_database(&database);
    let intake = Intake { kinds: KINDS, handler: Arc::new(Orders(database.clone())) };
    let backstage = Backstage::start(BUILD.service_name, &broker, &database, &events, Some(intake)).await?;
    let pricing = Pricing {
        database: database.clone(),
        identity: Identity::new(world.clock, world.random),
        admin: AdminToken::new(admin_token.as_ref()),
        callers: Callers::new(&service_token),
        events,
        signer,
        quote_ttl,
    };
    let served = kit.serve(routes::router(pricing), routes::priority).await;
    backstage.end().await;
    database.close().await;
    Ok(served?)
}
