//! Metrics of calls to other services and providers, and of those that are not made.

use super::{HTTP_RESPONSE_STATUS_CODE, Kind, Metric, metric};

/// Calls to other services and providers.
pub const HTTP_CLIENT_DURATION: Metric = metric(
    "http_client_request_duration_seconds",
    Kind::Histogram,
    "seconds",
    &["server", HTTP_RESPONSE_STATUS_CODE],
    "Duration of calls, from the request to the end of the answer; the status code is 0 where none came",
);
/// Whether a service is asked at all.
pub const CIRCUIT_BREAKER_STATE: Metric = metric(
    "shop_circuit_breaker_state",
    Kind::Gauge,
    "1",
    &["target"],
    "0 closed, 1 half open (one request tries), 2 open (all endpoints of the service failed), as of its last request",
);
/// Calls that a breaker kept back; what had no answer because of one is rejected with reason `breaker`.
pub const CALLS_WITHHELD: Metric = metric(
    "shop_calls_withheld_total",
    Kind::Counter,
    "requests",
    &["target"],
    "Calls not made because whoever would have been asked failed and is left alone",
);

/// What services that ask others behind breakers export besides [`ALL`](super::ALL).
pub const CALLING: &[Metric] = &[HTTP_CLIENT_DURATION, CIRCUIT_BREAKER_STATE, CALLS_WITHHELD];
