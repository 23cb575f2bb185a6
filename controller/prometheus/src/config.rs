//! Where Prometheus is, who we are to it, how long it may take, and what its labels are called.

use std::path::PathBuf;
use std::time::Duration;

/// How to reach and read one Prometheus, Mimir or Thanos.
#[derive(Debug, Clone)]
pub struct PrometheusConfig {
    /// Base address, such as `http://prometheus.monitoring:9090` or `https://mimir/prometheus`.
    pub url: String,
    /// File with a bearer token, read anew for every query, so that a rotated token is used at once.
    pub bearer_token_file: Option<PathBuf>,
    /// File with PEM certificates to trust besides those of the system; read once.
    pub ca_file: Option<PathBuf>,
    /// Extra headers of every query, such as `X-Scope-OrgID` (Mimir) or `THANOS-TENANT`.
    pub headers: Vec<(String, String)>,
    /// Deadline of one query, from connecting to the last byte. **Range**: > 0.
    pub timeout: Duration,
    /// Longest answer that is read, in bytes.
    pub max_response: usize,
    /// Queries of services' own that run at the same time. **Range**: ≥ 1 (0 counts as 1).
    pub concurrency: usize,
    /// Window of `rate()`. **Range**: at least two scrape intervals, or there is nothing to rate.
    pub rate_window: Duration,
    /// A newest sample older than this is stale. **Range**: at least two scrape intervals.
    pub stale_after: Duration,
    /// Names of the labels that say whose series it is.
    pub labels: Labels,
}

/// Label names as the scrape configuration sets them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labels {
    /// Label of the namespace.
    pub namespace: String,
    /// Label of the service.
    pub service: String,
    /// Label of the pod. Where it is missing pods cannot be told apart: with more than one replica every reading is
    /// then Partial.
    pub pod: String,
}

impl Default for Labels {
    fn default() -> Self {
        Self { namespace: "namespace".to_owned(), service: "service".to_owned(), pod: "pod".to_owned() }
    }
}

impl PrometheusConfig {
    /// Defaults for a Prometheus that scrapes every 15 s: 10 s deadline, 32 MiB, rates over 1 min, stale after 1 min.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            bearer_token_file: None,
            ca_file: None,
            headers: Vec::new(),
            timeout: Duration::from_secs(10),
            max_response: 32 << 20,
            concurrency: 8,
            rate_window: Duration::from_mins(1),
            stale_after: Duration::from_mins(1),
            labels: Labels::default(),
        }
    }
}
