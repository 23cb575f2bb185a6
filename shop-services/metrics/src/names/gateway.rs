//! Metrics of the gateway: what it does with requests beyond handing them on.

use super::{CIRCUIT_BREAKER_STATE, HTTP_CLIENT_DURATION, Kind, Metric, PRIORITY, ROUTE, metric};

/// Requests sent a second time, to another endpoint.
pub const RETRY_ATTEMPTS: Metric =
    metric("shop_retry_attempts_total", Kind::Counter, "requests", &["target"], "Requests sent again, by service");
/// Requests that would have been sent again had there been fewer of them.
pub const RETRY_BUDGET_EXHAUSTED: Metric = metric(
    "shop_retry_budget_exhausted_total",
    Kind::Counter,
    "requests",
    &[],
    "Requests not sent again because too many were",
);

/// Demand of each service at the gateway, also while it runs no replica: what its replicas are sized by.
pub const GATEWAY_OFFERED: Metric = metric(
    "shop_gateway_requests_offered_total",
    Kind::Counter,
    "requests",
    &["backend", ROUTE, PRIORITY],
    "Requests that arrived for a service, whatever became of them; a page counts for each service that it asks",
);

/// What the gateway exports besides [`ALL`].
pub const PROXYING: &[Metric] =
    &[HTTP_CLIENT_DURATION, RETRY_ATTEMPTS, RETRY_BUDGET_EXHAUSTED, CIRCUIT_BREAKER_STATE, GATEWAY_OFFERED];
