//! Tables that services share in shape, each in its own database: idempotency keys, outbox and inbox.

use std::borrow::Cow;

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType};

/// The table of idempotency keys.
pub const IDEMPOTENCY: &str = include_str!("../migrations/idempotency.sql");
/// The tables outbox and inbox.
pub const EVENTS: &str = include_str!("../migrations/events.sql");

/// One migration of a service's history, compiled in.
pub fn migration(version: i64, name: &'static str, sql: &'static str) -> Migration {
    Migration::new(version, Cow::Borrowed(name), MigrationType::Simple, sql.into_sql_str(), false)
}
