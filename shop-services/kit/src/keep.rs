//! Housekeeping: what nobody can ask for any more is deleted, a little at a time.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::database::{Database, DatabaseError};
use crate::pause::pause;

/// Pause between two rounds.
const PERIOD: Duration = Duration::from_mins(10);
/// Rows that one statement deletes at most, so that no lock is held for long.
const BATCH: i64 = 5_000;

const DELETE_KEYS: &str = "\
DELETE FROM idempotency_keys WHERE ctid IN (SELECT ctid FROM idempotency_keys
WHERE created_at < clock_timestamp() - make_interval(secs => $1) LIMIT $2)";

const DELETE_PUBLISHED: &str = "\
DELETE FROM outbox WHERE position IN (SELECT position FROM outbox
WHERE published_at < clock_timestamp() - make_interval(secs => $1) LIMIT $2)";

const DELETE_APPLIED: &str = "\
DELETE FROM inbox WHERE event_id IN (SELECT event_id FROM inbox
WHERE applied_at < clock_timestamp() - make_interval(secs => $1) LIMIT $2)";

/// Deletes idempotency keys, published events and ids of applied events older than `keep`, until the stop signal.
pub async fn run(database: Database, keep: Duration, stop: CancellationToken) {
    while !stop.is_cancelled() {
        if let Err(error) = round(&database, keep).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "housekeeping is put off");
        }
        pause(PERIOD, &stop).await;
    }
}

/// One round; returns how many rows went.
///
/// # Errors
/// Where the database fails.
pub async fn round(database: &Database, keep: Duration) -> Result<u64, DatabaseError> {
    let mut deleted = 0;
    for (operation, statement) in
        [("delete_keys", DELETE_KEYS), ("delete_published", DELETE_PUBLISHED), ("delete_applied", DELETE_APPLIED)]
    {
        loop {
            let mut connection = database.connection().await?;
            let delete = sqlx::query(statement).bind(keep.as_secs_f64()).bind(BATCH);
            let rows = database.measure(operation, delete.execute(&mut *connection)).await?.rows_affected();
            deleted += rows;
            if rows < BATCH.unsigned_abs() {
                break;
            }
        }
    }
    Ok(deleted)
}
