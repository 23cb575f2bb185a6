//! Where the load of a service is read.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::validation::not_blank;

/// Where the load is read: a preset for request rates as some source exports them, or a query of your own.
#[derive(KubeSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.type != 'RequestRate' || has(self.source)")
        .message("signal.source is needed with type RequestRate: write source: OpenTelemetry, IngressNginx or PresaleGateway"),
    validation = Rule::new("self.type != 'RequestRate' || !(has(self.query) || has(self.errorsQuery) || has(self.latencyQuery))")
        .message("signal.query, errorsQuery and latencyQuery belong to type Prometheus: remove them, or write type: Prometheus and remove source"),
    validation = Rule::new("self.type != 'Prometheus' || has(self.query)")
        .message("signal.query is needed with type Prometheus: write a PromQL expression that yields one series in requests per second"),
    validation = Rule::new("self.type != 'Prometheus' || !has(self.source)")
        .message("signal.source belongs to type RequestRate: remove it, or write type: RequestRate and remove the queries"),
)]
pub struct Signal {
    /// `RequestRate`: offered requests per second, by the preset that source names. Prometheus: the series that query
    /// yields.
    #[serde(rename = "type")]
    pub type_: SignalType,
    /// With `RequestRate`: whose metric names to read rate, errors and latency from. `OpenTelemetry`: the semantic
    /// conventions' `http_server_request_duration_seconds`. `IngressNginx`: the ingress-nginx controller.
    /// `PresaleGateway`: Presale's shop gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SignalSource>,
    /// With Prometheus: `PromQL` that yields one series, the offered load of the whole service in requests per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    #[x_kube(validation = not_blank("signal.query", "sum(rate(http_requests_total[1m]))"))]
    pub query: Option<String>,
    /// With Prometheus: `PromQL` that yields failed requests per second by label `pod`; lets sick pods be told. Default
    /// none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    #[x_kube(validation = not_blank("signal.errorsQuery", "sum by (pod) (rate(http_requests_failed_total[1m]))"))]
    pub errors_query: Option<String>,
    /// With Prometheus: `PromQL` that yields latency in seconds at the quantile of capacity.latency; lets saturation be
    /// told. Default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    #[x_kube(validation = not_blank("signal.latencyQuery", "histogram_quantile(0.99, sum by (le) (rate(http_seconds_bucket[1m])))"))]
    pub latency_query: Option<String>,
}

/// Kind of signal.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[schemars(inline, transform = crate::validation::described_by_field)]
pub enum SignalType {
    /// Offered requests per second by a preset.
    RequestRate,
    /// A query of one's own.
    Prometheus,
}

/// Whose metric names a request rate is read from.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[schemars(inline, transform = crate::validation::described_by_field)]
pub enum SignalSource {
    /// The semantic conventions for HTTP servers.
    OpenTelemetry,
    /// The ingress-nginx controller.
    IngressNginx,
    /// Presale's shop gateway.
    PresaleGateway,
}
