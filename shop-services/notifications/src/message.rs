//! Messages as the database holds them: what one process has claimed, and what administrators see.

use std::collections::HashMap;
use std::time::Duration;

use shop_contracts::notifications::{Attempt, AttemptOutcome, Delivery, Notification, NotificationState};
use shop_kit::instant::from_micros;
use shop_kit::{Database, DatabaseError};
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

/// Of the messages that are due, the ones that wait longest; each process takes what no other is at. A claim is a lease:
/// it ends by itself, and the fencing token of the next is greater. Whose an order is may be told by another message.
const CLAIM: &str = "\
WITH due AS (
    SELECT id FROM notifications WHERE state = 'pending' AND due_at <= clock_timestamp()
    ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED
)
UPDATE notifications n SET fence = n.fence + 1, attempts = n.attempts + 1,
    due_at = clock_timestamp() + make_interval(secs => $2)
FROM due WHERE n.id = due.id
RETURNING n.id, n.order_id, n.kind, n.subject, n.body, n.attempts, n.fence, coalesce(n.customer_id,
    (SELECT o.customer_id FROM notifications o WHERE o.order_id = n.order_id AND o.customer_id IS NOT NULL LIMIT 1)) AS whose";

const SELECT: &str = "\
SELECT id, order_id, kind, subject, body, state, (extract(epoch FROM created_at) * 1000000)::bigint AS created_us
FROM notifications WHERE ($1::uuid IS NULL OR order_id = $1) AND ($2::text IS NULL OR state = $2)
ORDER BY created_at DESC, id DESC LIMIT 100";

const SELECT_ATTEMPTS: &str = "\
SELECT notification_id, number, outcome, detail, (extract(epoch FROM at) * 1000000)::bigint AS at_us
FROM attempts WHERE notification_id = ANY($1) ORDER BY number";

/// A message that one process has for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// The message.
    pub id: Uuid,
    /// What to hand over; `None` where it is not known for whom.
    pub delivery: Option<Delivery>,
    /// Which attempt this is, from 1 on.
    pub attempt: u32,
    /// Whoever has a smaller token was overtaken.
    pub fence: i64,
}

/// Claims up to `most` messages that are due, for as long as `lease`.
///
/// # Errors
/// Where the database fails.
pub async fn claim(db: &Database, most: usize, lease: Duration) -> Result<Vec<Claimed>, DatabaseError> {
    let mut connection = db.connection().await?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let claim = sqlx::query(CLAIM).bind(most).bind(lease.as_secs_f64()).try_map(claimed);
    db.measure("claim", claim.fetch_all(&mut *connection)).await
}

/// Messages about an order, or in a state, the youngest first, at most 100.
///
/// # Errors
/// Where the database fails.
pub async fn list(
    db: &Database,
    order: Option<Uuid>,
    state: Option<NotificationState>,
) -> Result<Vec<Notification>, DatabaseError> {
    let mut connection = db.connection().await?;
    let select = sqlx::query(SELECT).bind(order).bind(state.map(NotificationState::name)).try_map(shown);
    let mut found = db.measure("select_notifications", select.fetch_all(&mut *connection)).await?;
    let ids: Vec<Uuid> = found.iter().map(|notification| notification.id).collect();
    let select = sqlx::query(SELECT_ATTEMPTS).bind(ids).try_map(attempted);
    let mut attempts: HashMap<Uuid, Vec<Attempt>> = HashMap::new();
    for (id, attempt) in db.measure("select_attempts", select.fetch_all(&mut *connection)).await? {
        attempts.entry(id).or_default().push(attempt);
    }
    for notification in &mut found {
        notification.attempts = attempts.remove(&notification.id).unwrap_or_default();
    }
    Ok(found)
}

#[expect(clippy::needless_pass_by_value, reason = "the driver hands rows over")]
fn claimed(row: PgRow) -> Result<Claimed, sqlx::Error> {
    let id = row.try_get("id")?;
    let whose: Option<Uuid> = row.try_get("whose")?;
    let (order_id, kind) = (row.try_get("order_id")?, row.try_get("kind")?);
    let (subject, text) = (row.try_get("subject")?, row.try_get("body")?);
    Ok(Claimed {
        id,
        delivery: whose.map(|customer_id| Delivery { id, customer_id, order_id, kind, subject, text }),
        attempt: row.try_get::<i32, _>("attempts")?.unsigned_abs(),
        fence: row.try_get("fence")?,
    })
}

#[expect(clippy::needless_pass_by_value, reason = "the driver hands rows over")]
fn shown(row: PgRow) -> Result<Notification, sqlx::Error> {
    let state: &str = row.try_get("state")?;
    let state = NotificationState::ALL.into_iter().find(|known| known.name() == state).ok_or_else(|| odd(state))?;
    Ok(Notification {
        id: row.try_get("id")?,
        order_id: row.try_get("order_id")?,
        kind: row.try_get("kind")?,
        subject: row.try_get("subject")?,
        text: row.try_get("body")?,
        state,
        attempts: Vec::new(),
        created_at: from_micros(row.try_get("created_us")?)?,
    })
}

#[expect(clippy::needless_pass_by_value, reason = "the driver hands rows over")]
fn attempted(row: PgRow) -> Result<(Uuid, Attempt), sqlx::Error> {
    let outcome: &str = row.try_get("outcome")?;
    let outcome = AttemptOutcome::ALL.into_iter().find(|known| known.name() == outcome).ok_or_else(|| odd(outcome))?;
    let attempt = Attempt {
        number: row.try_get::<i32, _>("number")?.unsigned_abs(),
        outcome,
        detail: row.try_get("detail")?,
        at: from_micros(row.try_get("at_us")?)?,
    };
    Ok((row.try_get("notification_id")?, attempt))
}

/// Only a defect of ours can have written such a thing.
fn odd(name: &str) -> sqlx::Error {
    sqlx::Error::Decode(format!("{name} is neither a state nor an outcome").into())
}
