//! Every metric of the shop, once: its name as Prometheus stores it, kind, unit, labels and meaning.
//!
//! **Source**: OpenTelemetry semantic conventions for HTTP servers and database clients (names with `.` written
//! as `_`, units as suffixes); the `shop_` names are our own.

mod accounts;
mod backlog;
mod calls;
mod gateway;
mod notifications;
mod recommendations;

pub use accounts::{ACCOUNTING, PASSWORD_HASH_DURATION, PASSWORD_HASH_INFLIGHT, PASSWORD_HASH_LIMIT, TOKEN_GRANTS};
pub use backlog::{BACKLOG, INBOX_OLDEST_AGE, INBOX_PENDING};
pub use calls::{CALLING, CALLS_WITHHELD, CIRCUIT_BREAKER_STATE, HTTP_CLIENT_DURATION};
pub use gateway::{GATEWAY_OFFERED, PROXYING, RETRY_ATTEMPTS, RETRY_BUDGET_EXHAUSTED};
pub use notifications::{NOTIFICATION_ATTEMPTS, NOTIFICATIONS, NOTIFICATIONS_OLDEST_AGE, NOTIFYING};
pub use recommendations::{RECOMMENDATION_MODEL_TRAINED, RECOMMENDATION_REQUESTS, RECOMMENDING};

/// What a metric counts or measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows; its name ends in `_total`.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Distribution: Prometheus stores `_bucket`, `_sum` and `_count` series.
    Histogram,
}

/// One metric as dashboards, rules and the operator may refer to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// Name in Prometheus; a histogram's name is without `_bucket`, `_sum`, `_count`.
    pub name: &'static str,
    /// Counter, gauge or histogram.
    pub kind: Kind,
    /// Base unit: `seconds`, `bytes`, `requests`, `connections`, or `1` for a flag.
    pub unit: &'static str,
    /// Labels the service itself sets (the scrape adds `namespace`, `service` and `pod`).
    pub labels: &'static [&'static str],
    /// One sentence for `# HELP`.
    pub help: &'static str,
}

impl Metric {
    /// The name under which the client library registers it: OpenMetrics appends `_total` to counters itself.
    ///
    /// ```
    /// assert_eq!(shop_metrics::names::REQUESTS_OFFERED.registered_name(), "shop_requests_offered");
    /// assert_eq!(shop_metrics::names::READY.registered_name(), "shop_ready");
    /// ```
    pub fn registered_name(&self) -> &'static str {
        match self.kind {
            Kind::Counter => self.name.strip_suffix("_total").unwrap_or(self.name),
            Kind::Gauge | Kind::Histogram => self.name,
        }
    }
}

const fn metric(
    name: &'static str,
    kind: Kind,
    unit: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
) -> Metric {
    Metric { name, kind, unit, labels, help }
}

/// Label of the request method, upper case.
pub const HTTP_REQUEST_METHOD: &str = "http_request_method";
/// Label of the matched route template, never the raw path; `unmatched` where no route matched.
pub const HTTP_ROUTE: &str = "http_route";
/// Label of the response status code, three digits.
pub const HTTP_RESPONSE_STATUS_CODE: &str = "http_response_status_code";
/// Label of the matched route template in the `shop_` metrics.
pub const ROUTE: &str = "route";
/// Label of the priority class: `critical`, `high`, `normal`, `low`.
pub const PRIORITY: &str = "priority";
/// Label naming why a request was rejected.
pub const REASON: &str = "reason";

/// Served demand, latency and errors.
pub const HTTP_REQUEST_DURATION: Metric = metric(
    "http_server_request_duration_seconds",
    Kind::Histogram,
    "seconds",
    &[HTTP_REQUEST_METHOD, HTTP_ROUTE, HTTP_RESPONSE_STATUS_CODE],
    "Duration of answered requests, from the request head to the response head",
);
/// Requests being worked on or queued.
pub const HTTP_ACTIVE_REQUESTS: Metric = metric(
    "http_server_active_requests",
    Kind::Gauge,
    "requests",
    &[],
    "Requests that arrived and are not answered yet",
);
/// The demand a forecaster must learn: what arrived, before anything was turned away.
pub const REQUESTS_OFFERED: Metric = metric(
    "shop_requests_offered_total",
    Kind::Counter,
    "requests",
    &[ROUTE, PRIORITY],
    "Requests that arrived, counted before admission",
);
/// What was turned away, by reason `shed` (queue full), `deadline` (waited or worked too long) or `breaker` (whoever
/// had to be asked is left alone after failures); the gateway adds `rate_limit`.
pub const REQUESTS_REJECTED: Metric = metric(
    "shop_requests_rejected_total",
    Kind::Counter,
    "requests",
    &[REASON, PRIORITY],
    "Requests turned away before an answer",
);
/// Time a request waited for its turn.
pub const ADMISSION_QUEUE_WAIT: Metric = metric(
    "shop_admission_queue_wait_seconds",
    Kind::Histogram,
    "seconds",
    &[],
    "Time admitted requests waited for a place",
);
/// Requests worked on at the same time at most.
pub const CONCURRENCY_LIMIT: Metric =
    metric("shop_concurrency_limit", Kind::Gauge, "requests", &[], "Requests worked on at the same time at most");
