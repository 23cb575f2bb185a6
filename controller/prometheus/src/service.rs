//! Whose signal is asked for, and by which metric names.

use std::fmt;

use presale_models::Level;

/// A service by namespace and name, as the labels of its series say it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceKey {
    /// Its namespace.
    pub namespace: String,
    /// Its name: the Kubernetes Service's.
    pub service: String,
}

impl ServiceKey {
    /// Names a service.
    pub fn new(namespace: impl Into<String>, service: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), service: service.into() }
    }
}

impl fmt::Display for ServiceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.service)
    }
}

/// Where a service's load, errors and latency are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The semantic conventions' `http_server_request_duration_seconds`, exported by the service itself; the load is
    /// `shop_requests_offered_total` where the service exports that too, since served requests flatten under overload.
    OpenTelemetry,
    /// The ingress-nginx controller's counters by backend service.
    IngressNginx,
    /// `shop_requests_offered_total` for the load, the semantic conventions' histogram for errors and latency.
    PresaleGateway,
    /// Queries of the service's own.
    Custom {
        /// Yields one series, the offered load in requests per second.
        query: String,
        /// Yields failed requests per second by pod; `None` = errors are unknown.
        errors_query: Option<String>,
        /// Yields one series, latency in seconds; `None` = latency is unknown.
        latency_query: Option<String>,
    },
}

/// One service to read.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceQuery {
    /// Whose.
    pub key: ServiceKey,
    /// By which metrics.
    pub source: Source,
    /// Names of the pods that are Ready and have been for long enough to be scraped twice. A reading that fewer live
    /// targets stand behind is Partial.
    pub pods: Vec<String>,
    /// Quantile at which latency is read.
    pub quantile: Level,
}
