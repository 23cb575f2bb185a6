//! Payments' life: connect, migrate, serve, drain; and its errand, migrate.

use std::sync::Arc;

use shop_kit::auth::Callers;
use shop_kit::backstage::Backstage;
use shop_kit::command::migrate;
use shop_kit::peer::Peer;
use shop_kit::process::ThisProcess;
use shop_kit::webhook::WebhookKey;
use shop_kit::{Database, Identity, Kit, World};
use shop_metrics::{Breakers, Build, Calls, Events, Payments, ShopMetrics};

use crate::config::{Command, ServeConfig};
use crate::drive::Driver;
use crate::error::PaymentsError;
use crate::provider::Provider;
use crate::routes::{self, Paying};
use crate::schema::migrations;
use crate::settle::Settler;

/// Name and version as `shop_build_info` shows them.
pub const BUILD: Build = Build { service_name: "payments", version: env!("CARGO_PKG_VERSION") };

/// Does what the command line asked for.
///
/// # Errors
/// Where the database, the broker's URL, the provider's client or a listener fails, or requests were cut off.
pub async fn run(command: Command, world: World) -> Result<(), PaymentsError> {
    match command {
        Command::Serve(config) => serve(*config, world).await,
        Command::Migrate(config) => Ok(migrate(config, &BUILD, migrations()).await?),
    }
}

async fn serve(config: ServeConfig, world: World) -> Result<(), PaymentsError> {
    let ServeConfig {
        server,
        database,
        broker,
        telemetry: _,
        service_token,
        psp_url,
        psp_timeout,
        psp_notice_secret,
        psp_retry_delay,
        psp_attempts,
    } = config;
    let mut metrics = ShopMetrics::new(&BUILD, ThisProcess);
    let (events, calls) = (Events::register(&mut metrics), Calls::register(&mut metrics));
    let (breakers, payments) = (Breakers::register(&mut metrics), Payments::register(&mut metrics));
    let kit = Kit::open(metrics, server, world.started, world.stop).await?;
    let database = Database::connect(&database, kit.metrics.database.clone()).await?;
    database.migrate(migrations()).await?;
    kit.depends_on_database(&database);
    let identity = Identity::new(world.clock, world.random);
    let settler = Settler { db: database.clone(), identity: identity.clone(), metrics: payments };
    let driver = Driver {
        db: database.clone(),
        provider: Provider(Peer::new("psp", &psp_url, psp_timeout, calls)?.with_breaker(&breakers)),
        settler: settler.clone(),
        retry_delay: psp_retry_delay,
        attempts: psp_attempts,
    };
    let backstage = Backstage::start(BUILD.service_name, &broker, &database, &events, None).await?;
    backstage.also(|stop| driver.clone().run(stop));
    let paying = Paying {
        database: database.clone(),
        identity,
        callers: Callers::new(&service_token),
        events,
        driver: Arc::new(driver),
        settler,
        notices: WebhookKey::new(&psp_notice_secret),
    };
    let served = kit.serve(routes::router(paying), routes::priority).await;
    backstage.end().await;
    database.close().await;
    Ok(served?)
}
