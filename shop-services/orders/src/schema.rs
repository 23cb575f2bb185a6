//! The schema's history: every migration in order, compiled in.

use shop_kit::schema::{EVENTS, IDEMPOTENCY, migration};
use sqlx::migrate::Migration;

/// Every migration; one that was released is never changed, the next is added.
pub fn migrations() -> Vec<Migration> {
    vec![
        migration(1, "orders", include_str!("../migrations/0001_orders.sql")),
        migration(2, "idempotency", IDEMPOTENCY),
        migration(3, "events", EVENTS),
        migration(4, "erased", include_str!("../migrations/0002_erased.sql")),
    ]
}
