//! What cart is told: the flags of `serve`, each with an environment variable.

use std::time::Duration;

use clap::Args;
use shop_kit::command::Settings;
use shop_kit::config::{AccessConfig, BrokerConfig, duration};
use shop_kit::{DatabaseConfig, Secret, ServerConfig, TelemetryConfig};

/// What cart can do.
pub type Command = shop_kit::command::Command<ServeConfig>;

/// Settings of `serve`.
#[derive(Debug, Clone, Args)]
pub struct ServeConfig {
    /// Listeners, limits, drain.
    #[command(flatten)]
    pub server: ServerConfig,
    /// Cart's own database.
    #[command(flatten)]
    pub database: DatabaseConfig,
    /// Events.
    #[command(flatten)]
    pub broker: BrokerConfig,
    /// Logs and traces.
    #[command(flatten)]
    pub telemetry: TelemetryConfig,
    /// Tokens of customers.
    #[command(flatten)]
    pub access: AccessConfig,
    /// URL of pricing.
    #[arg(long, env = "SHOP_PRICING_URL")]
    pub pricing_url: String,
    /// Cart's bearer token at pricing.
    #[arg(long, env = "SHOP_PRICING_TOKEN")]
    pub pricing_token: Secret,
    /// Longest wait for an answer of another service.
    #[arg(long, env = "SHOP_CALL_TIMEOUT", default_value = "2s", value_parser = duration)]
    pub call_timeout: Duration,
    /// Idle time after which a cart with something in it counts as abandoned.
    #[arg(long, env = "SHOP_ABANDONED_AFTER", default_value = "1h", value_parser = duration)]
    pub abandoned_after: Duration,
    /// Idle time after which a cart is deleted.
    #[arg(long, env = "SHOP_CART_TTL", default_value = "720h", value_parser = duration)]
    pub cart_ttl: Duration,
    /// Pause between two looks for abandoned and old carts.
    #[arg(long, env = "SHOP_SWEEP_PERIOD", default_value = "10s", value_parser = duration)]
    pub sweep_period: Duration,
}

impl Settings for ServeConfig {
    fn telemetry(&self) -> &TelemetryConfig {
        &self.telemetry
    }
}
