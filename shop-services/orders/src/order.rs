//! Orders as the database holds them: what customers see, what persons review, and what a worker has claimed.

use jiff::Timestamp;
use shop_contracts::event::{OrderChanged, OrderedLine};
use shop_contracts::money::{Currency, Money};
use shop_contracts::orders::{Order, OrderState, Review};
use shop_contracts::pricing::{Quote, QuotedLine};
use shop_kit::instant::from_micros;
use shop_kit::{Database, DatabaseError};
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use crate::saga::{Progress, Step};

const SELECT_ORDER: &str = "\
SELECT id, customer_id, quote, state, reason, step, shipped_at IS NOT NULL AS shipped, total,
       (extract(epoch FROM created_at) * 1000000)::bigint AS created_us
FROM orders WHERE id = $1";

const LOCK_ORDER: &str = "\
SELECT id, customer_id, quote, state, reason, step, shipped_at IS NOT NULL AS shipped, total,
       (extract(epoch FROM created_at) * 1000000)::bigint AS created_us
FROM orders WHERE id = $1 FOR UPDATE";

const SELECT_OF_CUSTOMER: &str = "\
SELECT id, customer_id, quote, state, reason, step, shipped_at IS NOT NULL AS shipped, total,
       (extract(epoch FROM created_at) * 1000000)::bigint AS created_us
FROM orders WHERE customer_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3";

const SELECT_REVIEWS: &str = "\
SELECT id, step, attempts, coalesce(finding, '') AS finding, payment_id, reservation_id, total, currency
FROM orders WHERE state = 'needs_review' ORDER BY id LIMIT 100";

/// Of the orders that are due, the one that waits longest first; each worker takes what no other is at. A claim is a
/// lease: it ends by itself, and the fencing token of the next is greater.
const CLAIM: &str = "\
WITH due AS (
    SELECT id FROM orders WHERE step IS NOT NULL AND due_at <= clock_timestamp()
    ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED
)
UPDATE orders o SET fence = o.fence + 1, attempts = o.attempts + 1, leased = true,
    due_at = clock_timestamp() + make_interval(secs => $2)
FROM due WHERE o.id = due.id
RETURNING o.id, o.customer_id, o.quote, o.quote_token, o.method, o.state, o.step, o.attempts, o.fence, o.total,
    o.shipped_at IS NOT NULL AS shipped, o.reservation_id, o.payment_id, o.reason";

/// An order as it is stored, with what its customer does not see.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// What its customer sees.
    pub order: Order,
    /// Whose it is.
    pub customer_id: Uuid,
    /// What is at work; `None` at one of its ends.
    pub step: Option<Step>,
    /// It has left.
    pub shipped: bool,
}

/// An order that one worker has for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// The order.
    pub id: Uuid,
    /// Whose it is.
    pub customer_id: Uuid,
    /// What it is about.
    pub quote: Quote,
    /// The same as pricing signed it.
    pub quote_token: String,
    /// The provider's token of the card.
    pub method: String,
    /// Where it is.
    pub progress: Progress,
    /// The worker's token: whoever has a smaller one was overtaken.
    pub fence: u32,
    /// The reservation, where there is one.
    pub reservation_id: Option<Uuid>,
    /// The payment, where there is one.
    pub payment_id: Option<Uuid>,
    /// Why it turned back, where it did.
    pub reason: Option<String>,
}

/// One order, locked until the end of the transaction.
///
/// # Errors
/// Where the database fails.
pub async fn lock(db: &Database, tx: &mut PgConnection, id: Uuid) -> Result<Option<Stored>, DatabaseError> {
    let row = db.measure("lock_order", sqlx::query(LOCK_ORDER).bind(id).fetch_optional(tx)).await?;
    row.as_ref().map(stored).transpose().map_err(|source| DatabaseError::Operation { operation: "lock_order", source })
}

/// One order as it is now.
///
/// # Errors
/// Where the database fails.
pub async fn find(db: &Database, id: Uuid) -> Result<Option<Stored>, DatabaseError> {
    let mut connection = db.connection().await?;
    let select = sqlx::query(SELECT_ORDER).bind(id).fetch_optional(&mut *connection);
    let row = db.measure("select_order", select).await?;
    row.as_ref()
        .map(stored)
        .transpose()
        .map_err(|source| DatabaseError::Operation { operation: "select_order", source })
}

/// A customer's orders, the youngest first, after the order `after`.
///
/// # Errors
/// Where the database fails.
pub async fn of_customer(
    db: &Database,
    customer: Uuid,
    after: Option<Uuid>,
    limit: u32,
) -> Result<Vec<Order>, DatabaseError> {
    let mut connection = db.connection().await?;
    let select =
        sqlx::query(SELECT_OF_CUSTOMER).bind(customer).bind(after.unwrap_or(Uuid::max())).bind(i64::from(limit));
    let rows = db.measure("select_of_customer", select.fetch_all(&mut *connection)).await?;
    let read = rows.iter().map(|row| stored(row).map(|stored| stored.order)).collect::<Result<_, _>>();
    read.map_err(|source| DatabaseError::Operation { operation: "select_of_customer", source })
}

