//! Notifications' life: connect, migrate, serve, deliver, drain.

use std::sync::Arc;

use shop_kit::auth::AdminToken;
use shop_kit::backstage::{Backstage, Intake};
use shop_kit::command::migrate;
use shop_kit::process::ThisProcess;
use shop_kit::{Database, Identity, Kit, World};
use shop_metrics::{Backlog, Build, Calls, Events, Notifications, ShopMetrics};
use tokio::sync::Notify;

use crate::config::{Command, ServeConfig};
use crate::deliver::Deliverer;
use crate::error::NotificationsError;
use crate::intake::{KINDS, Writer};
use crate::routes::{self, Office};
use crate::schema::migrations;
use crate::sweep;
use crate::transport::Transport;

/// Name and version as `shop_build_info` shows them.
pub const BUILD: Build = Build { service_name: "notifications", version: env!("CARGO_PKG_VERSION") };

/// Does what the command line asked for.
///
/// # Errors
/// Where the database, the broker's URL, the sink's client or a listener fails, or requests were cut off at the end.
pub async fn run(command: Command, world: World) -> Result<(), NotificationsError> {
    match command {
        Command::Serve(config) => serve(*config, world).await,
        Command::Migrate(config) => Ok(migrate(config, &BUILD, migrations()).await?),
    }
}

async fn serve(config: ServeConfig, world: World) -> Result<(), NotificationsError> {
    let ServeConfig {
        server,
        database,
        broker,
        telemetry: _,
        admin_token,
        sink,
        pace,
        notifications_keep,
        sweep_period,
    } = config;
    let mut metrics = ShopMetrics::new(&BUILD, ThisProcess);
    let (events, calls) = (Events::register(&mut metrics), Calls::register(&mut metrics));
    let (counts, backlog) = (Notifications::register(&mut metrics), Backlog::register(&mut metrics));
    let kit = Kit::open(metrics, server, world.started, world.stop).await?;
    // Whoever has a message for longer than a call can take, and the writing after it, is gone.
    let lease = sink.call_timeout * 2;
    let transport = Transport::new(sink, calls)?;
    let database = Database::connect(&database, kit.metrics.database.clone()).await?;
    database.migrate(migrations()).await?;
    kit.depends_on_database(&database);
    let (identity, wake) = (Identity::new(world.clock, world.random), Arc::new(Notify::new()));
    let writer = Writer { db: database.clone(), identity, wake: Arc::clone(&wake) };
    let intake = Intake { kinds: KINDS, handler: Arc::new(writer) };
    let backstage = Backstage::start(BUILD.service_name, &broker, &database, &events, Some(intake)).await?;
    backstage.shows_backlog(BUILD.service_name, KINDS, &database, backlog);
    let deliverer = Deliverer { db: database.clone(), transport, metrics: counts.clone(), pace, lease, wake };
    backstage.also(|stop| deliverer.run(stop));
    backstage.also(|stop| sweep::run(database.clone(), counts, notifications_keep, sweep_period, stop));
    let office = Office { database: database.clone(), admin: AdminToken::new(admin_token.as_ref()) };
    let served = kit.serve(routes::router(office), routes::priority).await;
    backstage.end().await;
    database.close().await;
    Ok(served?)
}
