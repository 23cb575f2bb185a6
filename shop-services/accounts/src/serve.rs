//! Accounts' life: connect, migrate, open the vault, look at the keys, serve, sweep, drain.

use shop_kit::auth::Callers;
use shop_kit::backstage::Backstage;
use shop_kit::command::migrate;
use shop_kit::process::ThisProcess;
use shop_kit::seal::MasterKeys;
use shop_kit::{Database, Identity, Kit, World};
use shop_metrics::{Build, Events, ShopMetrics};

use crate::account::Accounts;
use crate::attempts::Attempts;
use crate::config::{Command, RotateConfig, ServeConfig};
use crate::error::AccountsError;
use crate::issue::Issuer;
use crate::password::Hasher;
use crate::routes::{self, Desk};
use crate::schema::migrations;
use crate::session::Sessions;
use crate::signing::{Ring, Rotation};
use crate::sweep::Sweeper;
use crate::vault::Vault;

/// Name and version as `shop_build_info` shows them.
pub const BUILD: Build = Build { service_name: "accounts", version: env!("CARGO_PKG_VERSION") };

/// Does what the command line asked for.
///
/// # Errors
/// Where there is no usable master key, the database, the broker's URL or a listener fails, or requests were cut off
/// at the end.
pub async fn run(command: Command, world: World) -> Result<(), AccountsError> {
    match command {
        Command::Serve(config) => Box::pin(serve(*config, world)).await,
        Command::Migrate(config) => Ok(migrate(config, &BUILD, migrations()).await?),
        Command::RotateKeys(config) => rotate(config, world).await,
    }
}

async fn serve(config: ServeConfig, world: World) -> Result<(), AccountsError> {
    let ServeConfig {
        server,
        database,
        broker,
        telemetry: _,
        masters,
        signing,
        tokens,
        passwords,
        attempts,
        service_token,
        sweep_period,
    } = config;
    // What cannot work is refused before anything is begun.
    let masters = MasterKeys::new(&masters.master_key)?;
    signing.check()?;
    tokens.check()?;
    let mut metrics = ShopMetrics::new(&BUILD, ThisProcess);
    let (events, families) = (Events::register(&mut metrics), shop_metrics::Accounts::register(&mut metrics));
    let kit = Kit::open(metrics, server, world.started, world.stop).await?;
    let identity = Identity::new(world.clock, world.random);
    let hasher = Hasher::new(&passwords, identity.clone(), families.clone(), kit.metrics.admission.clone())?;
    let database = Database::connect(&database, kit.metrics.database.clone()).await?;
    database.migrate(migrations()).await?;
    kit.depends_on_database(&database);
    let vault = Vault::open(&database, masters, identity.clone()).await?;
    let ring = Ring::new(database.clone(), vault.clone(), identity.clone(), signing, tokens.access_ttl);
    ring.turn(Rotation::Due).await?;
    let backstage = Backstage::start(BUILD.service_name, &broker, &database, &events, None).await?;
    let sessions = Sessions { db: database.clone(), identity: identity.clone(), ttl: tokens.session_ttl };
    let desk = Desk {
        database: database.clone(),
        accounts: Accounts { db: database.clone(), vault: vault.clone(), identity: identity.clone() },
        attempts: Attempts { db: database.clone(), vault: vault.clone(), config: attempts },
        callers: Callers::new(&service_token),
        events,
        hasher,
        identity: identity.clone(),
        issuer: Issuer { ring: ring.clone(), config: tokens },
        metrics: families,
        sessions: sessions.clone(),
        vault: vault.clone(),
    };
    let sweeper = Sweeper { sessions, attempts: desk.attempts.clone(), vault, identity, period: sweep_period };
    backstage.also(|stop| ring.run(stop));
    backstage.also(|stop| sweeper.run(stop));
    let served = kit.serve(routes::router(desk), routes::priority).await;
    backstage.end().await;
    database.close().await;
    Ok(served?)
}

async fn rotate(config: RotateConfig, world: World) -> Result<(), AccountsError> {
    let RotateConfig { database, telemetry: _, masters, signing, access_ttl } = config;
    let masters = MasterKeys::new(&masters.master_key)?;
    signing.check()?;
    let database = Database::connect(&database, ShopMetrics::new(&BUILD, ThisProcess).database).await?;
    let identity = Identity::new(world.clock, world.random);
    let vault = Vault::open(&database, masters, identity.clone()).await?;
    let ring = Ring::new(database.clone(), vault, identity, signing, access_ttl);
    ring.turn(Rotation::Wanted).await?;
    database.close().await;
    Ok(())
}
