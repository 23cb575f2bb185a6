//! Metrics of what waits for a service at the broker.

use super::{Kind, Metric, metric};

/// What a worker has before it: sizes it, also from zero, where the broker's own exporter tells the same.
pub const INBOX_PENDING: Metric = metric(
    "shop_inbox_pending_messages",
    Kind::Gauge,
    "messages",
    &[],
    "Events at the broker that this service has not finished; absent until the broker was asked once",
);
/// Age of the event that waits longest.
pub const INBOX_OLDEST_AGE: Metric = metric(
    "shop_inbox_oldest_age_seconds",
    Kind::Gauge,
    "seconds",
    &[],
    "Age of the oldest event not finished, 0 while none waits; absent until the broker was asked once",
);

/// What services that are sized by their backlog export besides [`EVENTS`](super::EVENTS).
pub const BACKLOG: &[Metric] = &[INBOX_PENDING, INBOX_OLDEST_AGE];
