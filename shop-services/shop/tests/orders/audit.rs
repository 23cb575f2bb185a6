//! What must hold between all the books when every order rests.

use crate::stage::{Service, Stage, until};

impl Stage {
    /// Fails where the books of the provider, payments, inventory, pricing and orders do not tell the same.
    pub(crate) async fn audit(&self, orders: &[&Service]) {
        let (mut owed, mut sold, mut paid, mut redeemed) = (0, 0, 0, 0);
        for one in orders {
            for (what, statement) in BROKEN_IN_ORDERS {
                assert_eq!(one.count(statement).await, 0, "{what}");
            }
            owed += one
                .count("SELECT coalesce(sum(total), 0)::bigint FROM orders WHERE state IN ('confirmed', 'shipped')")
                .await;
            sold += one.count(SOLD).await;
            paid += one
                .count("SELECT count(*) FROM orders WHERE total > 0 AND state IN ('confirmed', 'shipped', 'refunded')")
                .await;
            redeemed += one
                .count("SELECT count(*) FROM orders WHERE quote->>'coupon' IS NOT NULL AND state <> 'cancelled'")
                .await;
        }
        assert_eq!(self.payments.count("SELECT coalesce(sum(amount), 0)::bigint FROM ledger_entries").await, 0);
        let captured = "SELECT coalesce(sum(captured - refunded), 0)::bigint FROM payments";
        assert_eq!(self.payments.count(captured).await, owed, "taken and not given back, and owed by orders");
        assert_eq!(self.books().await["balance"], owed, "the provider's books");
        assert_eq!(self.provider_did("capture").await, paid, "one capture per paid order");
        let open = "SELECT count(*) FROM payments WHERE state NOT IN ('captured', 'voided', 'refunded', 'failed')";
        assert_eq!(self.payments.count(open).await, 0, "money is set aside for nothing");
        assert_eq!(self.inventory.count("SELECT sum(reserved)::bigint FROM stock").await, 0, "stock is set aside");
        let gone = "SELECT coalesce(-sum(on_hand_change), 0)::bigint FROM stock_ledger WHERE kind IN ('committed', 'restocked')";
        assert_eq!(self.inventory.count(gone).await, sold, "stock that left, and sold");
        until("coupons are given back", async || {
            self.pricing.count("SELECT coalesce(sum(redeemed), 0)::bigint FROM coupons").await == redeemed
        })
        .await;
    }
}

const SOLD: &str = "SELECT coalesce(sum((line->>'quantity')::bigint), 0)::bigint FROM orders,
    jsonb_array_elements(quote->'lines') AS line
    WHERE state IN ('confirmed', 'shipped') OR (state = 'refunded' AND shipped_at IS NOT NULL)";

/// What must be 0 in the database of orders when every order rests.
const BROKEN_IN_ORDERS: [(&str, &str); 4] = [
    ("an order is on its way", "SELECT count(*) FROM orders WHERE step IS NOT NULL"),
    (
        "an order is not told of once at its beginning",
        "SELECT count(*) FROM orders o WHERE (SELECT count(*) FROM outbox e WHERE e.kind = 'order.created'
            AND e.body->'data'->>'order_id' = o.id::text) <> 1",
    ),
    (
        "an order is not told of once at its end",
        "SELECT count(*) FROM orders o WHERE (SELECT count(*) FROM outbox e WHERE e.kind = 'order.' || o.state
            AND e.body->'data'->>'order_id' = o.id::text) <> 1",
    ),
    (
        "a step was tried that was not begun before",
        "SELECT count(*) FROM saga_log ended WHERE outcome <> 'begun' AND NOT EXISTS (SELECT FROM saga_log begun
            WHERE begun.order_id = ended.order_id AND begun.step = ended.step AND begun.outcome = 'begun'
            AND begun.position < ended.position)",
    ),
];
