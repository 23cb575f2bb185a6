//! What orders does with events: an order that waits for payments or stock is due at once, and asks how it stands;
//! those of an erased account are unlinked from it.

use std::sync::Arc;

use futures::future::BoxFuture;
use shop_contracts::event::{
    ACCOUNT_ERASED, AccountChanged, OrderSettled, PAYMENT_AUTHORIZED, PAYMENT_CAPTURED, PAYMENT_FAILED,
    PAYMENT_REFUNDED, PAYMENT_VOIDED, STOCK_RELEASED,
};
use shop_kit::event::Event;
use shop_kit::inbox::{Handler, Unapplied};
use shop_kit::{Database, Identity};
use sqlx::PgConnection;
use tokio::sync::Notify;

use crate::erase::unlink;

/// Kinds of events that orders takes.
pub const KINDS: &[&str] = &[
    PAYMENT_AUTHORIZED,
    PAYMENT_CAPTURED,
    PAYMENT_FAILED,
    PAYMENT_VOIDED,
    PAYMENT_REFUNDED,
    STOCK_RELEASED,
    ACCOUNT_ERASED,
];

/// Whoever is at work on the order hears the answer anyway.
const WAKE: &str = "UPDATE orders SET due_at = clock_timestamp() WHERE id = $1 AND step IS NOT NULL AND NOT leased";

/// Follows payments, inventory and accounts. Of payments and inventory the event only says when to ask: what counts is
/// the answer.
#[derive(Debug, Clone)]
pub struct Results {
    /// Where orders are.
    pub db: Database,
    /// Ids of nobody.
    pub identity: Identity,
    /// Wakes the worker.
    pub wake: Arc<Notify>,
}

impl Handler for Results {
    fn apply<'a>(&'a self, tx: &'a mut PgConnection, event: &'a Event) -> BoxFuture<'a, Result<(), Unapplied>> {
        Box::pin(async move {
            if event.kind == ACCOUNT_ERASED {
                let AccountChanged { account_id } = event.read(1).map_err(Unapplied::Poison)?;
                let unlinked = unlink(&self.db, tx, &self.identity, account_id).await?;
                tracing::info!(orders = unlinked, "orders of an erased account belong to nobody now");
                return Ok(());
            }
            let OrderSettled { order_id } = event.read(1).map_err(Unapplied::Poison)?;
            let wake = sqlx::query(WAKE).bind(order_id).execute(tx);
            if self.db.measure("wake", wake).await?.rows_affected() > 0 {
                self.wake.notify_one();
            }
            Ok(())
        })
    }
}
