//! Cart's life: connect, migrate, serve, sweep, drain.

use std::sync::Arc;

use shop_kit::access::Access;
use shop_kit::backstage::{Backstage, Intake};
use shop_kit::command::migrate;
use shop_kit::peer::Peer;
use shop_kit::process::ThisProcess;
use shop_kit::{Database, Identity, Kit, World};
use shop_metrics::{Breakers, Build, Calls, Events, ShopMetrics};

use crate::abandon::Sweeper;
use crate::change::Changer;
use crate::config::{Command, ServeConfig};
use crate::error::CartError;
use crate::intake::{Follower, KINDS};
use crate::routes::{self, Shelf};
use crate::schema::migrations;

/// Name and version as `shop_build_info` shows them.
pub const BUILD: Build = Build { service_name: "cart", version: env!("CARGO_PKG_VERSION") };

/// Does what the command line asked for.
///
/// # Errors
/// Where the database, the broker's URL, a client or a listener fails, or requests were cut off at the end.
pub async fn run(command: Command, world: World) -> Result<(), CartError> {
    match command {
        Command::Serve(config) => serve(*config, world).await,
        Command::Migrate(config) => Ok(migrate(config, &BUILD, migrations()).await?),
    }
}

async fn serve(config: ServeConfig, world: World) -> Result<(), CartError> {
    let ServeConfig {
        server,
        database,
        broker,
        telemetry: _,
        access,
        pricing_url,
        pricing_token,
        call_timeout,
        abandoned_after,
        cart_ttl,
        sweep_period,
    } = config;
    let mut metrics = ShopMetrics::new(&BUILD, ThisProcess);
    let (events, calls) = (Events::register(&mut metrics), Calls::register(&mut metrics));
    let breakers = Breakers::register(&mut metrics);
    let kit = Kit::open(metrics, server, world.started, world.stop).await?;
    let access = Access::new(&access, call_timeout, calls.clone(), kit.credentials.as_ref())?;
    let pricing = Peer::new("pricing", &pricing_url, call_timeout, calls)?;
    let pricing = pricing.showing(kit.credentials.as_ref(), "pricing")?;
    let pricing = pricing.with_token(pricing_token).with_breaker(&breakers);
    let database = Database::connect(&database, kit.metrics.database.clone()).await?;
    database.migrate(migrations()).await?;
    kit.depends_on_database(&database);
    let identity = Identity::new(world.clock, world.random);
    let changer = Changer { db: database.clone(), identity: identity.clone() };
    let intake = Intake { kinds: KINDS, handler: Arc::new(Follower(changer.clone())) };
    let backstage = Backstage::start(BUILD.service_name, &broker, &database, &events, Some(intake)).await?;
    let sweeper = Sweeper { changer: changer.clone(), abandoned_after, ttl: cart_ttl, period: sweep_period };
    backstage.also(|stop| sweeper.run(stop));
    let shelf = Shelf { database: database.clone(), changer, identity, access, events, pricing };
    let served = kit.serve(routes::router(shelf), routes::priority).await;
    backstage.end().await;
    database.close().await;
    Ok(served?)
}
