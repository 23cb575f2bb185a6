//! What customers and administrators change: an order placed, cancelled, shipped, refunded, decided about.

use shop_contracts::ErrorCode;
use shop_contracts::event::{ORDER_CREATED, ORDER_REFUNDED, ORDER_SHIPPED};
use shop_contracts::orders::{Decision, Order, OrderState};
use shop_contracts::pricing::Quote;
use shop_kit::event::Event;
use shop_kit::{Database, Identity, Problem};
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use crate::error::known;
use crate::order::{Stored, changed, lock, shown};
use crate::saga::{Step, first_of_refund};
use crate::settle::log;

/// Due at once: whichever worker is free first takes it.
const INSERT_ORDER: &str = "\
INSERT INTO orders (id, customer_id, quote, quote_token, method, total, currency, state, step, due_at, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, 'created', 'redeem', clock_timestamp(), to_timestamp($8))";

/// Whoever has the order sees the wish before the next step; nobody having it, it is due at once.
const REQUEST_CANCEL: &str = "\
UPDATE orders SET cancel_requested = true, due_at = CASE WHEN leased THEN due_at ELSE clock_timestamp() END WHERE id = $1";

const SHIP: &str = "UPDATE orders SET state = 'shipped', shipped_at = clock_timestamp() WHERE id = $1";

const BEGIN_REFUND: &str = "\
UPDATE orders SET state = 'refunding', step = $2, attempts = 0, due_at = clock_timestamp() WHERE id = $1";

const REFUNDED: &str = "UPDATE orders SET state = 'refunded' WHERE id = $1";

const RETRY: &str = "\
UPDATE orders SET attempts = 0, cancel_requested = cancel_requested OR $2,
    due_at = CASE WHEN leased THEN due_at ELSE clock_timestamp() END WHERE id = $1";

/// An order as it is placed.
#[derive(Debug, Clone)]
pub struct Placed {
    /// Whose it is.
    pub customer_id: Uuid,
    /// What pricing signed.
    pub quote: Quote,
    /// The signed form.
    pub quote_token: String,
    /// The provider's token of the card.
    pub method: String,
}

/// Changes orders, each within a transaction of the caller.
#[derive(Debug, Clone)]
pub struct Changer {
    /// Where.
    pub db: Database,
    /// Ids and times.
    pub identity: Identity,
}

impl Changer {
    /// Writes a new order down, its first step, and the event that tells of it.
    ///
    /// # Errors
    /// Where the database fails; then the transaction must not be committed.
    pub async fn place(&self, tx: &mut PgConnection, placed: Placed) -> Result<Order, Problem> {
        let Placed { customer_id, quote, quote_token, method } = placed;
        let now = self.identity.now();
        let id = self.identity.mint(now);
        let insert = sqlx::query(INSERT_ORDER)
            .bind(id)
            .bind(customer_id)
            .bind(Json(&quote))
            .bind(quote_token)
            .bind(method)
            .bind(quote.total.amount)
            .bind(quote.total.currency.code())
            .bind(shop_kit::instant::seconds(now));
        self.db.measure("insert_order", insert.execute(&mut *tx)).await?;
        log(&self.db, tx, id, 0, vec![(Step::Redeem.name(), "begun", None)]).await?;
        let order = shown(id, OrderState::Created, None, quote, now);
        self.tell(tx, ORDER_CREATED, &order, customer_id).await?;
        Ok(order)
    }

    /// Wishes a customer's order cancelled; one that is, or is about to be, stays so.
    ///
    /// # Errors
    /// `order-not-found`, `order-state`, or where the database fails; then the transaction must not be committed.
    pub async fn cancel(&self, tx: &mut PgConnection, id: Uuid, customer: Uuid) -> Result<Order, Problem> {
        let Stored { order, step, .. } = self.of(tx, id, Some(customer)).await?;
        if matches!(order.state, OrderState::Cancelling | OrderState::Cancelled) {
            return Ok(order);
        }
        if !step.is_some_and(Step::can_be_cancelled) {
            return Err(wrong_state(&order, "cancelled"));
        }
        self.db.measure("request_cancel", sqlx::query(REQUEST_CANCEL).bind(id).execute(tx)).await?;
        Ok(order)
    }

