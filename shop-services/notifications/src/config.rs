//! What notifications is told: the flags of `serve`, each with an environment variable.

use std::time::Duration;

use clap::Args;
use shop_kit::command::Settings;
use shop_kit::config::{BrokerConfig, duration};
use shop_kit::{DatabaseConfig, Secret, ServerConfig, TelemetryConfig};

/// What notifications can do.
pub type Command = shop_kit::command::Command<ServeConfig>;

/// Settings of `serve`.
#[derive(Debug, Clone, Args)]
pub struct ServeConfig {
    /// Listeners, limits, drain.
    #[command(flatten)]
    pub server: ServerConfig,
    /// Notifications' own database.
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
    /// Where messages go.
    #[command(flatten)]
    pub sink: SinkConfig,
    /// How often and how fast.
    #[command(flatten)]
    pub pace: Pace,
    /// How long a message is kept once it is delivered or given up.
    #[arg(long, env = "SHOP_NOTIFICATIONS_KEEP", default_value = "2160h", value_parser = duration)]
    pub notifications_keep: Duration,
    /// Pause between two counts of what is pending.
    #[arg(long, env = "SHOP_SWEEP_PERIOD", default_value = "1s", value_parser = duration)]
    pub sweep_period: Duration,
}

/// Whoever takes messages and knows how to reach customers.
#[derive(Debug, Clone, Args)]
pub struct SinkConfig {
    /// URL that each message is posted to as JSON, with its id as Idempotency-Key; without it messages are written down
    /// as logged, and nobody gets them.
    #[arg(long, env = "SHOP_SINK_URL")]
    pub sink_url: Option<String>,
    /// Our bearer token there.
    #[arg(long, env = "SHOP_SINK_TOKEN", requires = "sink_url")]
    pub sink_token: Option<Secret>,
    /// Longest wait for its answer; after that the outcome is unknown, and the message is posted again.
    #[arg(long, env = "SHOP_CALL_TIMEOUT", default_value = "5s", value_parser = duration)]
    pub call_timeout: Duration,
}

/// How often and how fast messages are delivered.
#[derive(Debug, Clone, Copy, Args)]
pub struct Pace {
    /// Messages that one process delivers at the same time.
    #[arg(long, env = "SHOP_DELIVERY_CONCURRENCY", default_value_t = 8)]
    pub delivery_concurrency: usize,
    /// Attempts after which a message is dead.
    #[arg(long, env = "SHOP_DELIVERY_ATTEMPTS", default_value_t = 12)]
    pub delivery_attempts: u32,
    /// Pause before the second attempt; it doubles with every one, up to an hour.
    #[arg(long, env = "SHOP_DELIVERY_RETRY_DELAY", default_value = "1s", value_parser = duration)]
    pub delivery_retry_delay: Duration,
}

impl Settings for ServeConfig {
    fn telemetry(&self) -> &TelemetryConfig {
        &self.telemetry
    }
}
