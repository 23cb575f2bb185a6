//! How an attempt ended and what becomes of the message, written down in one transaction.

use std::time::Duration;

use shop_contracts::notifications::{AttemptOutcome, NotificationState};
use shop_kit::{Database, DatabaseError};
use sqlx::PgConnection;

use crate::config::Pace;
use crate::message::Claimed;
use crate::transport::Ended;

/// Longest pause between two attempts.
const LONGEST: Duration = Duration::from_hours(1);

/// Changes nothing where another process has claimed the message since, or its customer was erased.
const MOVE: &str = "\
UPDATE notifications SET state = $3,
    due_at = CASE WHEN $3 = 'pending' THEN clock_timestamp() + make_interval(secs => $4) END
WHERE id = $1 AND fence = $2 AND state = 'pending'";

const INSERT_ATTEMPT: &str = "INSERT INTO attempts (notification_id, number, outcome, detail) VALUES ($1, $2, $3, $4)";

/// What becomes of a message after an attempt, and how long it waits for the next where there is one.
pub fn after(outcome: AttemptOutcome, attempt: u32, pace: &Pace) -> (NotificationState, Duration) {
    match outcome {
        AttemptOutcome::Delivered => (NotificationState::Delivered, Duration::ZERO),
        AttemptOutcome::Logged => (NotificationState::Logged, Duration::ZERO),
        AttemptOutcome::Unknown if attempt < pace.delivery_attempts => {
            (NotificationState::Pending, backoff(pace.delivery_retry_delay, attempt))
        }
        AttemptOutcome::Unknown | AttemptOutcome::Refused => (NotificationState::Dead, Duration::ZERO),
    }
}

/// Writes an attempt down, and what becomes of the message.
///
/// # Errors
/// Where the database fails; then the lease ends by itself, and the message is tried again.
pub async fn settle(db: &Database, claimed: &Claimed, ended: Ended, pace: &Pace) -> Result<(), DatabaseError> {
    let (outcome, detail) = ended;
    let (state, wait) = after(outcome, claimed.attempt, pace);
    let mut tx = db.begin().await?;
    let update = sqlx::query(MOVE).bind(claimed.id).bind(claimed.fence).bind(state.name()).bind(wait.as_secs_f64());
    let moved = db.measure("move", update.execute(&mut *tx)).await?.rows_affected() == 1;
    insert(db, &mut tx, claimed, outcome, detail.as_deref()).await?;
    db.measure("commit", tx.commit()).await?;
    if moved && state == NotificationState::Dead {
        given_up(claimed, detail.as_deref());
    }
    Ok(())
}

async fn insert(
    db: &Database,
    tx: &mut PgConnection,
    claimed: &Claimed,
    outcome: AttemptOutcome,
    detail: Option<&str>,
) -> Result<(), DatabaseError> {
    let number = i32::try_from(claimed.attempt).unwrap_or(i32::MAX);
    let insert = sqlx::query(INSERT_ATTEMPT).bind(claimed.id).bind(number).bind(outcome.name()).bind(detail);
    db.measure("insert_attempt", insert.execute(tx)).await.map(drop)
}

fn given_up(claimed: &Claimed, detail: Option<&str>) {
    tracing::error!(notification = %claimed.id, attempts = claimed.attempt, detail, "a message is given up");
}

/// `delay`, doubled with every attempt after the first, up to an hour.
fn backoff(delay: Duration, attempt: u32) -> Duration {
    delay.saturating_mul(1 << attempt.saturating_sub(1).min(16)).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace =
        Pace { delivery_concurrency: 1, delivery_attempts: 3, delivery_retry_delay: Duration::from_secs(1) };

    #[test]
    fn a_message_waits_twice_as_long_each_time_and_dies_after_its_last_attempt() {
        let unknown = |attempt| after(AttemptOutcome::Unknown, attempt, &PACE);
        assert_eq!(unknown(1), (NotificationState::Pending, Duration::from_secs(1)));
        assert_eq!(unknown(2), (NotificationState::Pending, Duration::from_secs(2)));
        assert_eq!(unknown(3).0, NotificationState::Dead);
        assert_eq!(backoff(PACE.delivery_retry_delay, 30), LONGEST);
    }

    #[test]
    fn a_refusal_is_final_and_what_was_taken_stays_taken() {
        assert_eq!(after(AttemptOutcome::Refused, 1, &PACE).0, NotificationState::Dead);
        assert_eq!(after(AttemptOutcome::Delivered, 9, &PACE).0, NotificationState::Delivered);
        assert_eq!(after(AttemptOutcome::Logged, 9, &PACE).0, NotificationState::Logged);
    }
}
