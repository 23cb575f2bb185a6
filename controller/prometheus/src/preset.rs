//! Presets: how each source exports rate, errors and latency, as queries grouped by the labels that are asked for.

mod ingress_nginx;
mod open_telemetry;
pub(crate) mod pod_counters;
mod presale_gateway;

use std::time::Duration;

use crate::{Labels, ServiceKey, Source, promql};

/// What every preset is rendered from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope<'a> {
    /// Label names.
    pub(crate) labels: &'a Labels,
    /// The services asked for.
    pub(crate) keys: &'a [&'a ServiceKey],
    /// Window of every rate.
    pub(crate) window: Duration,
    /// Whether to group by pod, too.
    pub(crate) by_pod: bool,
}

/// A source whose metrics are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Preset {
    /// [`Source::OpenTelemetry`].
    OpenTelemetry,
    /// [`Source::IngressNginx`].
    IngressNginx,
    /// [`Source::PresaleGateway`].
    PresaleGateway,
}

impl Preset {
    /// The preset of a source; `None` for a service's own queries.
    pub(crate) fn of(source: &Source) -> Option<Self> {
        match source {
            Source::OpenTelemetry => Some(Self::OpenTelemetry),
            Source::IngressNginx => Some(Self::IngressNginx),
            Source::PresaleGateway => Some(Self::PresaleGateway),
            Source::Custom { .. } | Source::Backlog { .. } => None,
        }
    }

    /// Requests per second.
    pub(crate) fn load(self, scope: Scope<'_>) -> String {
        match self {
            Self::OpenTelemetry => open_telemetry::offered_or_served(scope),
            // The gateway does not tell pods apart; what a pod says of itself does.
            Self::PresaleGateway if scope.by_pod => open_telemetry::offered(scope),
            Self::PresaleGateway => presale_gateway::offered(scope),
            Self::IngressNginx => ingress_nginx::load(scope),
        }
    }

    /// Failed requests per second; no series where nothing failed yet.
    pub(crate) fn errors(self, scope: Scope<'_>) -> String {
        match self {
            Self::OpenTelemetry | Self::PresaleGateway => open_telemetry::errors(scope),
            Self::IngressNginx => ingress_nginx::errors(scope),
        }
    }

    /// Seconds at a quantile.
    pub(crate) fn latency(self, scope: Scope<'_>, quantile: f64) -> String {
        match self {
            Self::OpenTelemetry | Self::PresaleGateway => open_telemetry::latency(scope, quantile),
            Self::IngressNginx => ingress_nginx::latency(scope, quantile),
        }
    }

    /// Time of the newest sample behind the load, Unix seconds.
    pub(crate) fn newest(self, scope: Scope<'_>) -> String {
        match self {
            Self::OpenTelemetry => open_telemetry::newest_of_either(scope),
            Self::PresaleGateway if scope.by_pod => open_telemetry::newest_offered(scope),
            Self::PresaleGateway => presale_gateway::newest(scope),
            Self::IngressNginx => ingress_nginx::newest(scope),
        }
    }

    /// Targets that answer, and targets there should be where the source itself knows (else it is the Ready pods).
    pub(crate) fn targets(self, scope: Scope<'_>) -> (String, Option<String>) {
        match self {
            Self::OpenTelemetry => (open_telemetry::live_pods(scope), None),
            Self::PresaleGateway => {
                (presale_gateway::live_gateways(scope), Some(presale_gateway::known_gateways(scope)))
            }
            Self::IngressNginx => (ingress_nginx::live_controllers(), Some(ingress_nginx::known_controllers())),
        }
    }
}

impl Scope<'_> {
    /// `by (namespace, service, …)`.
    fn by(&self, more: &[&str]) -> String {
        let mut names = vec![self.labels.namespace.as_str(), self.labels.service.as_str()];
        if self.by_pod {
            names.push(&self.labels.pod);
        }
        names.extend(more);
        format!("by ({})", names.join(", "))
    }

    /// `metric{namespace=~…, service=~…, more}`.
    pub(crate) fn select(&self, metric: &str, more: &str) -> String {
        let services = promql::of_services(self.labels, self.keys);
        let comma = if more.is_empty() { "" } else { "," };
        format!("{metric}{{{services}{comma}{more}}}")
    }

    /// `rate(…[window])`.
    pub(crate) fn rate(&self, selector: &str) -> String {
        format!("rate({selector}[{}])", promql::span(self.window))
    }
}
