//! The schema's history: every migration in order, compiled in.

use std::borrow::Cow;

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType};

/// Every migration; one that was released is never changed, the next is added.
pub fn migrations() -> Vec<Migration> {
    vec![Migration::new(
        1,
        Cow::Borrowed("products"),
        MigrationType::Simple,
        include_str!("../migrations/0001_products.sql").into_sql_str(),
        false,
    )]
}
