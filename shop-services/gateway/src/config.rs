//! What the gateway is told: the flags of `serve`, each with an environment variable.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use shop_contracts::Currency;
use shop_kit::config::{AccessConfig, duration};
use shop_kit::{Secret, ServerConfig, TelemetryConfig};

/// What the gateway can do.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Serve until SIGTERM.
    Serve(Box<ServeConfig>),
}

impl Command {
    /// Logs and traces.
    pub fn telemetry(&self) -> &TelemetryConfig {
        let Self::Serve(config) = self;
        &config.telemetry
    }
}

/// Settings of `serve`. Of the listener's limits, concurrency and queue hold for each service behind the gateway.
#[derive(Debug, Clone, Args)]
#[command(mut_arg("concurrency_limit", |arg| arg.default_value("512")))]
#[command(mut_arg("queue_timeout", |arg| arg.default_value("300ms")))]
pub struct ServeConfig {
    /// Listeners, limits, drain.
    #[command(flatten)]
    pub server: ServerConfig,
    /// Logs and traces.
    #[command(flatten)]
    pub telemetry: TelemetryConfig,
    /// Tokens of customers.
    #[command(flatten)]
    pub access: AccessConfig,
    /// Who serves.
    #[command(flatten)]
    pub endpoints: EndpointsConfig,
    /// File with the routes (TOML), read again whenever its content changes.
    #[arg(long, env = "SHOP_ROUTES", required_unless_present = "exposed")]
    pub routes: Option<PathBuf>,
    /// Bearer token for the routes of administrators; without it they answer 401.
    #[arg(long, env = "SHOP_ADMIN_TOKEN")]
    pub admin_token: Option<Secret>,
    /// Longest wait for the keys that check tokens.
    #[arg(long, env = "SHOP_CALL_TIMEOUT", default_value = "2s", value_parser = duration)]
    pub call_timeout: Duration,
    /// File with the certificate chain (PEM), read again whenever it changes; without it connections are in the clear.
    #[arg(long, env = "SHOP_TLS_CERTIFICATE", requires = "tls_key")]
    pub tls_certificate: Option<PathBuf>,
    /// File with the certificate's key (PEM).
    #[arg(long, env = "SHOP_TLS_KEY", requires = "tls_certificate")]
    pub tls_key: Option<PathBuf>,
    /// Proxies in front whose X-Forwarded-For is believed.
    #[arg(long, env = "SHOP_TRUSTED_HOPS", default_value_t = 0)]
    pub trusted_hops: usize,
    /// Requests held at most while a service has no endpoint, for each service; lower priorities may fill only a part.
    #[arg(long, env = "SHOP_HOLD_LIMIT", default_value_t = 128)]
    pub hold_limit: usize,
    /// Longest hold of a request while its service has no endpoint, or more than it serves while a warm reserve can return.
    #[arg(long, env = "SHOP_HOLD_TIMEOUT", default_value = "10s", value_parser = duration)]
    pub hold_timeout: Duration,
    /// Longest that a product page waits for recommendations.
    #[arg(long, env = "SHOP_RECOMMENDATIONS_TIMEOUT", default_value = "100ms", value_parser = duration)]
    pub recommendations_timeout: Duration,
    /// Currency of a product page that asks for none.
    #[arg(long, env = "SHOP_CURRENCY", default_value = "EUR", value_parser = currency)]
    pub currency: Currency,
}

/// Where the endpoints of services are read.
#[derive(Debug, Clone, Args)]
pub struct EndpointsConfig {
    /// File with the endpoints of services (TOML), read again whenever its content changes; for use outside of a cluster.
    #[arg(
        long = "endpoints",
        env = "SHOP_ENDPOINTS",
        required_unless_present = "namespace",
        conflicts_with = "namespace"
    )]
    pub registry: Option<PathBuf>,
    /// Namespace whose `EndpointSlices` are followed.
    #[arg(long, env = "SHOP_NAMESPACE")]
    pub namespace: Option<String>,
    /// Whether `ShopServices` of that namespace add the routes that they expose; those of the file come first.
    #[arg(long, env = "SHOP_EXPOSED", requires = "namespace", conflicts_with = "registry")]
    pub exposed: bool,
    /// Kubeconfig; without it the pod's own account, or the user's, is used.
    #[arg(long, env = "SHOP_KUBECONFIG", requires = "namespace")]
    pub kubeconfig: Option<PathBuf>,
    /// Service whose endpoints are the gateways, which share the limits that hold for all of them.
    #[arg(long, env = "SHOP_OWN_SERVICE", default_value = "gateway")]
    pub own_service: String,
    /// Pause between two looks at watched files.
    #[arg(long, env = "SHOP_WATCH_PERIOD", default_value = "1s", value_parser = duration)]
    pub watch_period: Duration,
}

fn currency(text: &str) -> Result<Currency, String> {
    Currency::of(text).ok_or_else(|| format!("{text} is none that the shop knows; EUR is one"))
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
    fn a_gateway_has_one_source_of_endpoints_and_its_own_defaults() {
        let with = |flags: &[&str]| {
            Flags::try_parse_from([&["gateway", "--routes=r", "--token-keys-url=http://127.0.0.1:1"], flags].concat())
        };
        let config = with(&["--endpoints=e"]).map(|flags| flags.serve).unwrap();
        assert_eq!((config.server.concurrency_limit, config.server.queue_timeout.as_millis()), (512, 300));
        for wrong in [
            &[][..],
            &["--endpoints=e", "--namespace=shop"],
            &["--endpoints=e", "--tls-key=k"],
            &["--endpoints=e", "--currency=XXX"],
            &["--endpoints=e", "--exposed"],
        ] {
            assert!(with(wrong).is_err(), "{wrong:?}");
        }
        let exposed = ["gateway", "--token-keys-url=http://127.0.0.1:1", "--namespace=shop", "--exposed"];
        assert_eq!(Flags::try_parse_from(exposed).map(|flags| flags.serve.routes).unwrap(), None);
        assert!(Flags::try_parse_from(&exposed[..3]).is_err(), "routes come from somewhere");
    }
}
