//! The settings every service has: one clap struct each, every flag with its environment variable.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use jiff::SignedDuration;

use crate::mutual::MutualConfig;

/// Listeners, limits and drain of one service.
#[derive(Debug, Clone, Args)]
pub struct ServerConfig {
    /// Address of the public API; it also answers /healthz and /readyz.
    #[arg(long, env = "SHOP_LISTEN", default_value = "0.0.0.0:8080")]
    pub listen: SocketAddr,
    /// Address for /metrics, /healthz and /readyz; not for the public.
    #[arg(long, env = "SHOP_ADMIN_LISTEN", default_value = "0.0.0.0:9090")]
    pub admin_listen: SocketAddr,
    /// Requests worked on at the same time.
    #[arg(long, env = "SHOP_CONCURRENCY_LIMIT", default_value_t = 64)]
    pub concurrency_limit: usize,
    /// Requests that may wait for their turn; lower priorities may fill only a part of it.
    #[arg(long, env = "SHOP_QUEUE_LIMIT", default_value_t = 256)]
    pub queue_limit: usize,
    /// Longest wait in the queue before a request is turned away with 503, for example 1s.
    #[arg(long, env = "SHOP_QUEUE_TIMEOUT", default_value = "1s", value_parser = duration)]
    pub queue_timeout: Duration,
    /// Longest work on one request before it is answered with 504.
    #[arg(long, env = "SHOP_REQUEST_TIMEOUT", default_value = "5s", value_parser = duration)]
    pub request_timeout: Duration,
    /// Longest time a client may take to send the head of a request.
    #[arg(long, env = "SHOP_HEADER_TIMEOUT", default_value = "90s", value_parser = duration)]
    pub header_timeout: Duration,
    /// Largest request body in bytes.
    #[arg(long, env = "SHOP_BODY_LIMIT", default_value_t = 65_536)]
    pub body_limit: usize,
    /// Time between failing /readyz and refusing new connections, for load balancers to notice.
    #[arg(long, env = "SHOP_DRAIN_DELAY", default_value = "5s", value_parser = duration)]
    pub drain_delay: Duration,
    /// Longest wait for requests in flight after that.
    #[arg(long, env = "SHOP_DRAIN_TIMEOUT", default_value = "20s", value_parser = duration)]
    pub drain_timeout: Duration,
    /// Certificates between services.
    #[command(flatten)]
    pub mutual: MutualConfig,
}

/// Logs and traces of one service.
#[derive(Debug, Clone, Args)]
pub struct TelemetryConfig {
    /// Log filter in the syntax of tracing-subscriber, for example info,sqlx=warn.
    #[arg(long, env = "SHOP_LOG", default_value = "info,sqlx=warn")]
    pub log: String,
    /// OTLP/HTTP endpoint for traces, for example `http://127.0.0.1:4318`; without it spans are not exported.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT")]
    pub otlp_endpoint: Option<String>,
}

/// The service's own database.
#[derive(Debug, Clone, Args)]
pub struct DatabaseConfig {
    /// URL of the service's own database, for example `postgres://catalog:secret@127.0.0.1/catalog`.
    #[arg(long, env = "SHOP_DATABASE_URL")]
    pub database_url: Secret,
    /// Largest number of connections of this process; replicas times this must stay below `max_connections`.
    #[arg(long, env = "SHOP_DATABASE_CONNECTIONS", default_value_t = 4)]
    pub database_connections: u32,
    /// Longest wait for a free connection.
    #[arg(long, env = "SHOP_DATABASE_ACQUIRE_TIMEOUT", default_value = "2s", value_parser = duration)]
    pub database_acquire_timeout: Duration,
    /// Longest wait at start for the database to answer.
    #[arg(long, env = "SHOP_DATABASE_CONNECT_TIMEOUT", default_value = "60s", value_parser = duration)]
    pub database_connect_timeout: Duration,
}

/// The broker that carries events.
#[derive(Debug, Clone, Args)]
pub struct BrokerConfig {
    /// URL of the NATS server with JetStream, for example `nats://127.0.0.1:4222`.
    #[arg(long, env = "SHOP_NATS_URL")]
    pub nats_url: Secret,
    /// Pause between two looks into the outbox while it is empty or the broker away.
    #[arg(long, env = "SHOP_OUTBOX_PERIOD", default_value = "200ms", value_parser = duration)]
    pub outbox_period: Duration,
    /// How long the broker recognises an event that is published again.
    #[arg(long, env = "SHOP_DUPLICATE_WINDOW", default_value = "2m", value_parser = duration)]
    pub duplicate_window: Duration,
    /// Deliveries after which an event that cannot be applied goes to the dead letters.
    #[arg(long, env = "SHOP_MAX_DELIVERIES", default_value_t = 5)]
    pub max_deliveries: u32,
    /// Pause before an event that could not be applied is delivered again.
    #[arg(long, env = "SHOP_REDELIVERY_DELAY", default_value = "1s", value_parser = duration)]
    pub redelivery_delay: Duration,
    /// How long published events, applied event ids and idempotency keys are kept; at least 24h.
    #[arg(long, env = "SHOP_KEEP", default_value = "168h", value_parser = at_least_a_day)]
    pub keep: Duration,
}

/// Who signs the tokens of users, and for whom.
#[derive(Debug, Clone, Args)]
pub struct AccessConfig {
    /// URL of the service whose `/.well-known/jwks.json` has the keys that check users' tokens.
    #[arg(long, env = "SHOP_TOKEN_KEYS_URL")]
    pub token_keys_url: String,
    /// The `iss` of users' tokens.
    #[arg(long, env = "SHOP_TOKEN_ISSUER", default_value = "accounts")]
    pub token_issuer: String,
    /// The `aud` of users' tokens.
    #[arg(long, env = "SHOP_TOKEN_AUDIENCE", default_value = "shop")]
    pub token_audience: String,
}

/// A value that is never shown: `Debug` and `Display` print `[redacted]`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The value itself, for the one call that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl FromStr for Secret {
    type Err = std::convert::Infallible;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Ok(Self(s.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Parses a positive duration with its unit.
///
/// # Errors
/// Says what would pass when the unit is missing or the duration is negative.
pub fn duration(text: &str) -> Result<Duration, String> {
    let parsed: SignedDuration = text.parse().map_err(|e| format!("{e}; write a duration such as 500ms, 30s or 5m"))?;
    Duration::try_from(parsed).map_err(|_| format!("{text} is negative; write a duration such as 30s"))
}

/// Parses a duration of 24 hours or more: clients may repeat a request that long.
fn at_least_a_day(text: &str) -> Result<Duration, String> {
    let parsed = duration(text)?;
    if parsed < Duration::from_hours(24) {
        return Err(format!("{text} is less than a day; 24h and more pass"));
    }
    Ok(parsed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_redacted_wherever_they_are_shown() {
        let secret: Secret = "hunter2".parse().unwrap();
        assert_eq!(format!("{secret} {secret:?}"), "[redacted] [redacted]");
        assert_eq!(secret.reveal(), "hunter2");
    }

    #[test]
    fn durations_need_a_unit_and_must_not_be_negative() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("1m30s"), Ok(Duration::from_secs(90)));
        assert!(duration("30").unwrap_err().contains("30s"));
        assert!(duration("-1s").unwrap_err().contains("negative"));
    }
}
