//! What payments is told: the flags of `serve`, each with an environment variable.

use std::time::Duration;

use clap::Args;
use shop_kit::auth::ServiceToken;
use shop_kit::command::Settings;
use shop_kit::config::{BrokerConfig, duration};
use shop_kit::{DatabaseConfig, Secret, ServerConfig, TelemetryConfig};

/// What payments can do.
pub type Command = shop_kit::command::Command<ServeConfig>;

/// Settings of `serve`.
#[derive(Debug, Clone, Args)]
pub struct ServeConfig {
    /// Listeners, limits, drain.
    #[command(flatten)]
    pub server: ServerConfig,
    /// Payments' own database.
    #[command(flatten)]
    pub database: DatabaseConfig,
    /// Events.
    #[command(flatten)]
    pub broker: BrokerConfig,
    /// Logs and traces.
    #[command(flatten)]
    pub telemetry: TelemetryConfig,
    /// A service that may call, and its bearer token, as NAME=TOKEN: orders alone pays.
    #[arg(long, env = "SHOP_SERVICE_TOKENS", value_delimiter = ',')]
    pub service_token: Vec<ServiceToken>,
    /// URL of the payment provider, for example `https://psp.example`.
    #[arg(long, env = "SHOP_PSP_URL")]
    pub psp_url: String,
    /// Longest wait for an answer of the provider; after that the outcome is unknown, not a failure.
    #[arg(long, env = "SHOP_PSP_TIMEOUT", default_value = "3s", value_parser = duration)]
    pub psp_timeout: Duration,
    /// Secret that the provider signs its notices with.
    #[arg(long, env = "SHOP_PSP_NOTICE_SECRET")]
    pub psp_notice_secret: Secret,
    /// Pause before the provider is asked again for an unknown outcome; it doubles with every attempt, up to a minute.
    #[arg(long, env = "SHOP_PSP_RETRY_DELAY", default_value = "1s", value_parser = duration)]
    pub psp_retry_delay: Duration,
    /// Attempts after which a payment is given to a person.
    #[arg(long, env = "SHOP_PSP_ATTEMPTS", default_value_t = 8)]
    pub psp_attempts: u32,
}

impl Settings for ServeConfig {
    fn telemetry(&self) -> &TelemetryConfig {
        &self.telemetry
    }
}
