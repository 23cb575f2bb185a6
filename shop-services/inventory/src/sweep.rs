//! The sweeper: gives back what was set aside for too long, and shows how much is set aside now.

use std::time::Duration;

use shop_kit::pause::pause;
use shop_kit::{Database, Problem};
use shop_metrics::Stock;
use tokio_util::sync::CancellationToken;

use crate::settle::expire_one;
use crate::stock::Teller;

const COUNT_HELD: &str = "\
SELECT count(*) FILTER (WHERE expires_at > clock_timestamp()), count(*) FILTER (WHERE expires_at <= clock_timestamp())
FROM reservations WHERE state = 'held'";

/// Gives back overdue reservations, one transaction each, until the stop signal; replicas share the work.
pub async fn run(database: Database, teller: Teller, metrics: Stock, period: Duration, stop: CancellationToken) {
    while !stop.is_cancelled() {
        if let Err(problem) = round(&database, &teller, &metrics, &stop).await {
            tracing::warn!(detail = problem.detail(), "overdue reservations are given back later");
        }
        pause(period, &stop).await;
    }
}

async fn round(db: &Database, teller: &Teller, metrics: &Stock, stop: &CancellationToken) -> Result<(), Problem> {
    while !stop.is_cancelled() && sweep(db, teller).await? {}
    let mut connection = db.connection().await?;
    let count = sqlx::query_as::<_, (i64, i64)>(COUNT_HELD).fetch_one(&mut *connection);
    let (held, overdue) = db.measure("count_held", count).await?;
    metrics.reservations(held, overdue);
    Ok(())
}

/// False where nothing is overdue.
async fn sweep(db: &Database, teller: &Teller) -> Result<bool, Problem> {
    let mut tx = db.begin().await?;
    let Some(expired) = expire_one(db, &mut tx, teller).await? else { return Ok(false) };
    db.measure("commit", tx.commit()).await?;
    tracing::info!(reservation = %expired.id, order = %expired.order_id, "a reservation expired");
    Ok(true)
}
