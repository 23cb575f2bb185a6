//! What the provider did, written down once: state, sums, ledger and event in one transaction.

use shop_contracts::ErrorCode;
use shop_contracts::event::{
    PAYMENT_AUTHORIZED, PAYMENT_CAPTURED, PAYMENT_FAILED, PAYMENT_REFUNDED, PAYMENT_VOIDED, PaymentChanged,
};
use shop_contracts::money::Money;
use shop_contracts::payments::{Payment, PaymentState};
use shop_contracts::psp::{OperationKind, PspOutcome};
use shop_kit::event::Event;
use shop_kit::{Database, Identity, Problem};
use shop_metrics::Payments;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::error::known;
use crate::read;

const SELECT_PAYMENT_OF: &str = "SELECT payment_id FROM operations WHERE id = $1";

const SELECT_OPERATION: &str = "SELECT kind, amount, state FROM operations WHERE id = $1";

const SETTLE_OPERATION: &str = "UPDATE operations SET state = $2, reason = $3 WHERE id = $1";

const SETTLE_PAYMENT: &str = "UPDATE payments SET state = $2, captured = $3, refunded = $4, reason = $5 WHERE id = $1";

const INSERT_ENTRIES: &str = "\
INSERT INTO ledger_entries (operation_id, account, currency, amount)
VALUES ($1, 'provider', $3, $4), ($1, $2, $3, -$4)";

/// Writes outcomes down.
#[derive(Debug, Clone)]
pub struct Settler {
    /// Where.
    pub db: Database,
    /// Ids and times of events.
    pub identity: Identity,
    /// Outcome counts.
    pub metrics: Payments,
}

/// Where a payment goes.
struct Turn {
    state: PaymentState,
    captured: i64,
    refunded: i64,
    told: &'static str,
}

impl Settler {
    /// Writes down what became of an operation; what is written down already stays.
    ///
    /// An answer that is about something else than was asked is not believed: the payment is given to a person.
    ///
    /// # Errors
    /// `unknown-operation`, or where the database fails; then the transaction must not be committed.
    pub async fn settle(&self, tx: &mut PgConnection, id: Uuid, outcome: &PspOutcome) -> Result<(), Problem> {
        let (payment, kind, asked, state) = self.lock(tx, id).await?;
        if matches!(state.as_str(), "succeeded" | "declined") {
            heard_before(id, &state, outcome);
            return Ok(());
        }
        if outcome.kind != kind || outcome.amount != asked {
            let reason = format!("answered {:?} of {:?} instead", outcome.kind, outcome.amount);
            return self.review(tx, id, &reason).await;
        }
        let label = if outcome.succeeded { "succeeded" } else { "declined" };
        let settle = sqlx::query(SETTLE_OPERATION).bind(id).bind(label).bind(&outcome.reason);
        self.db.measure("settle_operation", settle.execute(&mut *tx)).await?;
        if !outcome.succeeded && matches!(kind, OperationKind::Void | OperationKind::Refund) {
            let reason = outcome.reason.as_deref().unwrap_or("declined");
            self.metrics.ended(kind.name(), label);
            return self.set(tx, &payment, PaymentState::NeedsReview, Some(reason)).await;
        }
        let turn = turn(&payment, kind, asked, outcome.succeeded);
        self.write(tx, &payment, &turn, outcome.reason.as_deref()).await?;
        if outcome.succeeded {
            self.book(tx, id, kind, asked).await?;
        }
        self.tell(tx, &payment, turn.told, asked).await?;
        self.metrics.ended(kind.name(), label);
        Ok(())
    }

    async fn tell(&self, tx: &mut PgConnection, payment: &Payment, told: &str, amount: Money) -> Result<(), Problem> {
        let changed = PaymentChanged { payment_id: payment.id, order_id: payment.order_id, amount };
        let now = self.identity.now();
        let event = Event::new(self.identity.mint(now), told, now, &changed).map_err(|_| Problem::internal())?;
        Ok(event.record(&self.db, tx).await?)
    }

