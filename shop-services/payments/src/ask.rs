//! What shall be asked of the provider, written down before it is asked.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use shop_contracts::ErrorCode;
use shop_contracts::money::Money;
use shop_contracts::payments::{NewPayment, Payment, PaymentState};
use shop_contracts::psp::OperationKind;
use shop_kit::{Database, Problem};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::error::known;
use crate::read;

const INSERT_PAYMENT: &str = "\
INSERT INTO payments (id, order_id, currency, amount, method, state) VALUES ($1, $2, $3, $4, $5, 'authorizing')
ON CONFLICT ON CONSTRAINT payments_one_per_order DO NOTHING";

const SELECT_OF_ORDER: &str =
    "SELECT id, currency = $2 AND amount = $3 AND method = $4 FROM payments WHERE order_id = $1";

/// Left alone for a while: whoever wrote it asks the provider first.
const INSERT_OPERATION: &str = "\
INSERT INTO operations (id, payment_id, kind, amount, next_attempt_at)
VALUES ($1, $2, $3, $4, clock_timestamp() + make_interval(secs => $5))";

const SET_STATE: &str = "UPDATE payments SET state = $2 WHERE id = $1";

/// What was written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// Of which payment.
    pub payment_id: Uuid,
    /// Which operation; `None` where the payment is already where it should go.
    pub operation_id: Option<Uuid>,
}

/// Who writes operations, and how long they are left to the writer.
#[derive(Debug, Clone, Copy)]
pub struct Writer<'a> {
    /// Where.
    pub db: &'a Database,
    /// Id of the operation, which is the provider's key.
    pub operation_id: Uuid,
    /// How long until anybody else asks.
    pub lease: Duration,
}

impl Writer<'_> {
    /// An authorization for an order; an order that has this very payment has it once.
    ///
    /// # Errors
    /// `order-paid`, or where the database fails; then the transaction must not be committed.
    pub async fn authorize(&self, tx: &mut PgConnection, id: Uuid, new: &NewPayment) -> Result<Asked, Problem> {
        let insert = sqlx::query(INSERT_PAYMENT)
            .bind(id)
            .bind(new.order_id)
            .bind(new.amount.currency.code())
            .bind(new.amount.amount)
            .bind(&new.method);
        if self.db.measure("insert_payment", insert.execute(&mut *tx)).await?.rows_affected() == 1 {
            return self.write(tx, id, OperationKind::Authorize, new.amount).await;
        }
        let select = sqlx::query_as::<_, (Uuid, bool)>(SELECT_OF_ORDER)
            .bind(new.order_id)
            .bind(new.amount.currency.code())
            .bind(new.amount.amount)
            .bind(&new.method);
        match self.db.measure("select_of_order", select.fetch_one(tx)).await? {
            (payment_id, true) => Ok(Asked { payment_id, operation_id: None }),
            (other, false) => {
                let detail = format!("order {} is paid by {other}, of another amount or method", new.order_id);
                Err(known(ErrorCode::OrderPaid, detail))
            }
        }
    }

    /// Takes all that is set aside; a payment that is taken, or about to be, stays so.
    ///
    /// # Errors
    /// `payment-not-found`, `payment-state`, or where the database fails; then the transaction must not be committed.
    pub async fn capture(&self, tx: &mut PgConnection, id: Uuid) -> Result<Asked, Problem> {
        let payment = read::lock(self.db, tx, id).await?;
        match payment.state {
            PaymentState::Captured | PaymentState::Capturing => Ok(Asked { payment_id: id, operation_id: None }),
            PaymentState::Authorized => self.go(tx, &payment, PaymentState::Capturing, payment.amount).await,
            _ => Err(wrong_state(&payment, "captured")),
        }
    }

    /// Gives up what is set aside; a payment that is given up, or about to be, stays so.
    ///
    /// # Errors
    /// As [`capture`](Self::capture).
    pub async fn void(&self, tx: &mut PgConnection, id: Uuid) -> Result<Asked, Problem> {
        let payment = read::lock(self.db, tx, id).await?;
        match payment.state {
            PaymentState::Voided | PaymentState::Voiding => Ok(Asked { payment_id: id, operation_id: None }),
            PaymentState::Authorized => self.go(tx, &payment, PaymentState::Voiding, payment.amount).await,
            _ => Err(wrong_state(&payment, "voided")),
        }
    }

    /// Gives back what was taken, or a part of it.
    ///
    /// # Errors
    /// `refund-too-large`, and as [`capture`](Self::capture).
    pub async fn refund(&self, tx: &mut PgConnection, id: Uuid, amount: Money) -> Result<Asked, Problem> {
        let payment = read::lock(self.db, tx, id).await?;
        if payment.state != PaymentState::Captured {
            return Err(wrong_state(&payment, "refunded"));
        }
        let left = payment.captured.minus(payment.refunded);
        if !left.is_ok_and(|left| left.currency == amount.currency && amount.amount <= left.amount) {
            let taken = payment.captured.amount - payment.refunded.amount;
            let detail = format!("at most {taken} {} can be given back", payment.amount.currency);
            return Err(known(ErrorCode::RefundTooLarge, detail));
        }
        self.go(tx, &payment, PaymentState::Refunding, amount).await
    }

    async fn go(
        &self,
        tx: &mut PgConnection,
        from: &Payment,
        to: PaymentState,
        amount: Money,
    ) -> Result<Asked, Problem> {
        let kind = match to {
            PaymentState::Capturing => OperationKind::Capture,
            PaymentState::Voiding => OperationKind::Void,
            _ => OperationKind::Refund,
        };
        let update = sqlx::query(SET_STATE).bind(from.id).bind(to.name());
        self.db.measure("set_state", update.execute(&mut *tx)).await?;
        self.write(tx, from.id, kind, amount).await
    }

    async fn write(
        &self,
        tx: &mut PgConnection,
        id: Uuid,
        kind: OperationKind,
        amount: Money,
    ) -> Result<Asked, Problem> {
        let insert = sqlx::query(INSERT_OPERATION)
            .bind(self.operation_id)
            .bind(id)
            .bind(kind.name())
            .bind(amount.amount)
            .bind(self.lease.as_secs_f64());
        self.db.measure("insert_operation", insert.execute(tx)).await?;
        Ok(Asked { payment_id: id, operation_id: Some(self.operation_id) })
    }
}

fn wrong_state(payment: &Payment, wish: &str) -> Problem {
    let detail = format!("payment {} is {} and cannot be {wish} now", payment.id, payment.state.name());
    known(ErrorCode::PaymentState, detail)
}
