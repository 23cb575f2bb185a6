//! What every service with a database can be told to do: serve, or bring its schema up to date.

use clap::{Args, Subcommand};
use shop_metrics::{Build, ShopMetrics};
use sqlx::migrate::Migration;

use crate::config::{DatabaseConfig, TelemetryConfig};
use crate::database::{Database, DatabaseError};
use crate::process::ThisProcess;

/// What a service can do; `S` are the settings of `serve`.
#[derive(Debug, Clone, Subcommand)]
pub enum Command<S: Args> {
    /// Serve the API until SIGTERM; brings the schema up to date first.
    Serve(Box<S>),
    /// Bring the schema up to date and exit.
    Migrate(MigrateConfig),
}

/// Settings of `migrate`.
#[derive(Debug, Clone, Args)]
pub struct MigrateConfig {
    /// The service's own database.
    #[command(flatten)]
    pub database: DatabaseConfig,
    /// Logs and traces.
    #[command(flatten)]
    pub telemetry: TelemetryConfig,
}

/// Settings of `serve` know how to log.
pub trait Settings: Args {
    /// Logs and traces.
    fn telemetry(&self) -> &TelemetryConfig;
}

impl<S: Settings> Command<S> {
    /// Logs and traces, whatever the subcommand.
    pub fn telemetry(&self) -> &TelemetryConfig {
        match self {
            Self::Serve(settings) => settings.telemetry(),
            Self::Migrate(config) => &config.telemetry,
        }
    }
}

/// Brings the schema up to date.
///
/// # Errors
/// Where the database fails.
pub async fn migrate(config: MigrateConfig, build: &Build, migrations: Vec<Migration>) -> Result<(), DatabaseError> {
    let MigrateConfig { database, telemetry: _ } = config;
    let database = Database::connect(&database, ShopMetrics::new(build, ThisProcess).database).await?;
    database.migrate(migrations).await?;
    tracing::info!("the schema is up to date");
    database.close().await;
    Ok(())
}
