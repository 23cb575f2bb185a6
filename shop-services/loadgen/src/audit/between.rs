//! Rules between databases: what orders say of stock, money, coupons and customers is what the others say.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{FromRow, Row};
use uuid::Uuid;

use super::places::Books;
use super::{AuditError, Finding, Invariant};

/// One order.
#[derive(Debug, Clone)]
pub(super) struct Order {
    /// Its id.
    pub(super) id: Uuid,
    /// Whose it is.
    pub(super) customer_id: Uuid,
    /// Where it is in its life.
    pub(super) state: String,
    /// Nothing is to be done for it.
    pub(super) rests: bool,
    /// It left the house.
    pub(super) shipped: bool,
    /// Its customer is nobody any more.
    pub(super) erased: bool,
    /// Minor units.
    pub(super) total: i64,
    /// The quote as it was read.
    pub(super) quote: Json<Value>,
    /// The quote as it was signed.
    pub(super) quote_token: String,
}

impl FromRow<'_, PgRow> for Order {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            customer_id: row.try_get("customer_id")?,
            state: row.try_get("state")?,
            rests: row.try_get("rests")?,
            shipped: row.try_get("shipped")?,
            erased: row.try_get("erased")?,
            total: row.try_get("total")?,
            quote: row.try_get("quote")?,
            quote_token: row.try_get("quote_token")?,
        })
    }
}

const ORDERS: &str = "SELECT id, customer_id, state, step IS NULL AS rests, shipped_at IS NOT NULL AS shipped, erased,
    total, quote, quote_token FROM orders ORDER BY id";
/// By order and SKU: units that left the house and did not come back.
const LEFT: &str = "SELECT r.order_id, l.sku, (-sum(l.on_hand_change))::bigint FROM stock_ledger l
    JOIN reservations r ON r.id = l.reservation_id WHERE l.kind IN ('committed', 'restocked')
    GROUP BY r.order_id, l.sku HAVING sum(l.on_hand_change) <> 0";
/// Held reservations, and whether their time has been over for some seconds.
const HELD: &str = "SELECT order_id, expires_at < clock_timestamp() - interval '10 seconds' FROM reservations
    WHERE state = 'held'";
const PAID: &str = "SELECT order_id, captured - refunded, captured > 0 FROM payments";
const REDEEMED: &str = "SELECT order_id, state FROM redemptions WHERE code IS NOT NULL";
const BOUGHT: &str = "SELECT id, customer_id FROM baskets WHERE bought";
const WRITTEN: &str = "SELECT DISTINCT order_id, customer_id FROM notifications WHERE customer_id IS NOT NULL";

/// What the databases say of each order.
#[derive(Debug)]
pub(super) struct Ledgers {
    /// All orders.
    pub(super) orders: BTreeMap<Uuid, Order>,
    /// Money that was taken and not given back, and whether any was taken, by order.
    pub(super) paid: Vec<(Uuid, i64, bool)>,
    left: BTreeMap<Uuid, BTreeMap<String, i64>>,
    held: Vec<(Uuid, bool)>,
    redeemed: BTreeMap<Uuid, String>,
    bought: Vec<(Uuid, Option<Uuid>)>,
    written: Vec<(Uuid, Uuid)>,
}

impl Order {
    /// Whether it is paid and its goods are the customer's, or given back only after they had left.
    fn sold(&self) -> bool {
        matches!(self.state.as_str(), "confirmed" | "shipped") || (self.state == "refunded" && self.shipped)
    }

    /// What is to be paid for it, as it stands.
    fn owed(&self) -> i64 {
        if matches!(self.state.as_str(), "confirmed" | "shipped") { self.total } else { 0 }
    }

    fn lines(&self) -> BTreeMap<String, i64> {
        let mut lines = BTreeMap::new();
        for line in self.quote.0["lines"].as_array().into_iter().flatten() {
            let sku = line["sku"].as_str().unwrap_or_default().to_owned();
            *lines.entry(sku).or_default() += line["quantity"].as_i64().unwrap_or_default();
        }
        lines
    }
}

