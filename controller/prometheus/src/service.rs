//! Whose signal is asked for, and by which metric names.

use std::fmt;
use std::time::Duration;

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
    /// `shop_gateway_requests_offered_total` of Presale's shop gateway for the load, the service's own histogram by the
    /// semantic conventions for errors and latency.
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
    /// A queue that the service empties. Its load is the work before it: what arrives, and what waits over the time
    /// within which it shall be cleared.
    Backlog {
        /// Yields one series, the messages that wait or are being worked on.
        waiting: String,
        /// Yields one series, messages that arrive per second; also the history.
        arrivals: String,
        /// Time within which what waits shall be cleared, above 0.
        clear_within: Duration,
        /// Yields failed messages per second by pod; `None` = errors are unknown.
        errors_query: Option<String>,
        /// Yields one series, latency in seconds; `None` = latency is unknown.
        latency_query: Option<String>,
    },
}

impl Source {
    /// The service's own query of failed requests by pod.
    pub(crate) fn errors_query(&self) -> Option<&str> {
        match self {
            Self::Custom { errors_query, .. } | Self::Backlog { errors_query, .. } => errors_query.as_deref(),
            Self::OpenTelemetry | Self::IngressNginx | Self::PresaleGateway => None,
        }
    }

    /// The service's own query of latency.
    pub(crate) fn latency_query(&self) -> Option<&str> {
        match self {
            Self::Custom { latency_query, .. } | Self::Backlog { latency_query, .. } => latency_query.as_deref(),
            Self::OpenTelemetry | Self::IngressNginx | Self::PresaleGateway => None,
        }
    }
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
