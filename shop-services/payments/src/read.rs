//! Payments as the database holds them.

use shop_contracts::ErrorCode;
use shop_contracts::money::{Currency, Money};
use shop_contracts::payments::{Payment, PaymentState};
use shop_kit::{Database, DatabaseError, Problem};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use crate::error::known;

const SELECT_PAYMENT: &str = "\
SELECT id, order_id, currency, amount, state, captured, refunded, reason FROM payments WHERE id = $1";

const LOCK_PAYMENT: &str = "\
SELECT id, order_id, currency, amount, state, captured, refunded, reason FROM payments WHERE id = $1 FOR UPDATE";

/// One payment as it is now.
///
/// # Errors
/// `payment-not-found`, or where the database fails.
pub async fn payment(db: &Database, id: Uuid) -> Result<Payment, Problem> {
    let mut connection = db.connection().await?;
    let select = sqlx::query(SELECT_PAYMENT).bind(id);
    let row = db.measure("select_payment", select.fetch_optional(&mut *connection)).await?;
    decoded(row.as_ref(), id, "select_payment")
}

/// One payment, locked until the end of the transaction.
///
/// # Errors
/// `payment-not-found`, or where the database fails.
pub async fn lock(db: &Database, tx: &mut PgConnection, id: Uuid) -> Result<Payment, Problem> {
    let select = sqlx::query(LOCK_PAYMENT).bind(id);
    let row = db.measure("lock_payment", select.fetch_optional(tx)).await?;
    decoded(row.as_ref(), id, "lock_payment")
}

fn decoded(row: Option<&PgRow>, id: Uuid, operation: &'static str) -> Result<Payment, Problem> {
    let row = row.ok_or_else(|| known(ErrorCode::PaymentNotFound, format!("no payment has the id {id}")))?;
    let read = || {
        let currency = currency(row.try_get("currency")?)?;
        let money = |name: &str| row.try_get(name).map(|amount| Money::new(amount, currency));
        let name: String = row.try_get("state")?;
        let state = PaymentState::ALL.into_iter().find(|s| s.name() == name);
        Ok(Payment {
            id: row.try_get("id")?,
            order_id: row.try_get("order_id")?,
            state: state.ok_or_else(|| sqlx::Error::Decode(format!("{name} is no state").into()))?,
            amount: money("amount")?,
            captured: money("captured")?,
            refunded: money("refunded")?,
            reason: row.try_get("reason")?,
        })
    };
    Ok(read().map_err(|source| DatabaseError::Operation { operation, source })?)
}

/// The currency with this code, which only a defect of ours could have written wrongly.
///
/// # Errors
/// Where the shop does not know it.
pub fn currency(code: &str) -> Result<Currency, sqlx::Error> {
    Currency::of(code).ok_or_else(|| sqlx::Error::Decode(format!("{code} is no currency that the shop knows").into()))
}
