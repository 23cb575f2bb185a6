//! Recommendations' life: connect, migrate, serve, train, drain.

use std::sync::Arc;

use shop_kit::access::Access;
use shop_kit::backstage::{Backstage, Intake};
use shop_kit::command::migrate;
use shop_kit::process::ThisProcess;
use shop_kit::{Database, Kit, World};
use shop_metrics::{Backlog, Build, Calls, Events, Recommendations, ShopMetrics};

use crate::config::{Command, ServeConfig};
use crate::error::RecommendationsError;
use crate::intake::{KINDS, Memory};
use crate::routes::{self, Counter};
use crate::schema::migrations;
use crate::train::Trainer;

/// Name and version as `shop_build_info` shows them.
pub const BUILD: Build = Build { service_name: "recommendations", version: env!("CARGO_PKG_VERSION") };

/// Does what the command line asked for.
///
/// # Errors
/// Where the database, the broker's URL, a client or a listener fails, or requests were cut off at the end.
pub async fn run(command: Command, world: World) -> Result<(), RecommendationsError> {
    match command {
        Command::Serve(config) => serve(*config, world).await,
        Command::Migrate(config) => Ok(migrate(config, &BUILD, migrations()).await?),
    }
}

async fn serve(config: ServeConfig, world: World) -> Result<(), RecommendationsError> {
    let ServeConfig { server, database, broker, telemetry: _, access, call_timeout, schedule } = config;
    let mut metrics = ShopMetrics::new(&BUILD, ThisProcess);
    let (events, calls) = (Events::register(&mut metrics), Calls::register(&mut metrics));
    let (counts, backlog) = (Recommendations::register(&mut metrics), Backlog::register(&mut metrics));
    let kit = Kit::open(metrics, server, world.started, world.stop).await?;
    let access = Access::new(&access, call_timeout, calls, kit.credentials.as_ref())?;
    let database = Database::connect(&database, kit.metrics.database.clone()).await?;
    database.migrate(migrations()).await?;
    kit.depends_on_database(&database);
    let intake = Intake { kinds: KINDS, handler: Arc::new(Memory(database.clone())) };
    let backstage = Backstage::start(BUILD.service_name, &broker, &database, &events, Some(intake)).await?;
    backstage.shows_backlog(BUILD.service_name, KINDS, &database, backlog);
    let clock = world.clock;
    let trainer = Trainer { db: database.clone(), clock: clock.clone(), metrics: counts.clone(), schedule };
    backstage.also(|stop| trainer.run(stop));
    let counter = Counter { database: database.clone(), access, clock, metrics: counts };
    let served = kit.serve(routes::router(counter), routes::priority).await;
    backstage.end().await;
    database.close().await;
    Ok(served?)
}
