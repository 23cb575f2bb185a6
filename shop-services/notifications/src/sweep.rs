//! The sweeper: counts what is pending and dead, and deletes old messages that are neither waited for nor asked for.

use std::time::Duration;

use shop_kit::pause::pause;
use shop_kit::{Database, DatabaseError};
use shop_metrics::Notifications;
use tokio_util::sync::CancellationToken;

/// Messages that one statement deletes at most, so that no lock is held for long.
const BATCH: i64 = 1_000;

const COUNT: &str = "\
SELECT count(*) FILTER (WHERE state = 'pending'), count(*) FILTER (WHERE state = 'dead'),
    coalesce(extract(epoch FROM clock_timestamp() - min(created_at) FILTER (WHERE state = 'pending')), 0)::float8
FROM notifications WHERE state IN ('pending', 'dead')";

const DELETE_OLD: &str = "\
DELETE FROM notifications WHERE id IN (SELECT id FROM notifications
WHERE state <> 'pending' AND created_at < clock_timestamp() - make_interval(secs => $1) LIMIT $2 FOR UPDATE SKIP LOCKED)";

/// Sweeps until the stop signal.
pub async fn run(db: Database, metrics: Notifications, keep: Duration, period: Duration, stop: CancellationToken) {
    while !stop.is_cancelled() {
        if let Err(error) = round(&db, &metrics, keep).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "messages are counted later");
        }
        pause(period, &stop).await;
    }
}

async fn round(db: &Database, metrics: &Notifications, keep: Duration) -> Result<(), DatabaseError> {
    let mut connection = db.connection().await?;
    let count = sqlx::query_as::<_, (i64, i64, f64)>(COUNT).fetch_one(&mut *connection);
    let (pending, dead, oldest) = db.measure("count", count).await?;
    metrics.counted(pending, dead, Duration::try_from_secs_f64(oldest).unwrap_or_default());
    let delete = sqlx::query(DELETE_OLD).bind(keep.as_secs_f64()).bind(BATCH);
    db.measure("delete_old", delete.execute(&mut *connection)).await.map(drop)
}