/// Requests worked on now.
pub const CONCURRENCY_INFLIGHT: Metric =
    metric("shop_concurrency_inflight", Kind::Gauge, "requests", &[], "Requests holding a place now");
/// Process start to ready: the part of the lead time that is the service's own.
pub const STARTUP_DURATION: Metric = metric(
    "shop_startup_duration_seconds",
    Kind::Gauge,
    "seconds",
    &[],
    "Time from process start to the first moment of being ready; absent before",
);
/// Stop signal to now, for as long as the drain lasts.
pub const DRAIN_DURATION: Metric = metric(
    "shop_drain_duration_seconds",
    Kind::Gauge,
    "seconds",
    &[],
    "Time since the stop signal while the service drains; absent before",
);
/// 1 when `/readyz` answered 200 last, else 0.
pub const READY: Metric =
    metric("shop_ready", Kind::Gauge, "1", &[], "1 while the service is ready for traffic, else 0");
/// Always 1; joins errors and latency to a version.
pub const BUILD_INFO: Metric =
    metric("shop_build_info", Kind::Gauge, "1", &["service_name", "version"], "Always 1; names the running version");
/// Duration of database operations, with the wait for a connection excluded.
pub const DB_OPERATION_DURATION: Metric = metric(
    "db_client_operation_duration_seconds",
    Kind::Histogram,
    "seconds",
    &["db_operation_name", "error_type"],
    "Duration of database operations; error_type is empty on success",
);
/// Connections of the pool by state `idle` or `used`.
pub const DB_CONNECTION_COUNT: Metric =
    metric("db_client_connection_count", Kind::Gauge, "connections", &["state"], "Open database connections by state");
/// Operations waiting for a connection now.
pub const DB_CONNECTION_PENDING: Metric = metric(
    "db_client_connection_pending_requests",
    Kind::Gauge,
    "requests",
    &[],
    "Operations waiting for a database connection",
);
/// A rising wait says that more replicas will hurt.
pub const DB_CONNECTION_WAIT: Metric = metric(
    "db_client_connection_wait_time_seconds",
    Kind::Histogram,
    "seconds",
    &[],
    "Time operations waited for a database connection",
);
/// User and system CPU time of the process.
pub const PROCESS_CPU: Metric =
    metric("process_cpu_seconds_total", Kind::Counter, "seconds", &[], "User and system CPU time spent by the process");
/// Resident memory of the process.
pub const PROCESS_MEMORY: Metric =
    metric("process_resident_memory_bytes", Kind::Gauge, "bytes", &[], "Resident memory of the process");

/// Events that left for the broker.
pub const MESSAGES_SENT: Metric = metric(
    "messaging_client_sent_messages_total",
    Kind::Counter,
    "messages",
    &[MESSAGING_OPERATION],
    "Events published and acknowledged by the broker",
);
/// Events that came from the broker, however they ended.
pub const MESSAGES_CONSUMED: Metric = metric(
    "messaging_client_consumed_messages_total",
    Kind::Counter,
    "messages",
    &[MESSAGING_OPERATION, OUTCOME],
    "Events taken from the broker: applied, duplicate, retried or dead_lettered",
);
/// Time to apply one event.
pub const MESSAGE_PROCESS_DURATION: Metric = metric(
    "messaging_process_duration_seconds",
    Kind::Histogram,
    "seconds",
    &[],
    "Time to apply one event, from its delivery to the commit",
);
/// A growing outbox says that the broker is away or the relay too slow.
pub const OUTBOX_UNPUBLISHED: Metric = metric(
    "shop_outbox_unpublished_messages",
    Kind::Gauge,
    "messages",
    &[],
    "Events written but not yet published; absent until the outbox was read once",
);
/// Age of the event that waits longest.
pub const OUTBOX_OLDEST_AGE: Metric = metric(
    "shop_outbox_oldest_age_seconds",
    Kind::Gauge,
    "seconds",
    &[],
    "Age of the oldest event not yet published, 0 while none waits; absent until the outbox was read once",
);
/// What the inbox kept from being applied twice.
pub const INBOX_DUPLICATES: Metric = metric(
    "shop_inbox_duplicates_total",
    Kind::Counter,
    "messages",
    &[],
    "Events delivered again after they had been applied",
);
/// How requests with an idempotency key began.
pub const IDEMPOTENCY: Metric = metric(
    "shop_idempotency_total",
    Kind::Counter,
    "requests",
    &[OUTCOME],
    "Requests with an idempotency key: executed, replayed, running or mismatched",
);
/// Label of the kind of event, for example `stock.reserved`.
pub const MESSAGING_OPERATION: &str = "messaging_operation_name";
/// Label of how something ended.
pub const OUTCOME: &str = "outcome";