impl Ledgers {
    pub(super) async fn read(books: &mut Books) -> Result<Self, AuditError> {
        let orders: Vec<Order> = books.rows("orders", ORDERS).await?;
        let mut left: BTreeMap<Uuid, BTreeMap<String, i64>> = BTreeMap::new();
        for (order, sku, units) in books.rows::<(Uuid, String, i64)>("inventory", LEFT).await? {
            left.entry(order).or_default().insert(sku, units);
        }
        Ok(Self {
            orders: orders.into_iter().map(|order| (order.id, order)).collect(),
            paid: books.rows("payments", PAID).await?,
            left,
            held: books.rows("inventory", HELD).await?,
            redeemed: books.rows("pricing", REDEEMED).await?.into_iter().collect(),
            bought: books.rows("recommendations", BOUGHT).await?,
            written: books.rows("notifications", WRITTEN).await?,
        })
    }

    /// Orders for which nothing is to be done.
    fn at_rest(&self) -> impl Iterator<Item = &Order> {
        self.orders.values().filter(|order| order.rests)
    }

    pub(super) fn check(&self) -> Vec<Finding> {
        vec![self.stock(), self.money(), self.time(), self.coupons(), self.projection(), self.owners()]
    }

    /// Units left for the orders that were sold, and for no others.
    fn stock(&self) -> Finding {
        let none = BTreeMap::new();
        let differs = |order: &Order| {
            let left = self.left.get(&order.id).unwrap_or(&none);
            if order.sold() { *left != order.lines() } else { !left.is_empty() }
        };
        let unknown = self.left.keys().filter(|id| !self.orders.contains_key(*id)).map(Uuid::to_string);
        let broken = self.at_rest().filter(|order| differs(order)).map(|order| order.id.to_string());
        Finding::of(
            Invariant::I1,
            "stock left for the orders that were sold, and no other",
            broken.chain(unknown).collect(),
        )
    }

    /// What was taken and not given back is what confirmed orders cost, order by order.
    fn money(&self) -> Finding {
        let paid: BTreeMap<Uuid, i64> = self.paid.iter().map(|(order, paid, _)| (*order, *paid)).collect();
        let differs = |order: &&Order| paid.get(&order.id).copied().unwrap_or(0) != order.owed();
        let unknown = paid.keys().filter(|id| !self.orders.contains_key(*id)).map(Uuid::to_string);
        let broken = self.at_rest().filter(differs).map(|order| order.id.to_string());
        Finding::of(
            Invariant::I2,
            "each confirmed order is paid, and nobody pays for another",
            broken.chain(unknown).collect(),
        )
    }

    /// No reservation outlives its time unless its order does.
    fn time(&self) -> Finding {
        let rests = |id: &Uuid| self.orders.get(id).is_none_or(|order| order.rests);
        let broken = self
            .held
            .iter()
            .filter(|(order, overdue)| self.orders.get(order).is_some_and(|o| o.rests) || (*overdue && rests(order)));
        let broken = broken.map(|(order, _)| format!("of order {order}")).collect();
        Finding::of(Invariant::I4, "no reservation outlives its time unless its order does", broken)
    }

    /// A coupon is used up by confirmed orders alone.
    fn coupons(&self) -> Finding {
        let differs = |order: &&Order| {
            let wanted = order.quote.0["coupon"].is_string() && order.state != "cancelled";
            let counted = self.redeemed.get(&order.id).is_some_and(|state| state != "undone");
            wanted != counted
        };
        let broken = self.at_rest().filter(differs).map(|order| order.id.to_string()).collect();
        Finding::of(
            Invariant::I5,
            "a coupon is used up by orders that came to something, and given back by the others",
            broken,
        )
    }

    /// What was confirmed is what recommendations learns from.
    fn projection(&self) -> Finding {
        let bought: BTreeSet<Uuid> = self.bought.iter().map(|(order, _)| *order).collect();
        let told = |order: &&Order| !order.erased && matches!(order.state.as_str(), "confirmed" | "shipped");
        let missing = self.at_rest().filter(told).filter(|order| !bought.contains(&order.id));
        let broken = missing.map(|order| order.id.to_string()).collect();
        Finding::of(Invariant::I5, "each confirmed order has reached recommendations", broken)
    }

    /// Nobody else is told of an order.
    fn owners(&self) -> Finding {
        let bought = self.bought.iter().filter_map(|(order, customer)| customer.map(|customer| (*order, customer)));
        let told = bought.chain(self.written.iter().copied());
        let wrong = told.filter(|(order, customer)| {
            self.orders.get(order).is_some_and(|order| !order.erased && order.customer_id != *customer)
        });
        let broken = wrong.map(|(order, customer)| format!("order {order} to customer {customer}")).collect();
        Finding::of(Invariant::I7, "nobody but its customer is told of an order", broken)
    }
}