    /// Gives a payment to a person; a late notice may still settle it.
    ///
    /// # Errors
    /// `unknown-operation`, or where the database fails; then the transaction must not be committed.
    pub async fn review(&self, tx: &mut PgConnection, id: Uuid, reason: &str) -> Result<(), Problem> {
        let (payment, kind, _, state) = self.lock(tx, id).await?;
        if state != "pending" {
            return Ok(());
        }
        tracing::error!(payment = %payment.id, order = %payment.order_id, reason, "a payment needs a person");
        let settle = sqlx::query(SETTLE_OPERATION).bind(id).bind("review").bind(reason);
        self.db.measure("settle_operation", settle.execute(&mut *tx)).await?;
        self.metrics.ended(kind.name(), "review");
        self.set(tx, &payment, PaymentState::NeedsReview, Some(reason)).await
    }

    /// The payment is locked first, as everywhere, so that nobody waits for somebody who waits for him.
    async fn lock(&self, tx: &mut PgConnection, id: Uuid) -> Result<(Payment, OperationKind, Money, String), Problem> {
        let unknown = || known(ErrorCode::UnknownOperation, format!("no operation has the key {id}"));
        let select = sqlx::query_scalar::<_, Uuid>(SELECT_PAYMENT_OF).bind(id);
        let payment = self.db.measure("select_payment_of", select.fetch_optional(&mut *tx)).await?;
        let payment = read::lock(&self.db, tx, payment.ok_or_else(unknown)?).await?;
        let select = sqlx::query_as::<_, (String, i64, String)>(SELECT_OPERATION).bind(id);
        let (kind, amount, state) = self.db.measure("select_operation", select.fetch_one(tx)).await?;
        let kind = OperationKind::ALL.into_iter().find(|k| k.name() == kind).ok_or_else(Problem::internal)?;
        let asked = Money::new(amount, payment.amount.currency);
        Ok((payment, kind, asked, state))
    }

    async fn set(
        &self,
        tx: &mut PgConnection,
        payment: &Payment,
        state: PaymentState,
        reason: Option<&str>,
    ) -> Result<(), Problem> {
        let (captured, refunded) = (payment.captured.amount, payment.refunded.amount);
        self.write(tx, payment, &Turn { state, captured, refunded, told: "" }, reason).await
    }

    async fn write(
        &self,
        tx: &mut PgConnection,
        payment: &Payment,
        turn: &Turn,
        reason: Option<&str>,
    ) -> Result<(), Problem> {
        let update = sqlx::query(SETTLE_PAYMENT)
            .bind(payment.id)
            .bind(turn.state.name())
            .bind(turn.captured)
            .bind(turn.refunded)
            .bind(reason);
        Ok(self.db.measure("settle_payment", update.execute(tx)).await.map(drop)?)
    }

    /// Two entries that sum to zero: what the provider owes us, and what for.
    async fn book(&self, tx: &mut PgConnection, id: Uuid, kind: OperationKind, amount: Money) -> Result<(), Problem> {
        let (account, owed) = match kind {
            OperationKind::Capture => ("sales", amount.amount),
            OperationKind::Refund => ("refunds", -amount.amount),
            OperationKind::Authorize | OperationKind::Void => return Ok(()),
        };
        let insert = sqlx::query(INSERT_ENTRIES).bind(id).bind(account).bind(amount.currency.code()).bind(owed);
        Ok(self.db.measure("insert_entries", insert.execute(tx)).await.map(drop)?)
    }
}

fn heard_before(id: Uuid, state: &str, outcome: &PspOutcome) {
    if (state == "succeeded") != outcome.succeeded {
        tracing::error!(%id, state, "the provider contradicts itself; the first answer stays");
    }
}

/// Where an outcome takes a payment; the sums fit, for they never exceed the payment's amount.
fn turn(payment: &Payment, kind: OperationKind, asked: Money, succeeded: bool) -> Turn {
    let (captured, refunded) = (payment.captured.amount, payment.refunded.amount);
    let stay = |state, told| Turn { state, captured, refunded, told };
    match kind {
        _ if !succeeded => stay(PaymentState::Failed, PAYMENT_FAILED),
        OperationKind::Authorize => stay(PaymentState::Authorized, PAYMENT_AUTHORIZED),
        OperationKind::Void => stay(PaymentState::Voided, PAYMENT_VOIDED),
        OperationKind::Capture => Turn { captured: asked.amount, ..stay(PaymentState::Captured, PAYMENT_CAPTURED) },
        OperationKind::Refund => {
            let refunded = refunded + asked.amount;
            let state = if refunded == captured { PaymentState::Refunded } else { PaymentState::Captured };
            Turn { state, captured, refunded, told: PAYMENT_REFUNDED }
        }
    }
}
