//! What must hold between all the books when every order rests.

use crate::floor::{Service, until};
use crate::stage::Stage;

impl Stage {
    /// Fails where the books of the provider, payments, inventory, pricing and orders do not tell the same.
    pub(crate) async fn audit(&self, orders: &[&Service]) {
        for one in orders {
            hold(one, &BROKEN_IN_ORDERS.map(|(what, statement)| (what, statement, 0))).await;
        }
        let (owed, sold) = (sum(orders, OWED).await, sum(orders, SOLD).await);
        let paying = [
            ("the ledger is balanced", "SELECT coalesce(sum(amount), 0)::bigint FROM ledger_entries", 0),
            ("money is taken and not given back as orders say", CAPTURED, owed),
            ("no money is set aside for nothing", OPEN_PAYMENTS, 0),
        ];
        hold(&self.payments, &paying).await;
        let storing = [
            ("no stock is set aside", "SELECT sum(reserved)::bigint FROM stock", 0),
            ("stock left as orders say", LEFT, sold),
        ];
        hold(&self.inventory, &storing).await;
        self.provider_agrees(owed, sum(orders, PAID).await).await;
        let redeemed = sum(orders, WITH_COUPON).await;
        until("coupons are given back", async || self.pricing.count(REDEEMED).await == redeemed).await;
    }

    async fn provider_agrees(&self, owed: i64, paid: i64) {
        assert_eq!(self.books().await["balance"], owed, "the provider's books");
        assert_eq!(self.provider_did("capture").await, paid, "one capture per paid order");
    }
}

/// Each statement selects what it should.
async fn hold(service: &Service, promises: &[(&str, &'static str, i64)]) {
    for (what, statement, expected) in promises {
        assert_eq!(service.count(statement).await, *expected, "{what}");
    }
}

/// The sum of what a statement selects from the databases of orders.
async fn sum(orders: &[&Service], statement: &'static str) -> i64 {
    let mut sum = 0;
    for one in orders {
        sum += one.count(statement).await;
    }
    sum
}

const CAPTURED: &str = "SELECT coalesce(sum(captured - refunded), 0)::bigint FROM payments";
const OWED: &str = "SELECT coalesce(sum(total), 0)::bigint FROM orders WHERE state IN ('confirmed', 'shipped')";
const PAID: &str = "SELECT count(*) FROM orders WHERE total > 0 AND state IN ('confirmed', 'shipped', 'refunded')";
const OPEN_PAYMENTS: &str =
    "SELECT count(*) FROM payments WHERE state NOT IN ('captured', 'voided', 'refunded', 'failed')";
const LEFT: &str = "SELECT coalesce(-sum(on_hand_change), 0)::bigint FROM stock_ledger
    WHERE kind IN ('committed', 'restocked')";
const WITH_COUPON: &str = "SELECT count(*) FROM orders WHERE quote->>'coupon' IS NOT NULL AND state <> 'cancelled'";
const REDEEMED: &str = "SELECT coalesce(sum(redeemed), 0)::bigint FROM coupons";

const SOLD: &str = "SELECT coalesce(sum((line->>'quantity')::bigint), 0)::bigint FROM orders,
    jsonb_array_elements(quote->'lines') AS line
    WHERE state IN ('confirmed', 'shipped') OR (state = 'refunded' AND shipped_at IS NOT NULL)";

/// What must be 0 in the database of orders when every order rests.
const BROKEN_IN_ORDERS: [(&str, &str); 4] = [
    ("no order is on its way", "SELECT count(*) FROM orders WHERE step IS NOT NULL"),
    (
        "each order is told of once at its beginning",
        "SELECT count(*) FROM orders o WHERE (SELECT count(*) FROM outbox e WHERE e.kind = 'order.created'
            AND e.body->'data'->>'order_id' = o.id::text) <> 1",
    ),
    (
        "each order is told of once at its end",
        "SELECT count(*) FROM orders o WHERE (SELECT count(*) FROM outbox e WHERE e.kind = 'order.' || o.state
            AND e.body->'data'->>'order_id' = o.id::text) <> 1",
    ),
    (
        "no step is tried before it is begun",
        "SELECT count(*) FROM saga_log ended WHERE outcome <> 'begun' AND NOT EXISTS (SELECT FROM saga_log begun
            WHERE begun.order_id = ended.order_id AND begun.step = ended.step AND begun.outcome = 'begun'
            AND begun.position < ended.position)",
    ),
];
