//! The schema's history: every migration in order, compiled in.

use shop_kit::schema::{EVENTS, IDEMPOTENCY, migration};
use sqlx::migrate::Migration;

/// Every migration; one that was released is never changed, the next is added.
pub fn migrations() -> Vec<Migration> {
    vec![
        migration(1, "notifications", include_str!("../migrations/0001_notifications.sql")),
        migration(2, "idempotency", IDEMPOTENCY),
        migration(3, "events", EVENTS),
    ]
}
