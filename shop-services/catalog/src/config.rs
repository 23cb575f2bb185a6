//! What the catalog is told: its subcommands and their flags, each with an environment variable.

use clap::{Args, Subcommand};
use shop_kit::config::BrokerConfig;
use shop_kit::{DatabaseConfig, Secret, ServerConfig, TelemetryConfig};

/// What the catalog can do.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Serve the API until SIGTERM; brings the schema up to date first.
    Serve(Box<ServeConfig>),
    /// Bring the schema up to date and exit.
    Migrate(MigrateConfig),
    /// Write the demonstration assortment and exit; products that exist are left alone.
    Seed(SeedConfig),
}

impl Command {
    /// Logs and traces, whatever the subcommand.
    pub fn telemetry(&self) -> &TelemetryConfig {
        match self {
            Self::Serve(c) => &c.telemetry,
            Self::Migrate(c) => &c.telemetry,
            Self::Seed(c) => &c.telemetry,
        }
    }
}

/// Settings of `serve`. Without a broker the catalog tells nobody: its events wait in the outbox for a process that
/// has one.
#[derive(Debug, Clone, Args)]
#[command(mut_arg("nats_url", |arg| arg.required(false)))]
pub struct ServeConfig {
    /// Listeners, limits, drain.
    #[command(flatten)]
    pub server: ServerConfig,
    /// The catalog's own database.
    #[command(flatten)]
    pub database: DatabaseConfig,
    /// Events.
    #[command(flatten)]
    pub broker: Option<BrokerConfig>,
    /// Logs and traces.
    #[command(flatten)]
    pub telemetry: TelemetryConfig,
    /// Bearer token for creating, changing and retiring products; without it these routes answer 401.
    #[arg(long, env = "SHOP_ADMIN_TOKEN")]
    pub admin_token: Option<Secret>,
}

/// Settings of `migrate`.
#[derive(Debug, Clone, Args)]
pub struct MigrateConfig {
    /// The catalog's own database.
    #[command(flatten)]
    pub database: DatabaseConfig,
    /// Logs and traces.
    #[command(flatten)]
    pub telemetry: TelemetryConfig,
}

/// Settings of `seed`.
#[derive(Debug, Clone, Args)]
pub struct SeedConfig {
    /// The catalog's own database.
    #[command(flatten)]
    pub database: DatabaseConfig,
    /// Logs and traces.
    #[command(flatten)]
    pub telemetry: TelemetryConfig,
    /// How many products, at most 10000.
    #[arg(long, env = "SHOP_SEED_COUNT", default_value_t = shop_contracts::demo::PRODUCTS,
          value_parser = clap::value_parser!(u32).range(1..=i64::from(shop_contracts::demo::PRODUCTS)))]
    pub count: u32,
    /// Seed of the random numbers: the same seed writes the same products.
    #[arg(long, env = "SHOP_SEED", default_value_t = 1)]
    pub seed: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        serve: ServeConfig,
    }

    #[test]
    fn a_catalog_may_have_no_broker_but_not_half_of_one() {
        let with =
            |flags: &[&str]| Flags::try_parse_from([&["catalog", "--database-url=postgres://x"], flags].concat());
        let broker = |flags: &[&str]| with(flags).map(|flags| flags.serve.broker);
        assert!(broker(&[]).is_ok_and(|broker| broker.is_none()));
        let url = broker(&["--nats-url=nats://127.0.0.1:1"]).unwrap().unwrap();
        assert_eq!((url.nats_url.reveal(), url.max_deliveries), ("nats://127.0.0.1:1", 5));
        assert!(broker(&["--outbox-period=1s"]).is_err());
    }
}
