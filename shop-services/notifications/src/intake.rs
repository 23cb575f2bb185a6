//! What notifications does with events: it writes the message down, and forgets whom it was for when they are erased.

use std::sync::Arc;

use futures::future::BoxFuture;
use shop_contracts::event::{ACCOUNT_ERASED, AccountChanged, OrderChanged, PAYMENT_FAILED, PaymentChanged};
use shop_kit::event::Event;
use shop_kit::inbox::{Handler, Unapplied};
use shop_kit::{Database, Identity};
use sqlx::PgConnection;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::template::{Words, of_failed_payment, of_order};

/// Kinds of events that notifications takes.
pub const KINDS: &[&str] = &["order.*", PAYMENT_FAILED, ACCOUNT_ERASED];

/// One message per event, also when its id has left the inbox long ago.
const INSERT: &str = "\
INSERT INTO notifications (id, event_id, order_id, customer_id, kind, subject, body) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (event_id) DO NOTHING";

/// Who is gone is not written to any more.
const FORGET: &str = "\
UPDATE notifications SET customer_id = NULL, due_at = NULL,
    state = CASE WHEN state = 'pending' THEN 'dead' ELSE state END
WHERE customer_id = $1";

/// Writes messages.
#[derive(Debug, Clone)]
pub struct Writer {
    /// Where.
    pub db: Database,
    /// Ids.
    pub identity: Identity,
    /// Wakes whoever delivers.
    pub wake: Arc<Notify>,
}

impl Writer {
    async fn write(
        &self,
        tx: &mut PgConnection,
        event: &Event,
        (order, customer): (Uuid, Option<Uuid>),
        words: Words,
    ) -> Result<(), Unapplied> {
        let insert = sqlx::query(INSERT)
            .bind(self.identity.mint(self.identity.now()))
            .bind(event.id)
            .bind(order)
            .bind(customer)
            .bind(&event.kind)
            .bind(words.subject)
            .bind(words.text);
        self.db.measure("insert_notification", insert.execute(tx)).await?;
        self.wake.notify_one();
        Ok(())
    }

    async fn forget(&self, tx: &mut PgConnection, customer: Uuid) -> Result<(), Unapplied> {
        self.db.measure("forget", sqlx::query(FORGET).bind(customer).execute(tx)).await?;
        Ok(())
    }
}

impl Handler for Writer {
    fn apply<'a>(&'a self, tx: &'a mut PgConnection, event: &'a Event) -> BoxFuture<'a, Result<(), Unapplied>> {
        Box::pin(async move {
            match event.kind.as_str() {
                ACCOUNT_ERASED => {
                    let AccountChanged { account_id } = event.read(1).map_err(Unapplied::Poison)?;
                    self.forget(tx, account_id).await
                }
                PAYMENT_FAILED => {
                    let payment: PaymentChanged = event.read(1).map_err(Unapplied::Poison)?;
                    self.write(tx, event, (payment.order_id, None), of_failed_payment(&payment)).await
                }
                kind => {
                    let order: OrderChanged = event.read(1).map_err(Unapplied::Poison)?;
                    let Some(words) = of_order(kind, &order) else { return Ok(()) };
                    self.write(tx, event, (order.order_id, Some(order.customer_id)), words).await
                }
            }
        })
    }
}
