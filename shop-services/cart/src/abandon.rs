//! The sweeper: tells once of each cart that was left with something in it, and deletes those nobody came back to.

use std::time::Duration;

use shop_contracts::event::{CART_ABANDONED, CartChanged};
use shop_kit::pause::pause;
use shop_kit::{Database, DatabaseError, Problem};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::cart::lines;
use crate::change::Changer;

/// Carts that one statement deletes at most, so that no lock is held for long.
const BATCH: i64 = 1_000;

/// Idle and not told of yet; each replica takes what no other is at.
const LOCK_ABANDONED: &str = "\
SELECT id, customer_id FROM carts
WHERE abandoned_at IS NULL AND changed_at <= clock_timestamp() - make_interval(secs => $1)
    AND EXISTS (SELECT FROM cart_lines WHERE cart_id = carts.id)
ORDER BY changed_at LIMIT 1 FOR UPDATE SKIP LOCKED";

const ABANDON: &str = "UPDATE carts SET abandoned_at = clock_timestamp() WHERE id = $1";

const DELETE_OLD: &str = "\
DELETE FROM carts WHERE id IN (SELECT id FROM carts
WHERE changed_at <= clock_timestamp() - make_interval(secs => $1) LIMIT $2 FOR UPDATE SKIP LOCKED)";

/// Sweeps carts.
#[derive(Debug, Clone)]
pub struct Sweeper {
    /// Tells.
    pub changer: Changer,
    /// Idle time after which a cart is abandoned.
    pub abandoned_after: Duration,
    /// Idle time after which it is deleted.
    pub ttl: Duration,
    /// Pause between two rounds.
    pub period: Duration,
}

impl Sweeper {
    /// Sweeps until the stop signal; replicas share the work.
    pub async fn run(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let _ = self.round(&stop).await.inspect_err(put_off);
            pause(self.period, &stop).await;
        }
    }

    async fn round(&self, stop: &CancellationToken) -> Result<(), Problem> {
        while !stop.is_cancelled() && self.tell_of_one().await? {}
        Ok(self.delete_old().await?)
    }

    /// False where no cart is left.
    async fn tell_of_one(&self) -> Result<bool, Problem> {
        let db: &Database = &self.changer.db;
        let mut tx = db.begin().await?;
        let lock = sqlx::query_as::<_, (Uuid, Option<Uuid>)>(LOCK_ABANDONED).bind(self.abandoned_after.as_secs_f64());
        let found = db.measure("lock_abandoned", lock.fetch_optional(&mut *tx)).await?;
        let Some((cart_id, customer_id)) = found else { return Ok(false) };
        db.measure("abandon", sqlx::query(ABANDON).bind(cart_id).execute(&mut *tx)).await?;
        let lines = lines(db, &mut tx, cart_id).await?;
        self.changer.tell(&mut tx, CART_ABANDONED, &CartChanged { cart_id, customer_id, lines }).await?;
        db.measure("commit", tx.commit()).await?;
        Ok(true)
    }

    async fn delete_old(&self) -> Result<(), DatabaseError> {
        let db: &Database = &self.changer.db;
        let mut connection = db.connection().await?;
        let delete = sqlx::query(DELETE_OLD).bind(self.ttl.as_secs_f64()).bind(BATCH);
        db.measure("delete_old", delete.execute(&mut *connection)).await.map(drop)
    }
}

fn put_off(problem: &Problem) {
    tracing::warn!(detail = problem.detail(), "carts are swept later");
}
