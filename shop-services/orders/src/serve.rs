//! Orders' life: connect, migrate, serve, work, drain.

use std::sync::Arc;

use shop_kit::access::Access;
use shop_kit::auth::AdminToken;
use shop_kit::backstage::{Backstage, Intake};
use shop_kit::command::migrate;
use shop_kit::keys::Keys;
use shop_kit::process::ThisProcess;
use shop_kit::{Database, Identity, Kit, World};
use shop_metrics::{Breakers, Build, Calls, Events, Orders, ShopMetrics};
use tokio::sync::Notify;

use crate::config::{Command, ServeConfig};
use crate::drive::Driver;
use crate::error::OrdersError;
use crate::intake::{KINDS, Results};
use crate::others::Others;
use crate::place::Changer;
use crate::routes::{self, Ordering};
use crate::schema::migrations;
use crate::settle::Settler;
use crate::watch;

/// Name and version as `shop_build_info` shows them.
pub const BUILD: Build = Build { service_name: "orders", version: env!("CARGO_PKG_VERSION") };

/// Does what the command line asked for.
///
/// # Errors
/// Where the database, the broker's URL, a client or a listener fails, or requests were cut off at the end.
pub async fn run(command: Command, world: World) -> Result<(), OrdersError> {
    match command {
        Command::Serve(config) => serve(*config, world).await,
        Command::Migrate(config) => Ok(migrate(config, &BUILD, migrations()).await?),
    }
}

async fn serve(config: ServeConfig, world: World) -> Result<(), OrdersError> {
    let ServeConfig { server, database, broker, telemetry: _, access, admin_token, others, pace, kill } = config;
    let mut metrics = ShopMetrics::new(&BUILD, ThisProcess);
    let (events, calls) = (Events::register(&mut metrics), Calls::register(&mut metrics));
    let (breakers, counts) = (Breakers::register(&mut metrics), Orders::register(&mut metrics));
    let kit = Kit::open(metrics, server, world.started, world.stop).await?;
    let timeout = others.call_timeout;
    let access = Access::new(&access, timeout, calls.clone(), kit.credentials.as_ref())?;
    let others = Others::new(others, &calls, &breakers, kit.credentials.as_ref())?;
    let database = Database::connect(&database, kit.metrics.database.clone()).await?;
    database.migrate(migrations()).await?;
    kit.depends_on_database(&database);
    let (identity, wake) = (Identity::new(world.clock, world.random), Arc::new(Notify::new()));
    // Whoever has an order for longer than a call can take, and the writing after it, is gone.
    let lease = timeout * 2;
    let settler = Settler { db: database.clone(), identity: identity.clone(), metrics: counts.clone(), pace, lease };
    let results = Results { db: database.clone(), identity: identity.clone(), wake: Arc::clone(&wake) };
    let intake = Intake { kinds: KINDS, handler: Arc::new(results) };
    let backstage = Backstage::start(BUILD.service_name, &broker, &database, &events, Some(intake)).await?;
    let ordering = Ordering {
        database: database.clone(),
        changer: Changer { db: database.clone(), identity: identity.clone() },
        identity,
        access,
        admin: AdminToken::new(admin_token.as_ref()),
        quotes: Keys::of(others.quotes()),
        events,
        counts: counts.clone(),
        wake: Arc::clone(&wake),
        kill: kill.clone(),
    };
    let driver = Driver { db: database.clone(), others, settler, metrics: counts.clone(), wake, kill };
    backstage.also(|stop| driver.run(stop));
    backstage.also(|stop| watch::run(database.clone(), counts, pace.saga_deadline, stop));
    let served = kit.serve(routes::router(ordering), routes::priority).await;
    backstage.end().await;
    database.close().await;
    Ok(served?)
}