/// Orders that a person should look at, the oldest first.
///
/// # Errors
/// Where the database fails.
pub async fn reviews(db: &Database) -> Result<Vec<Review>, DatabaseError> {
    let mut connection = db.connection().await?;
    let select = sqlx::query(SELECT_REVIEWS).try_map(|row: PgRow| {
        let currency: &str = row.try_get("currency")?;
        let currency = Currency::of(currency).ok_or_else(|| odd("currency", currency))?;
        Ok(Review {
            order_id: row.try_get("id")?,
            step: row.try_get("step")?,
            attempts: row.try_get::<i32, _>("attempts")?.unsigned_abs(),
            finding: row.try_get("finding")?,
            payment_id: row.try_get("payment_id")?,
            reservation_id: row.try_get("reservation_id")?,
            total: Money::new(row.try_get("total")?, currency),
        })
    });
    db.measure("select_reviews", select.fetch_all(&mut *connection)).await
}

/// Claims up to `most` orders that are due, for as long as `lease`.
///
/// # Errors
/// Where the database fails.
pub async fn claim(db: &Database, most: usize, lease: std::time::Duration) -> Result<Vec<Claimed>, DatabaseError> {
    let mut connection = db.connection().await?;
    let claim = sqlx::query(CLAIM).bind(i64::try_from(most).unwrap_or(i64::MAX)).bind(lease.as_secs_f64());
    let rows = db.measure("claim", claim.fetch_all(&mut *connection)).await?;
    let read = rows.iter().map(claimed).collect::<Result<_, _>>();
    read.map_err(|source| DatabaseError::Operation { operation: "claim", source })
}

/// What is told of an order.
pub fn changed(
    order_id: Uuid,
    customer_id: Uuid,
    lines: &[QuotedLine],
    total: Money,
    reason: Option<String>,
) -> OrderChanged {
    let lines = lines.iter().map(|l| OrderedLine { sku: l.sku.clone(), quantity: l.quantity }).collect();
    OrderChanged { order_id, customer_id, lines, total, reason }
}

/// An order as its customer sees it.
pub fn shown(id: Uuid, state: OrderState, reason: Option<String>, quote: Quote, created_at: Timestamp) -> Order {
    let Quote { lines, coupon, country, shipping, tax, total, .. } = quote;
    Order { id, state, reason, lines, coupon, country, shipping, tax, total, created_at }
}

fn stored(row: &PgRow) -> Result<Stored, sqlx::Error> {
    let Json(quote): Json<Quote> = row.try_get("quote")?;
    let created_at = from_micros(row.try_get("created_us")?)?;
    let step: Option<&str> = row.try_get("step")?;
    Ok(Stored {
        order: shown(row.try_get("id")?, state(row)?, row.try_get("reason")?, quote, created_at),
        customer_id: row.try_get("customer_id")?,
        step: step.map(step_named).transpose()?,
        shipped: row.try_get("shipped")?,
    })
}

fn claimed(row: &PgRow) -> Result<Claimed, sqlx::Error> {
    let Json(quote): Json<Quote> = row.try_get("quote")?;
    let progress = Progress {
        state: state(row)?,
        step: step_named(row.try_get("step")?)?,
        attempts: row.try_get::<i32, _>("attempts")?.unsigned_abs(),
        free: row.try_get::<i64, _>("total")? == 0,
        shipped: row.try_get("shipped")?,
        cancel_requested: false,
    };
    let fence: i64 = row.try_get("fence")?;
    Ok(Claimed {
        id: row.try_get("id")?,
        customer_id: row.try_get("customer_id")?,
        quote,
        quote_token: row.try_get("quote_token")?,
        method: row.try_get("method")?,
        progress,
        fence: u32::try_from(fence).map_err(|e| sqlx::Error::Decode(Box::new(e)))?,
        reservation_id: row.try_get("reservation_id")?,
        payment_id: row.try_get("payment_id")?,
        reason: row.try_get("reason")?,
    })
}

fn state(row: &PgRow) -> Result<OrderState, sqlx::Error> {
    let name: &str = row.try_get("state")?;
    OrderState::ALL.into_iter().find(|state| state.name() == name).ok_or_else(|| odd("state", name))
}

fn step_named(name: &str) -> Result<Step, sqlx::Error> {
    Step::ALL.into_iter().find(|step| step.name() == name).ok_or_else(|| odd("step", name))
}

/// Only a defect of ours can have written such a thing.
fn odd(what: &str, name: &str) -> sqlx::Error {
    sqlx::Error::Decode(format!("{name} is no {what}").into())
}