/// What services with events and idempotent writes export besides [`ALL`].
pub const EVENTS: &[Metric] = &[
    MESSAGES_SENT,
    MESSAGES_CONSUMED,
    MESSAGE_PROCESS_DURATION,
    OUTBOX_UNPUBLISHED,
    OUTBOX_OLDEST_AGE,
    INBOX_DUPLICATES,
    IDEMPOTENCY,
];

/// Stock set aside now, as one replica last counted it.
pub const RESERVATIONS: Metric = metric(
    "shop_reservations",
    Kind::Gauge,
    "reservations",
    &["state"],
    "Reservations that hold stock, by state held or overdue; absent until they were counted once",
);
/// Demand that stock could not serve.
pub const STOCK_REJECTIONS: Metric = metric(
    "shop_stock_rejections_total",
    Kind::Counter,
    "requests",
    &[],
    "Reservations refused because stock was short or the order was settled or overtaken",
);

/// What inventory exports besides [`ALL`] and [`EVENTS`].
pub const STOCK: &[Metric] = &[RESERVATIONS, STOCK_REJECTIONS];

/// Operations that the provider answered, or did not.
pub const PAYMENTS: Metric = metric(
    "shop_payments_total",
    Kind::Counter,
    "operations",
    &["operation", OUTCOME],
    "Operations at the payment provider: succeeded, declined, unknown (asked again later) or review (given to a person)",
);

/// What payments exports besides [`ALL`], [`EVENTS`] and [`CALLING`].
pub const PAYING: &[Metric] = &[PAYMENTS];

/// Orders by the state they reached.
pub const ORDERS: Metric =
    metric("shop_orders_total", Kind::Counter, "orders", &["state"], "Orders that reached a state, by this replica");
/// How long steps of orders take, and how they end.
pub const SAGA_STEP_DURATION: Metric = metric(
    "shop_saga_step_duration_seconds",
    Kind::Histogram,
    "seconds",
    &["step", OUTCOME],
    "Time of one try of a step, by outcome done, refused, waiting, unknown or contradiction",
);
/// Orders on their way now, as one replica last counted them.
pub const SAGAS_INFLIGHT: Metric = metric(
    "shop_sagas_inflight",
    Kind::Gauge,
    "orders",
    &["state"],
    "Orders on their way, by state moving, overdue or needs_review; absent until they were counted once",
);

/// What orders exports besides [`ALL`], [`EVENTS`] and [`CALLING`].
pub const ORDERING: &[Metric] = &[ORDERS, SAGA_STEP_DURATION, SAGAS_INFLIGHT];

/// What every service exports; a running catalog exports each (`catalog/tests`).
pub const ALL: &[Metric] = &[
    HTTP_REQUEST_DURATION,
    HTTP_ACTIVE_REQUESTS,
    REQUESTS_OFFERED,
    REQUESTS_REJECTED,
    ADMISSION_QUEUE_WAIT,
    CONCURRENCY_LIMIT,
    CONCURRENCY_INFLIGHT,
    STARTUP_DURATION,
    DRAIN_DURATION,
    READY,
    BUILD_INFO,
    DB_OPERATION_DURATION,
    DB_CONNECTION_COUNT,
    DB_CONNECTION_PENDING,
    DB_CONNECTION_WAIT,
    PROCESS_CPU,
    PROCESS_MEMORY,
];

#[cfg(test)]
mod tests {
    use super::*;

    const LISTS: &[&[Metric]] =
        &[ALL, EVENTS, BACKLOG, STOCK, CALLING, PAYING, ORDERING, PROXYING, ACCOUNTING, NOTIFYING, RECOMMENDING];

    #[test]
    fn every_name_follows_prometheus_naming() {
        for m in LISTS.iter().copied().flatten() {
            assert!(m.name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{}", m.name);
            assert_eq!(m.kind == Kind::Counter, m.name.ends_with("_total"), "{}", m.name);
            let stem = m.registered_name();
            if matches!(m.unit, "seconds" | "bytes") {
                assert!(stem.ends_with(m.unit), "{} is in {} and must say so", m.name, m.unit);
            }
            assert!(!m.help.is_empty());
        }
    }

    #[test]
    fn no_name_is_declared_twice() {
        // Calls to others are in several lists.
        let own = || LISTS.iter().copied().flatten().filter(|m| !CALLING.contains(m)).chain(CALLING);
        let mut names: Vec<_> = own().map(|m| m.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), own().count());
    }
}
