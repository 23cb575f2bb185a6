//! The catalog's life: connect, migrate, serve, drain; and its two errands, migrate and seed.

use shop_kit::auth::AdminToken;
use shop_kit::backstage::Backstage;
use shop_kit::process::ThisProcess;
use shop_kit::{Database, Identity, Kit, World};
use shop_metrics::{Build, Events, ShopMetrics};

use crate::change::Changer;
use crate::config::{Command, MigrateConfig, SeedConfig, ServeConfig};
use crate::error::CatalogError;
use crate::routes::{self, Catalog};
use crate::schema::migrations;
use crate::seed;

/// Name and version as `shop_build_info` shows them.
pub const BUILD: Build = Build { service_name: "catalog", version: env!("CARGO_PKG_VERSION") };

/// Does what the command line asked for.
///
/// # Errors
/// Where the database, the broker's URL or a listener fails, or requests were cut off at the end of the drain.
pub async fn run(command: Command, world: World) -> Result<(), CatalogError> {
    match command {
        Command::Serve(config) => serve(*config, world).await,
        Command::Migrate(config) => migrate(config).await,
        Command::Seed(config) => seed(config).await,
    }
}

async fn serve(config: ServeConfig, world: World) -> Result<(), CatalogError> {
    let ServeConfig { server, database, broker, telemetry: _, admin_token } = config;
    let mut metrics = ShopMetrics::new(&BUILD, ThisProcess);
    let events = Events::register(&mut metrics);
    let kit = Kit::open(metrics, server, world.started, world.stop).await?;
    let database = Database::connect(&database, kit.metrics.database.clone()).await?;
    database.migrate(migrations()).await?;
    kit.depends_on_database(&database);
    let backstage = match broker {
        None => None,
        Some(broker) => Some(Backstage::start(BUILD.service_name, &broker, &database, &events, None).await?),
    };
    let catalog = Catalog {
        database: database.clone(),
        changer: Changer { db: database.clone(), identity: Identity::new(world.clock, world.random) },
        admin: AdminToken::new(admin_token.as_ref()),
    };
    let served = kit.serve(routes::router(catalog), routes::priority).await;
    if let Some(backstage) = backstage {
        backstage.end().await;
    }
    database.close().await;
    Ok(served?)
}

async fn migrate(config: MigrateConfig) -> Result<(), CatalogError> {
    let MigrateConfig { database, telemetry: _ } = config;
    let database = Database::connect(&database, unseen().database).await?;
    database.migrate(migrations()).await?;
    tracing::info!("the schema is up to date");
    database.close().await;
    Ok(())
}

async fn seed(config: SeedConfig) -> Result<(), CatalogError> {
    let SeedConfig { database, telemetry: _, count, seed } = config;
    let database = Database::connect(&database, unseen().database).await?;
    database.migrate(migrations()).await?;
    let written = seed::write(&database, count, seed).await?;
    tracing::info!(asked = count, written, "the demonstration assortment is there");
    database.close().await;
    Ok(())
}

/// Families that nobody scrapes, for errands that end at once.
fn unseen() -> ShopMetrics {
    ShopMetrics::new(&BUILD, ThisProcess)
}
