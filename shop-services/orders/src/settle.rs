//! How a step ended and what comes next, written down in one transaction by whoever still has the order.

use std::time::Duration;

use shop_contracts::orders::OrderState;
use shop_kit::event::Event;
use shop_kit::{Database, DatabaseError, Identity, Problem};
use shop_metrics::Orders;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::config::Pace;
use crate::order::{Claimed, changed};
use crate::others::Heard;
use crate::saga::{Progress, Turn, next};

/// Longest pause between two attempts.
const LONGEST: Duration = Duration::from_mins(1);

/// Finds nothing where another worker has claimed the order since. Its customer may have been erased meanwhile.
const LOCK_CLAIMED: &str = "\
SELECT cancel_requested, customer_id FROM orders WHERE id = $1 AND fence = $2 AND leased FOR UPDATE";

const MOVE: &str = "\
UPDATE orders SET state = $2, step = $3, attempts = $4, finding = $5, reason = coalesce($6, reason), leased = $7,
    due_at = CASE WHEN $3::text IS NULL THEN NULL ELSE clock_timestamp() + make_interval(secs => $8) END,
    reservation_id = coalesce($9, reservation_id), payment_id = coalesce($10, payment_id),
    method = CASE WHEN erased AND $3::text IS NULL THEN 'erased' ELSE method END
WHERE id = $1";

const INSERT_LOG: &str = "\
INSERT INTO saga_log (order_id, step, outcome, fence, detail)
SELECT $1, step, outcome, $2, detail FROM unnest($3::text[], $4::text[], $5::text[]) AS line (step, outcome, detail)";

const GIVE_UP_CLAIM: &str = "\
UPDATE orders SET leased = false, attempts = attempts - 1, due_at = clock_timestamp()
WHERE id = $1 AND fence = $2 AND leased";

/// Writes turns down.
#[derive(Debug, Clone)]
pub struct Settler {
    /// Where.
    pub db: Database,
    /// Ids and times of events.
    pub identity: Identity,
    /// States reached.
    pub metrics: Orders,
    /// How long to wait, and how often.
    pub pace: Pace,
    /// How long a claimed order is left to whoever claimed it.
    pub lease: Duration,
}

/// A row of the log: step, outcome, detail.
type Line = (&'static str, &'static str, Option<String>);

/// What an order becomes.
struct Move {
    state: OrderState,
    step: Option<&'static str>,
    attempts: u32,
    finding: Option<String>,
    leased: bool,
    due_in: Duration,
}

impl Settler {
    /// Writes down how a step ended and what comes next, in a transaction that is not committed yet; the order as it
    /// goes on, `None` where it rests, waits, or another worker has it.
    ///
    /// # Errors
    /// Where the database fails; then the transaction must not be committed.
    pub async fn settle(
        &self,
        tx: &mut PgConnection,
        mut order: Claimed,
        heard: Heard,
    ) -> Result<Option<Claimed>, Problem> {
        let Some((cancel_requested, customer_id)) = self.still_claimed(tx, &order).await? else { return Ok(None) };
        order.customer_id = customer_id;
        let Heard { outcome, reservation_id, payment_id } = heard;
        order.reservation_id = reservation_id.or(order.reservation_id);
        order.payment_id = payment_id.or(order.payment_id);
        let progress = Progress { cancel_requested, ..order.progress };
        let mut lines = vec![(progress.step.name(), outcome.name(), outcome.detail().map(str::to_owned))];
        let turn = next(progress, outcome, self.pace.saga_attempts);
        let told = if let Turn::End { told, .. } = &turn { Some(*told) } else { None };
        let to = self.turned(&mut order, progress, turn);
        if to.leased {
            lines.push((order.progress.step.name(), "begun", None));
        }
        self.write(tx, &order, &to).await?;
        if let Some(told) = told {
            self.tell(tx, &order, told).await?;
        }
        log(&self.db, tx, order.id, order.fence, lines).await?;
        if order.progress.state != progress.state {
            self.metrics.reached(order.progress.state.name());
        }
        Ok(to.leased.then_some(order))
    }

    /// Whether its customer wants it cancelled, and whose it is, where the worker still has it.
    async fn still_claimed(
        &self,
        tx: &mut PgConnection,
        order: &Claimed,
    ) -> Result<Option<(bool, Uuid)>, DatabaseError> {
        let lock = sqlx::query_as::<_, (bool, Uuid)>(LOCK_CLAIMED).bind(order.id).bind(i64::from(order.fence));
        let wish = self.db.measure("lock_claimed", lock.fetch_optional(tx)).await?;
        if wish.is_none() {
            tracing::warn!(order = %order.id, fence = order.fence, "another worker has this order now");
        }
        Ok(wish)
    }

