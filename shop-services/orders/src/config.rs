//! What orders is told: the flags of `serve`, each with an environment variable.

use std::time::Duration;

use clap::Args;
use shop_kit::command::Settings;
use shop_kit::config::{AccessConfig, BrokerConfig, duration};
use shop_kit::{DatabaseConfig, Secret, ServerConfig, TelemetryConfig};

use crate::kill::KillPoint;

/// What orders can do.
pub type Command = shop_kit::command::Command<ServeConfig>;

/// Settings of `serve`.
#[derive(Debug, Clone, Args)]
pub struct ServeConfig {
    /// Listeners, limits, drain.
    #[command(flatten)]
    pub server: ServerConfig,
    /// Orders' own database.
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
    /// Bearer token of administrators; without it their routes answer 401.
    #[arg(long, env = "SHOP_ADMIN_TOKEN")]
    pub admin_token: Option<Secret>,
    /// Whom orders asks.
    #[command(flatten)]
    pub others: OthersConfig,
    /// How orders goes on.
    #[command(flatten)]
    pub pace: Pace,
    /// Where a test ends the process.
    #[command(flatten)]
    pub kill: KillPoint,
}

/// The services that orders asks, and its token at each.
#[derive(Debug, Clone, Args)]
pub struct OthersConfig {
    /// URL of pricing.
    #[arg(long, env = "SHOP_PRICING_URL")]
    pub pricing_url: String,
    /// Orders' bearer token at pricing.
    #[arg(long, env = "SHOP_PRICING_TOKEN")]
    pub pricing_token: Secret,
    /// URL of inventory.
    #[arg(long, env = "SHOP_INVENTORY_URL")]
    pub inventory_url: String,
    /// Orders' bearer token at inventory.
    #[arg(long, env = "SHOP_INVENTORY_TOKEN")]
    pub inventory_token: Secret,
    /// URL of payments.
    #[arg(long, env = "SHOP_PAYMENTS_URL")]
    pub payments_url: String,
    /// Orders' bearer token at payments.
    #[arg(long, env = "SHOP_PAYMENTS_TOKEN")]
    pub payments_token: Secret,
    /// Longest wait for an answer of one of them; after that the outcome is unknown, not a failure.
    #[arg(long, env = "SHOP_CALL_TIMEOUT", default_value = "5s", value_parser = duration)]
    pub call_timeout: Duration,
}

/// How fast orders goes on, and when it gives up.
#[derive(Debug, Clone, Copy, Args)]
pub struct Pace {
    /// Orders that one process works on at the same time.
    #[arg(long, env = "SHOP_SAGA_CONCURRENCY", default_value_t = 16)]
    pub saga_concurrency: usize,
    /// Pause before a step is tried again; it doubles with every attempt, up to a minute.
    #[arg(long, env = "SHOP_SAGA_RETRY_DELAY", default_value = "500ms", value_parser = duration)]
    pub saga_retry_delay: Duration,
    /// Attempts of one step without an answer after which a person should look.
    #[arg(long, env = "SHOP_SAGA_ATTEMPTS", default_value_t = 10)]
    pub saga_attempts: u32,
    /// Pause between two looks at an order that needs review.
    #[arg(long, env = "SHOP_SAGA_REVIEW_PERIOD", default_value = "5m", value_parser = duration)]
    pub saga_review_period: Duration,
    /// Age from which an order on its way counts as overdue.
    #[arg(long, env = "SHOP_SAGA_DEADLINE", default_value = "10m", value_parser = duration)]
    pub saga_deadline: Duration,
}

impl Settings for ServeConfig {
    fn telemetry(&self) -> &TelemetryConfig {
        &self.telemetry
    }
}