    /// Sends a confirmed order on its way; one that is stays so.
    ///
    /// # Errors
    /// As [`cancel`](Self::cancel).
    pub async fn ship(&self, tx: &mut PgConnection, id: Uuid) -> Result<Order, Problem> {
        let Stored { order, customer_id, .. } = self.of(tx, id, None).await?;
        match order.state {
            OrderState::Shipped => Ok(order),
            OrderState::Confirmed => {
                self.db.measure("ship", sqlx::query(SHIP).bind(id).execute(&mut *tx)).await?;
                self.tell(tx, ORDER_SHIPPED, &order, customer_id).await?;
                Ok(Order { state: OrderState::Shipped, ..order })
            }
            _ => Err(wrong_state(&order, "shipped")),
        }
    }

    /// Begins to give the money of an order back; where that is done or on its way, it stays so.
    ///
    /// # Errors
    /// As [`cancel`](Self::cancel).
    pub async fn refund(&self, tx: &mut PgConnection, id: Uuid) -> Result<Order, Problem> {
        let Stored { order, customer_id, shipped, .. } = self.of(tx, id, None).await?;
        match order.state {
            OrderState::Refunding | OrderState::Refunded => return Ok(order),
            OrderState::Confirmed | OrderState::Shipped => {}
            _ => return Err(wrong_state(&order, "refunded")),
        }
        let Some(step) = first_of_refund(order.total.amount == 0, shipped) else {
            self.db.measure("refunded", sqlx::query(REFUNDED).bind(id).execute(&mut *tx)).await?;
            self.tell(tx, ORDER_REFUNDED, &order, customer_id).await?;
            return Ok(Order { state: OrderState::Refunded, ..order });
        };
        let begin = sqlx::query(BEGIN_REFUND).bind(id).bind(step.name());
        self.db.measure("begin_refund", begin.execute(&mut *tx)).await?;
        log(&self.db, tx, id, 0, vec![(step.name(), "begun", None)]).await?;
        Ok(Order { state: OrderState::Refunding, ..order })
    }

    /// Does what a person decided about an order that needs review.
    ///
    /// # Errors
    /// As [`cancel`](Self::cancel).
    pub async fn decide(&self, tx: &mut PgConnection, id: Uuid, decision: Decision) -> Result<Order, Problem> {
        let Stored { order, step, .. } = self.of(tx, id, None).await?;
        let cancel = decision == Decision::Cancel;
        if order.state != OrderState::NeedsReview || (cancel && !step.is_some_and(Step::can_be_cancelled)) {
            return Err(wrong_state(&order, if cancel { "cancelled" } else { "tried again" }));
        }
        let retry = sqlx::query(RETRY).bind(id).bind(cancel);
        self.db.measure("retry", retry.execute(tx)).await?;
        Ok(order)
    }

    /// The order, locked; another customer's does not exist.
    async fn of(&self, tx: &mut PgConnection, id: Uuid, customer: Option<Uuid>) -> Result<Stored, Problem> {
        let found = lock(&self.db, tx, id).await?;
        found.filter(|o| customer.is_none_or(|customer| o.customer_id == customer)).ok_or_else(|| not_found(id))
    }

    async fn tell(&self, tx: &mut PgConnection, told: &str, order: &Order, customer: Uuid) -> Result<(), Problem> {
        let now = self.identity.now();
        let changed = changed(order.id, customer, &order.lines, order.total, None);
        let event = Event::new(self.identity.mint(now), told, now, &changed).map_err(|_| Problem::internal())?;
        Ok(event.record(&self.db, tx).await?)
    }
}

/// The refusal of an order that is not there, or not the caller's.
pub fn not_found(id: Uuid) -> Problem {
    known(ErrorCode::OrderNotFound, format!("you have no order with the id {id}"))
}

fn wrong_state(order: &Order, wish: &str) -> Problem {
    known(ErrorCode::OrderState, format!("order {} is {} and cannot be {wish} now", order.id, order.state.name()))
}
