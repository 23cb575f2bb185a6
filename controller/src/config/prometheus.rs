//! Settings for reading Prometheus; headers and passwords never show.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use jiff::SignedDuration;
use presale_prometheus::Labels;

use super::{at_least_a_second, unsigned};

/// Where load is read.
#[derive(clap::Args, Debug, Clone)]
pub(crate) struct PrometheusConfig {
    /// Address of Prometheus (or of Mimir, Thanos, …); without it only promotions, pins and bounds act
    #[arg(long, env = "PRESALE_PROMETHEUS_URL", value_name = "URL")]
    pub(crate) prometheus_url: Option<String>,
    /// File with a bearer token; read again for every query, so that it may be rotated
    #[arg(long, env = "PRESALE_PROMETHEUS_TOKEN_FILE", value_name = "FILE")]
    pub(crate) prometheus_token_file: Option<PathBuf>,
    /// File with the certificates (PEM) to trust instead of the bundled ones
    #[arg(long, env = "PRESALE_PROMETHEUS_CA_FILE", value_name = "FILE")]
    pub(crate) prometheus_ca_file: Option<PathBuf>,
    /// Extra header "Name: value" for every query, such as a tenant's; may be repeated
    #[arg(
        long = "prometheus-header",
        env = "PRESALE_PROMETHEUS_HEADERS",
        value_delimiter = '\n',
        value_name = "HEADER"
    )]
    pub(crate) prometheus_headers: Vec<Header>,
    /// Longest time for one query
    #[arg(long, env = "PRESALE_PROMETHEUS_TIMEOUT", default_value = "10s", value_parser = at_least_a_second, value_name = "DURATION")]
    pub(crate) prometheus_timeout: SignedDuration,
    /// Window of rates, at least two scrape intervals
    #[arg(long, env = "PRESALE_RATE_WINDOW", default_value = "1m", value_parser = at_least_a_second, value_name = "DURATION")]
    pub(crate) rate_window: SignedDuration,
    /// Age from which a newest sample is stale, at least two scrape intervals
    #[arg(long, env = "PRESALE_STALE_AFTER", default_value = "1m", value_parser = at_least_a_second, value_name = "DURATION")]
    pub(crate) stale_after: SignedDuration,
    /// Label that carries the namespace in the preset queries
    #[arg(long, env = "PRESALE_NAMESPACE_LABEL", default_value = "namespace", value_name = "LABEL")]
    pub(crate) namespace_label: String,
    /// Label that carries the service's name in the preset queries
    #[arg(long, env = "PRESALE_SERVICE_LABEL", default_value = "service", value_name = "LABEL")]
    pub(crate) service_label: String,
    /// Label that carries the pod's name in the preset queries
    #[arg(long, env = "PRESALE_POD_LABEL", default_value = "pod", value_name = "LABEL")]
    pub(crate) pod_label: String,
}

impl PrometheusConfig {
    /// As the adapter takes it; `None` where there is no Prometheus.
    pub(crate) fn convert(&self) -> Option<presale_prometheus::PrometheusConfig> {
        let Self {
            prometheus_url,
            prometheus_token_file,
            prometheus_ca_file,
            prometheus_headers,
            prometheus_timeout,
            rate_window,
            stale_after,
            namespace_label,
            service_label,
            pod_label,
        } = self;
        Some(presale_prometheus::PrometheusConfig {
            bearer_token_file: prometheus_token_file.clone(),
            ca_file: prometheus_ca_file.clone(),
            headers: prometheus_headers.iter().map(|h| (h.name.clone(), h.value.clone())).collect(),
            timeout: unsigned(*prometheus_timeout),
            rate_window: unsigned(*rate_window),
            stale_after: unsigned(*stale_after),
            labels: Labels {
                namespace: namespace_label.clone(),
                service: service_label.clone(),
                pod: pod_label.clone(),
            },
            ..presale_prometheus::PrometheusConfig::new(prometheus_url.clone()?)
        })
    }

    pub(super) fn describe(&self) -> Vec<(&'static str, String)> {
        let Self {
            prometheus_url,
            prometheus_token_file,
            prometheus_ca_file,
            prometheus_headers,
            prometheus_timeout,
            rate_window,
            stale_after,
            namespace_label,
            service_label,
            pod_label,
        } = self;
        let path = |file: &Option<PathBuf>| file.as_ref().map_or("(none)".to_owned(), |p| p.display().to_string());
        vec![
            ("prometheus-url", prometheus_url.as_deref().map_or("(none)".to_owned(), without_password)),
            ("prometheus-token-file", path(prometheus_token_file)),
            ("prometheus-ca-file", path(prometheus_ca_file)),
            ("prometheus-headers", format!("{prometheus_headers:?}")),
            ("prometheus-timeout", format!("{prometheus_timeout:#}")),
            ("rate-window", format!("{rate_window:#}")),
            ("stale-after", format!("{stale_after:#}")),
            ("namespace-label", namespace_label.clone()),
            ("service-label", service_label.clone()),
            ("pod-label", pod_label.clone()),
        ]
    }
}

/// A header of every query; its value never shows.
#[derive(Clone)]
pub(crate) struct Header {
    /// Its name.
    pub(crate) name: String,
    /// Its value, perhaps a secret.
    pub(crate) value: String,
}

impl FromStr for Header {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((name, value)) = text.split_once(':') else {
            return Err("a header is written \"Name: value\", such as \"X-Scope-OrgID: shop\"".to_owned());
        };
        let (name, value) = (name.trim(), value.trim());
        let token = |c: char| c.is_ascii_alphanumeric() || "-_.!#$%&'*+^`|~".contains(c);
        if name.is_empty() || !name.chars().all(token) || value.chars().any(char::is_control) {
            return Err("a header's name is letters, digits and dashes, its value has no control characters".to_owned());
        }
        Ok(Self { name: name.to_owned(), value: value.to_owned() })
    }
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: <redacted>", self.name)
    }
}

/// The address without what stands before the host's `@`.
fn without_password(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if at > scheme => format!("{}<redacted>{}", &url[..scheme + 3], &url[at..]),
        _ => url.to_owned(),
    }
}
