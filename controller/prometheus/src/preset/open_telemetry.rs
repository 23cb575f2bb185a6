//! Services that export for themselves: OpenTelemetry's HTTP server histogram, and the shop's offered requests.
//!
//! **Source**: semantic conventions for HTTP metrics, `http.server.request.duration` (histogram, seconds), stored by
//! Prometheus as `http_server_request_duration_seconds_{bucket,count,sum}`
//! (<https://opentelemetry.io/docs/specs/semconv/http/http-metrics/>).

use super::Scope;
use super::pod_counters::{OFFERED, SERVED};

const BUCKETS: &str = "http_server_request_duration_seconds_bucket";
const FAILED: &str = "http_response_status_code=~\"5..\"";

/// What arrived, whatever became of it.
pub(super) fn offered(scope: Scope<'_>) -> String {
    format!("sum {} ({})", scope.by(&[]), scope.rate(&scope.select(OFFERED, "")))
}

/// What arrived where that is exported, else what was answered.
pub(super) fn offered_or_served(scope: Scope<'_>) -> String {
    format!("({} or sum {} ({}))", offered(scope), scope.by(&[]), scope.rate(&scope.select(SERVED, "")))
}

/// Answers with a status of 500 and above; a request that was shed is answered with 503 and is among them.
pub(super) fn errors(scope: Scope<'_>) -> String {
    format!("sum {} ({})", scope.by(&[]), scope.rate(&scope.select(SERVED, FAILED)))
}

/// Quantile of the answers' duration.
pub(super) fn latency(scope: Scope<'_>, quantile: f64) -> String {
    format!("histogram_quantile({quantile}, sum {} ({}))", scope.by(&["le"]), scope.rate(&scope.select(BUCKETS, "")))
}

/// Newest sample of the offered requests.
pub(super) fn newest_offered(scope: Scope<'_>) -> String {
    format!("max {} (timestamp({}))", scope.by(&[]), scope.select(OFFERED, ""))
}

/// Newest sample of the offered requests, else of the answers.
pub(super) fn newest_of_either(scope: Scope<'_>) -> String {
    let served = format!("max {} (timestamp({}))", scope.by(&[]), scope.select(SERVED, ""));
    format!("({} or {served})", newest_offered(scope))
}

/// Pods whose target is up (also those that no request reached yet) or whose series are pushed and live.
pub(super) fn live_pods(scope: Scope<'_>) -> String {
    let labels = scope.labels;
    let pods = format!("group by ({}, {}, {})", labels.namespace, labels.service, labels.pod);
    let (up, served) = (scope.select("up", ""), scope.select(SERVED, ""));
    format!("count by ({}, {}) ({pods} ({up} == 1) or {pods} ({served}))", labels.namespace, labels.service)
}
