//! What orders does with events: an order that waits for payments or stock is due at once, and asks how it stands.

use std::sync::Arc;

use futures::future::BoxFuture;
use shop_contracts::event::{
    OrderSettled, PAYMENT_AUTHORIZED, PAYMENT_CAPTURED, PAYMENT_FAILED, PAYMENT_REFUNDED, PAYMENT_VOIDED,
    STOCK_RELEASED,
};
use shop_kit::Database;
use shop_kit::event::Event;
use shop_kit::inbox::{Handler, Unapplied};
use sqlx::PgConnection;
use tokio::sync::Notify;

/// Kinds of events that orders takes.
pub const KINDS: &[&str] =
    &[PAYMENT_AUTHORIZED, PAYMENT_CAPTURED, PAYMENT_FAILED, PAYMENT_VOIDED, PAYMENT_REFUNDED, STOCK_RELEASED];

/// Whoever is at work on the order hears the answer anyway.
const WAKE: &str = "UPDATE orders SET due_at = clock_timestamp() WHERE id = $1 AND step IS NOT NULL AND NOT leased";

/// Follows payments and inventory. The event only says when to ask: what counts is the answer.
#[derive(Debug, Clone)]
pub struct Results {
    /// Where orders are.
    pub db: Database,
    /// Wakes the worker.
    pub wake: Arc<Notify>,
}

impl Handler for Results {
    fn apply<'a>(&'a self, tx: &'a mut PgConnection, event: &'a Event) -> BoxFuture<'a, Result<(), Unapplied>> {
        Box::pin(async move {
            let OrderSettled { order_id } = event.read(1).map_err(Unapplied::Poison)?;
            let wake = sqlx::query(WAKE).bind(order_id).execute(tx);
            if self.db.measure("wake", wake).await?.rows_affected() > 0 {
                self.wake.notify_one();
            }
            Ok(())
        })
    }
}
