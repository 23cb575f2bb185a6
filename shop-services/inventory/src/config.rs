//! What inventory is told: the flags of `serve`, each with an environment variable.

use std::time::Duration;

use clap::Args;
use shop_kit::auth::ServiceToken;
use shop_kit::command::Settings;
use shop_kit::config::{BrokerConfig, duration};
use shop_kit::{DatabaseConfig, Secret, ServerConfig, TelemetryConfig};

/// What inventory can do.
pub type Command = shop_kit::command::Command<ServeConfig>;

/// Settings of `serve`.
#[derive(Debug, Clone, Args)]
pub struct ServeConfig {
    /// Listeners, limits, drain.
    #[command(flatten)]
    pub server: ServerConfig,
    /// Inventory's own database.
    #[command(flatten)]
    pub database: DatabaseConfig,
    /// Events.
    #[command(flatten)]
    pub broker: BrokerConfig,
    /// Logs and traces.
    #[command(flatten)]
    pub telemetry: TelemetryConfig,
    /// Bearer token of administrators; without it their routes answer 401.
    #[arg(long, env = "SHOP_ADMIN_TOKEN")]
    pub admin_token: Option<Secret>,
    /// A service that may call, and its bearer token, as NAME=TOKEN: orders alone reserves and settles.
    #[arg(long, env = "SHOP_SERVICE_TOKENS", value_delimiter = ',')]
    pub service_token: Vec<ServiceToken>,
    /// How long stock is set aside for an order that does not settle.
    #[arg(long, env = "SHOP_RESERVATION_TTL", default_value = "15m", value_parser = duration)]
    pub reservation_ttl: Duration,
    /// Pause between two looks for reservations whose time is up.
    #[arg(long, env = "SHOP_SWEEP_PERIOD", default_value = "1s", value_parser = duration)]
    pub sweep_period: Duration,
    /// Units at which stock is told to be low.
    #[arg(long, env = "SHOP_LOW_STOCK", default_value_t = 5)]
    pub low_stock: u32,
}

impl Settings for ServeConfig {
    fn telemetry(&self) -> &TelemetryConfig {
        &self.telemetry
    }
}