    /// Turns the order, and says what becomes of its row.
    fn turned(&self, order: &mut Claimed, progress: Progress, turn: Turn) -> Move {
        let Progress { state, step, attempts, .. } = progress;
        let waits = |state, finding, due_in| Move {
            step: Some(step.name()),
            attempts,
            finding: Some(finding),
            due_in,
            ..resting(state)
        };
        match turn {
            Turn::Go { state, step, reason } => {
                order.reason = reason.or(order.reason.take());
                order.progress = Progress { state, step, attempts: 1, ..progress };
                Move { step: Some(step.name()), attempts: 1, leased: true, due_in: self.lease, ..resting(state) }
            }
            Turn::End { state, told: _, reason } => {
                order.reason = reason.or(order.reason.take());
                order.progress.state = state;
                resting(state)
            }
            Turn::Again(finding) => waits(state, finding, backoff(self.pace.saga_retry_delay, attempts)),
            Turn::Review(finding) => {
                tracing::error!(order = %order.id, step = step.name(), finding, "an order needs a person");
                order.progress.state = OrderState::NeedsReview;
                waits(OrderState::NeedsReview, finding, self.pace.saga_review_period)
            }
        }
    }

    /// Gives a claimed order back, so that any worker may claim it at once.
    ///
    /// # Errors
    /// Where the database fails; then the lease ends by itself.
    pub async fn give_back(&self, order: &Claimed) -> Result<(), DatabaseError> {
        let mut connection = self.db.connection().await?;
        let give_up = sqlx::query(GIVE_UP_CLAIM).bind(order.id).bind(i64::from(order.fence));
        self.db.measure("give_up_claim", give_up.execute(&mut *connection)).await.map(drop)
    }

    async fn write(&self, tx: &mut PgConnection, order: &Claimed, to: &Move) -> Result<(), DatabaseError> {
        let update = sqlx::query(MOVE)
            .bind(order.id)
            .bind(to.state.name())
            .bind(to.step)
            .bind(i32::try_from(to.attempts).unwrap_or(i32::MAX))
            .bind(&to.finding)
            .bind(&order.reason)
            .bind(to.leased)
            .bind(to.due_in.as_secs_f64())
            .bind(order.reservation_id)
            .bind(order.payment_id);
        self.db.measure("move", update.execute(tx)).await.map(drop)
    }

    async fn tell(&self, tx: &mut PgConnection, order: &Claimed, told: &str) -> Result<(), Problem> {
        let now = self.identity.now();
        let changed = changed(order.id, order.customer_id, &order.quote.lines, order.quote.total, order.reason.clone());
        let event = Event::new(self.identity.mint(now), told, now, &changed).map_err(|_| Problem::internal())?;
        Ok(event.record(&self.db, tx).await?)
    }
}

/// Writes lines into an order's log.
///
/// # Errors
/// Where the database fails; then the transaction must not be committed.
pub async fn log(
    db: &Database,
    tx: &mut PgConnection,
    order: Uuid,
    fence: u32,
    lines: Vec<Line>,
) -> Result<(), DatabaseError> {
    let (mut steps, mut outcomes, mut details) = (Vec::new(), Vec::new(), Vec::new());
    for (step, outcome, detail) in lines {
        steps.push(step);
        outcomes.push(outcome);
        details.push(detail);
    }
    let insert = sqlx::query(INSERT_LOG).bind(order).bind(i64::from(fence)).bind(&steps).bind(&outcomes).bind(&details);
    db.measure("insert_log", insert.execute(tx)).await.map(drop)
}

fn resting(state: OrderState) -> Move {
    Move { state, step: None, attempts: 0, finding: None, leased: false, due_in: Duration::ZERO }
}

/// `delay`, doubled with every attempt after the first, up to a minute.
fn backoff(delay: Duration, attempts: u32) -> Duration {
    delay.saturating_mul(1 << attempts.saturating_sub(1).min(16)).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_up_to_a_minute() {
        let delay = Duration::from_millis(500);
        assert_eq!([1, 2, 3].map(|attempts| backoff(delay, attempts).as_millis()), [500, 1_000, 2_000]);
        assert_eq!(backoff(delay, 9), LONGEST);
        assert_eq!(backoff(delay, u32::MAX), LONGEST);
    }
}
