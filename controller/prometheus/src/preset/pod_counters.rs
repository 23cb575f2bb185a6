//! Names of what a pod counts of its own requests, for queries and for reading the pod itself.

/// Requests answered: the count of the histogram of durations.
pub(crate) const SERVED: &str = "http_server_request_duration_seconds_count";
/// Requests that arrived, whatever became of them.
pub(crate) const OFFERED: &str = "shop_requests_offered_total";
/// Requests at work.
pub(crate) const IN_FLIGHT: &str = "http_server_active_requests";
