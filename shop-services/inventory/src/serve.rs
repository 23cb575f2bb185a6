//! Inventory's life: connect, migrate, serve, drain; and its errand, migrate.

use std::sync::Arc;

use shop_kit::auth::{AdminToken, Callers};
use shop_kit::backstage::{Backstage, Intake};
use shop_kit::command::migrate;
use shop_kit::process::ThisProcess;
use shop_kit::{Database, Identity, Kit, World};
use shop_metrics::{Build, Events, ShopMetrics, Stock};

use crate::config::{Command, ServeConfig};
use crate::error::InventoryError;
use crate::intake::{KINDS, Products};
use crate::routes::{self, Inventory};
use crate::schema::migrations;
use crate::stock::Teller;
use crate::sweep;

/// Name and version as `shop_build_info` shows them.
pub const BUILD: Build = Build { service_name: "inventory", version: env!("CARGO_PKG_VERSION") };

/// Does what the command line asked for.
///
/// # Errors
/// Where the database, the broker's URL or a listener fails, or requests were cut off at the end.
pub async fn run(command: Command, world: World) -> Result<(), InventoryError> {
    match command {
        Command::Serve(config) => serve(*config, world).await,
        Command::Migrate(config) => Ok(migrate(config, &BUILD, migrations()).await?),
    }
}

async fn serve(config: ServeConfig, world: World) -> Result<(), InventoryError> {
    let ServeConfig {
        server,
        database,
        broker,
        telemetry: _,
        admin_token,
        service_token,
        reservation_ttl,
        sweep_period,
        low_stock,
    } = config;
    let mut metrics = ShopMetrics::new(&BUILD, ThisProcess);
    let (events, stock) = (Events::register(&mut metrics), Stock::register(&mut metrics));
    let kit = Kit::open(metrics, server, world.started, world.stop).await?;
    let database = Database::connect(&database, kit.metrics.database.clone()).await?;
    database.migrate(migrations()).await?;
    kit.depends_on_database(&database);
    let teller = Teller { identity: Identity::new(world.clock, world.random), low: i64::from(low_stock) };
    let intake = Intake { kinds: KINDS, handler: Arc::new(Products(database.clone())) };
    let backstage = Backstage::start(BUILD.service_name, &broker, &database, &events, Some(intake)).await?;
    backstage.also(|stop| sweep::run(database.clone(), teller.clone(), stock.clone(), sweep_period, stop));
    let inventory = Inventory {
        database: database.clone(),
        admin: AdminToken::new(admin_token.as_ref()),
        callers: Callers::new(&service_token),
        events,
        stock,
        teller,
        ttl: reservation_ttl,
    };
    let served = kit.serve(routes::router(inventory), routes::priority).await;
    backstage.end().await;
    database.close().await;
    Ok(served?)
}
