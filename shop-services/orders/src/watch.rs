//! The watch: how many orders are on their way, overdue, or need a person, shown as metrics and said in the log.

use std::time::Duration;

use shop_kit::pause::pause;
use shop_kit::{Database, DatabaseError};
use shop_metrics::Orders;
use tokio_util::sync::CancellationToken;

/// Pause between two counts.
const PERIOD: Duration = Duration::from_secs(2);

const COUNT: &str = "\
SELECT count(*) FILTER (WHERE state <> 'needs_review' AND NOT late), count(*) FILTER (WHERE state <> 'needs_review' AND late),
       count(*) FILTER (WHERE state = 'needs_review')
FROM (SELECT state, created_at < clock_timestamp() - make_interval(secs => $1) AND state <> 'refunding' AS late
      FROM orders WHERE step IS NOT NULL) AS moving";

/// Counts until the stop signal; an order on its way for longer than `deadline` is overdue.
pub async fn run(database: Database, metrics: Orders, deadline: Duration, stop: CancellationToken) {
    while !stop.is_cancelled() {
        if let Ok(counts) = count(&database, deadline).await.inspect_err(put_off) {
            show(&metrics, counts);
        }
        pause(PERIOD, &stop).await;
    }
}

fn show(metrics: &Orders, (moving, overdue, needs_review): (i64, i64, i64)) {
    metrics.inflight(moving, overdue, needs_review);
    if overdue > 0 {
        tracing::error!(overdue, "orders are on their way for too long");
    }
}

fn put_off(error: &DatabaseError) {
    tracing::warn!(error = error as &dyn std::error::Error, "orders are counted later");
}

async fn count(db: &Database, deadline: Duration) -> Result<(i64, i64, i64), DatabaseError> {
    let mut connection = db.connection().await?;
    let count = sqlx::query_as(COUNT).bind(deadline.as_secs_f64()).fetch_one(&mut *connection);
    db.measure("count_moving", count).await
}
