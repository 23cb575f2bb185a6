//! Where the load of a service is read.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::validation::{duration_between, not_blank, quantity_above};
use crate::{DurationText, Quantity};

/// Where the load is read: a preset for request rates as some source exports them, a query of your own, or the queue that
/// a worker empties.
#[derive(KubeSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.type != 'RequestRate' || has(self.source)")
        .message("signal.source is needed with type RequestRate: write source: OpenTelemetry, IngressNginx or PresaleGateway"),
    validation = Rule::new("self.type != 'RequestRate' || !(has(self.query) || has(self.errorsQuery) || has(self.latencyQuery))")
        .message("signal.query, errorsQuery and latencyQuery belong to types Prometheus and Backlog: remove them, or write type: Prometheus and remove source"),
    validation = Rule::new("self.type != 'Prometheus' || has(self.query)")
        .message("signal.query is needed with type Prometheus: write a PromQL expression that yields one series in requests per second"),
    validation = Rule::new("self.type == 'RequestRate' || !has(self.source)")
        .message("signal.source belongs to type RequestRate: remove it, or write type: RequestRate and remove the queries"),
    validation = Rule::new("self.type != 'Backlog' || has(self.query) && has(self.arrivalsQuery) && has(self.perReplica)")
        .message("signal.query, arrivalsQuery and perReplica are needed with type Backlog: write PromQL for the messages that wait and for those that arrive per second, and the messages per second that one replica works off"),
    validation = Rule::new("self.type == 'Backlog' || !(has(self.arrivalsQuery) || has(self.perReplica) || has(self.clearWithin))")
        .message("signal.arrivalsQuery, perReplica and clearWithin belong to type Backlog: remove them, or write type: Backlog"),
)]
pub struct Signal {
    /// `RequestRate`: offered requests per second, by the preset that source names. Prometheus: the series that query
    /// yields. Backlog: messages per second, those that arrive and those that wait over clearWithin; the forecast is of
    /// those that arrive.
    #[serde(rename = "type")]
    pub type_: SignalType,
    /// With `RequestRate`: whose metric names to read rate, errors and latency from. `OpenTelemetry`: the semantic
    /// conventions' `http_server_request_duration_seconds`. `IngressNginx`: the ingress-nginx controller.
    /// `PresaleGateway`: what arrives at Presale's shop gateway for the service, also while it runs no replica; calls from
    /// inside the cluster are not among it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SignalSource>,
    /// With Prometheus: `PromQL` that yields one series, the offered load of the whole service in requests per second. With
    /// Backlog: `PromQL` that yields one series, the messages that wait for the service or are being worked on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    #[x_kube(validation = not_blank("signal.query", "sum(rate(http_requests_total[1m]))"))]
    pub query: Option<String>,
    /// With Prometheus or Backlog: `PromQL` that yields failed requests (messages) per second by label `pod`; lets sick
    /// pods be told. Default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    #[x_kube(validation = not_blank("signal.errorsQuery", "sum by (pod) (rate(http_requests_failed_total[1m]))"))]
    pub errors_query: Option<String>,
    /// With Prometheus or Backlog: `PromQL` that yields latency in seconds at the quantile of capacity.latency; lets
    /// saturation be told. Default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    #[x_kube(validation = not_blank("signal.latencyQuery", "histogram_quantile(0.99, sum by (le) (rate(http_seconds_bucket[1m])))"))]
    pub latency_query: Option<String>,
    /// With Backlog: `PromQL` that yields one series, the messages that arrive per second, whether or not anybody works on
    /// them: what is forecast. Replicas keep up with it where nothing waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    #[x_kube(validation = not_blank("signal.arrivalsQuery", "sum(rate(jobs_enqueued_total[1m]))"))]
    pub arrivals_query: Option<String>,
    /// With Backlog: messages per second that one Ready replica works off; takes the place of
    /// capacity.requestsPerReplica and is not learned, since a worker is as busy as its queue is long. Range above 0 to
    /// 1M.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = quantity_above("signal.perReplica", "0", "1M", "50"))]
    pub per_replica: Option<Quantity>,
    /// With Backlog: time within which what waits now shall be worked off, beside what arrives. Range 1s to 1h. Default
    /// 1m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = duration_between("signal.clearWithin", "1s", "1h", "1m"))]
    pub clear_within: Option<DurationText>,
}

/// Kind of signal.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[schemars(inline, transform = crate::validation::described_by_field)]
pub enum SignalType {
    /// Offered requests per second by a preset.
    RequestRate,
    /// A query of one's own.
    Prometheus,
    /// What waits in a queue and what arrives there.
    Backlog,
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
