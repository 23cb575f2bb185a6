//! Metrics of notifications: attempts to deliver, and what waits to be delivered.

use super::{Kind, Metric, OUTCOME, metric};

/// Attempts to deliver a message.
pub const NOTIFICATION_ATTEMPTS: Metric = metric(
    "shop_notification_attempts_total",
    Kind::Counter,
    "attempts",
    &[OUTCOME],
    "Attempts to deliver a message: delivered, logged (no sink is configured), unknown (tried again) or refused",
);
/// Messages written and not delivered yet, whichever replica counts them.
pub const NOTIFICATIONS: Metric = metric(
    "shop_notifications",
    Kind::Gauge,
    "messages",
    &["state"],
    "Messages by state pending or dead; absent until they were counted once",
);
/// Age of the message that waits longest.
pub const NOTIFICATIONS_OLDEST_AGE: Metric = metric(
    "shop_notifications_oldest_age_seconds",
    Kind::Gauge,
    "seconds",
    &[],
    "Age of the oldest pending message, 0 while none is; absent until they were counted once",
);

/// What notifications exports besides [`ALL`](super::ALL), [`EVENTS`](super::EVENTS) and [`BACKLOG`](super::BACKLOG).
pub const NOTIFYING: &[Metric] =
    &[super::HTTP_CLIENT_DURATION, NOTIFICATION_ATTEMPTS, NOTIFICATIONS, NOTIFICATIONS_OLDEST_AGE];
