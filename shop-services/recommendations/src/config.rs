//! What recommendations is told: the flags of `serve`, each with an environment variable.

use std::time::Duration;

use clap::Args;
use shop_kit::command::Settings;
use shop_kit::config::{AccessConfig, BrokerConfig, duration};
use shop_kit::{DatabaseConfig, ServerConfig, TelemetryConfig};

/// What recommendations can do.
pub type Command = shop_kit::command::Command<ServeConfig>;

/// Settings of `serve`.
#[derive(Debug, Clone, Args)]
pub struct ServeConfig {
    /// Listeners, limits, drain.
    #[command(flatten)]
    pub server: ServerConfig,
    /// Recommendations' own database.
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
    /// Longest wait for the keys that check tokens.
    #[arg(long, env = "SHOP_CALL_TIMEOUT", default_value = "2s", value_parser = duration)]
    pub call_timeout: Duration,
    /// When models are trained, and from what.
    #[command(flatten)]
    pub schedule: Schedule,
}

/// When models are trained, and from what.
#[derive(Debug, Clone, Copy, Args)]
pub struct Schedule {
    /// Age of the model at which the next is trained.
    #[arg(long, env = "SHOP_TRAIN_PERIOD", default_value = "1h", value_parser = duration)]
    pub train_period: Duration,
    /// The same where an account was erased since: after that no model knows anything of it.
    #[arg(long, env = "SHOP_FORGET_WITHIN", default_value = "5m", value_parser = duration)]
    pub forget_within: Duration,
    /// Pause between two looks at the age of the model.
    #[arg(long, env = "SHOP_TRAIN_CHECK_PERIOD", default_value = "10s", value_parser = duration)]
    pub train_check_period: Duration,
    /// Age at which what was collected or bought is deleted.
    #[arg(long, env = "SHOP_HISTORY", default_value = "4320h", value_parser = duration)]
    pub history: Duration,
    /// Lines of carts and orders that a model is trained from at most; the youngest count.
    #[arg(long, env = "SHOP_TRAIN_LINES", default_value_t = 500_000)]
    pub train_lines: u32,
}

impl Settings for ServeConfig {
    fn telemetry(&self) -> &TelemetryConfig {
        &self.telemetry
    }
}
