//! Recording rules: what several panels and alerts ask for is computed once, under a name that says how.

use presale_metrics::names as presale;
use shop_metrics::names as shop;

/// One recorded series; its name is `level:metric:operation`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// Its name.
    pub name: &'static str,
    /// What is computed.
    pub expr: String,
}

/// Offered requests per second of a service.
pub(crate) const OFFERED: &str = "namespace_service:shop_requests_offered:rate1m";
/// Failed share of a service's requests over five minutes.
pub(crate) const FAILED_5M: &str = "namespace_service:http_server_requests_failed:ratio_rate5m";
/// Failed share of a service's requests over an hour.
pub(crate) const FAILED_1H: &str = "namespace_service:http_server_requests_failed:ratio_rate1h";
/// Latency that 99 of 100 requests stay below, seconds.
pub(crate) const P99: &str = "namespace_service:http_server_request_duration_seconds:p99_rate1m";
/// Share of the load's readings that may not lower anything.
pub(crate) const UNUSABLE: &str = "namespace_service:presale_load_readings_unusable:ratio_rate5m";

/// All of them, in the order in which they are evaluated.
pub fn recordings() -> Vec<Recording> {
    let by = "by (namespace, service)";
    let (offered, duration) = (shop::REQUESTS_OFFERED.name, shop::HTTP_REQUEST_DURATION.name);
    let (status, readings) = (shop::HTTP_RESPONSE_STATUS_CODE, presale::READINGS);
    let failed = |window: &str| {
        let count = format!("{duration}_count");
        let all = format!("sum {by} (rate({count}[{window}]))");
        // No failure yet is a share of zero, no request at all is no share.
        format!("(sum {by} (rate({count}{{{status}=~\"5..\"}}[{window}])) or 0 * {all}) / {all}")
    };
    let load = |more: &str| format!("sum {by} (rate({readings}{{signal=\"load\"{more}}}[5m]))");
    let recording = |name, expr| Recording { name, expr };
    vec![
        recording(OFFERED, format!("sum {by} (rate({offered}[1m]))")),
        recording(FAILED_5M, failed("5m")),
        recording(FAILED_1H, failed("1h")),
        recording(
            P99,
            format!("histogram_quantile(0.99, sum by (namespace, service, le) (rate({duration}_bucket[1m])))"),
        ),
        recording(UNUSABLE, format!("({} or 0 * {}) / {}", load(",state!~\"Fresh|Zero\""), load(""), load(""))),
    ]
}
