//! What pricing is told: the flags of `serve`, each with an environment variable.

use std::time::Duration;

use clap::Args;
use shop_kit::auth::ServiceToken;
use shop_kit::command::Settings;
use shop_kit::config::{BrokerConfig, duration};
use shop_kit::{DatabaseConfig, Secret, ServerConfig, TelemetryConfig};

/// What pricing can do.
pub type Command = shop_kit::command::Command<ServeConfig>;

/// Settings of `serve`.
#[derive(Debug, Clone, Args)]
pub struct ServeConfig {
    /// Listeners, limits, drain.
    #[command(flatten)]
    pub server: ServerConfig,
    /// Pricing's own database.
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
    /// A service that may call, and its bearer token, as NAME=TOKEN: cart, gateway and orders ask for quotes, orders
    /// redeems, presale reads the calendar.
    #[arg(long, env = "SHOP_SERVICE_TOKENS", value_delimiter = ',')]
    pub service_token: Vec<ServiceToken>,
    /// Key that signs quotes: 32 random bytes in base64url.
    #[arg(long, env = "SHOP_QUOTE_KEY")]
    pub quote_key: Secret,
    /// How long a quote binds.
    #[arg(long, env = "SHOP_QUOTE_TTL", default_value = "15m", value_parser = duration)]
    pub quote_ttl: Duration,
}

impl Settings for ServeConfig {
    fn telemetry(&self) -> &TelemetryConfig {
        &self.telemetry
    }
}
