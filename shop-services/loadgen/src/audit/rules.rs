//! Rules that one database can answer alone: each statement names the objects that break its rule.

use std::time::Duration;

use super::places::Books;
use super::{AuditError, Finding, Invariant};

/// Part of which invariant, what must hold, whose database, and who breaks it.
type Rule = (Invariant, &'static str, &'static str, &'static str);

const RULES: [Rule; 18] = [
    (
        Invariant::I1,
        "no more is reserved than there is",
        "inventory",
        "SELECT sku FROM stock WHERE reserved < 0 OR reserved > on_hand ORDER BY sku",
    ),
    (
        Invariant::I1,
        "the database forbids it by itself",
        "inventory",
        "SELECT 'stock_never_oversold' WHERE NOT EXISTS
            (SELECT FROM pg_constraint WHERE conname = 'stock_never_oversold' AND convalidated)",
    ),
    (
        Invariant::I1,
        "stock is what its ledger sums up to",
        "inventory",
        "SELECT s.sku FROM stock s LEFT JOIN (SELECT sku, sum(on_hand_change) AS hand, sum(reserved_change) AS held
            FROM stock_ledger GROUP BY sku) l USING (sku)
         WHERE (s.on_hand, s.reserved) IS DISTINCT FROM (coalesce(hand, 0)::bigint, coalesce(held, 0)::bigint)",
    ),
    (
        Invariant::I1,
        "what is reserved is held by reservations",
        "inventory",
        "SELECT sku FROM stock s LEFT JOIN (SELECT sku, sum(quantity)::bigint AS held FROM reservation_lines l
            JOIN reservations r ON r.id = l.reservation_id WHERE r.state = 'held' GROUP BY sku) l USING (sku)
         WHERE s.reserved <> coalesce(held, 0)",
    ),
    (
        Invariant::I2,
        "the ledger sums to zero in every currency",
        "payments",
        "SELECT currency || ' ' || sum(amount) FROM ledger_entries GROUP BY currency HAVING sum(amount) <> 0",
    ),
    (
        Invariant::I2,
        "the entries of every operation sum to zero",
        "payments",
        "SELECT operation_id::text FROM ledger_entries GROUP BY operation_id, currency HAVING sum(amount) <> 0",
    ),
    (
        Invariant::I2,
        "no more is given back than was taken, and no more taken than was set aside",
        "payments",
        "SELECT order_id::text FROM payments WHERE NOT (0 <= refunded AND refunded <= captured AND captured <= amount)",
    ),
    (
        Invariant::I2,
        "the ledger says what payments say",
        "payments",
        "SELECT currency FROM (SELECT currency, sum(captured - refunded) AS paid FROM payments GROUP BY currency) p
         FULL JOIN (SELECT currency, sum(amount) AS booked FROM ledger_entries WHERE account = 'provider'
            GROUP BY currency) l USING (currency)
         WHERE coalesce(paid, 0) <> coalesce(booked, 0)",
    ),
    (
        Invariant::I3,
        "an order is paid at most once",
        "payments",
        "SELECT p.order_id::text FROM payments p LEFT JOIN operations o
            ON o.payment_id = p.id AND o.kind = 'capture' AND o.state = 'succeeded'
         GROUP BY p.order_id HAVING count(o.id) > 1 OR count(DISTINCT p.id) > 1",
    ),
    (
        Invariant::I3,
        "an order has at most one reservation",
        "inventory",
        "SELECT order_id::text FROM reservations GROUP BY order_id HAVING count(*) > 1",
    ),
    (
        Invariant::I3,
        "one key made one order",
        "orders",
        "WITH answers AS (SELECT convert_from(body, 'UTF8')::jsonb->>'id' AS id FROM idempotency_keys
            WHERE scope LIKE 'customer % POST /v1/orders')
         SELECT id FROM answers GROUP BY id HAVING count(*) > 1
         UNION ALL SELECT o.id::text FROM orders o LEFT JOIN answers a ON a.id = o.id::text
         WHERE a.id IS NULL AND NOT o.erased AND o.created_at > clock_timestamp() - interval '23 hours'",
    ),
    (
        Invariant::I3,
        "a coupon counts each redemption once",
        "pricing",
        "SELECT code FROM coupons c WHERE redeemed <> (SELECT count(*) FROM redemptions r
            WHERE r.code = c.code AND r.state IN ('redeemed', 'final'))",
    ),
    (
        Invariant::I4,
        "no step of an order is tried before it is written down",
        "orders",
        "SELECT order_id || ' ' || step FROM saga_log ended WHERE outcome <> 'begun' AND NOT EXISTS
            (SELECT FROM saga_log begun WHERE begun.order_id = ended.order_id AND begun.step = ended.step
                AND begun.outcome = 'begun' AND begun.position < ended.position)",
    ),
    (
        Invariant::I4,
        "no payment waits for the provider without an end",
        "payments",
        "SELECT p.order_id::text FROM operations o JOIN payments p ON p.id = o.payment_id
         WHERE o.state = 'pending' AND o.created_at < clock_timestamp() - interval '1 hour'",
    ),
    (
        Invariant::I5,
        "each order is told of once at its beginning",
        "orders",
        "SELECT o.id::text FROM orders o LEFT JOIN outbox e ON e.kind = 'order.created'
            AND e.body->'data'->>'order_id' = o.id::text
         WHERE o.created_at > clock_timestamp() - interval '23 hours' GROUP BY o.id HAVING count(e.id) <> 1",
    ),
    (
        Invariant::I5,
        "each order is told of once at its end",
        "orders",
        "SELECT o.id::text FROM orders o LEFT JOIN outbox e ON e.kind = 'order.' || o.state
            AND e.body->'data'->>'order_id' = o.id::text
         WHERE o.step IS NULL AND o.created_at > clock_timestamp() - interval '23 hours'
         GROUP BY o.id HAVING count(e.id) <> 1",
    ),
    (
        Invariant::I6,
        "an order's total is its quote's",
        "orders",
        "SELECT id::text FROM orders WHERE total IS DISTINCT FROM (quote->'total'->>'amount')::bigint
            OR currency IS DISTINCT FROM quote->'total'->>'currency'",
    ),
    (
        Invariant::I7,
        "an order belongs to whoever placed it",
        "orders",
        "SELECT o.id::text FROM orders o JOIN idempotency_keys k ON k.scope LIKE 'customer % POST /v1/orders'
            AND convert_from(k.body, 'UTF8')::jsonb->>'id' = o.id::text
         WHERE NOT o.erased AND k.scope <> 'customer ' || o.customer_id || ' POST /v1/orders'",
    ),
];

const OVERDUE: &str = "SELECT id::text, extract(epoch FROM clock_timestamp() - CASE WHEN state <> 'refunding' THEN created_at
        ELSE coalesce((SELECT min(at) FROM saga_log l WHERE l.order_id = o.id AND l.step IN ('refund', 'restock')), due_at) END)::float8
    FROM orders o WHERE step IS NOT NULL AND state <> 'needs_review' ORDER BY id";

/// Checks them all.
pub(super) async fn check(books: &mut Books, deadline: Duration) -> Result<Vec<Finding>, AuditError> {
    let mut findings = Vec::with_capacity(RULES.len() + 1);
    for (invariant, rule, service, statement) in RULES {
        let broken: Vec<(String,)> = books.rows(service, statement).await?;
        findings.push(Finding::of(invariant, rule, broken.into_iter().map(|(name,)| name).collect()));
    }
    let on_their_way: Vec<(String, f64)> = books.rows("orders", OVERDUE).await?;
    let overdue = on_their_way.into_iter().filter(|(_, age)| *age > deadline.as_secs_f64()).map(|(id, _)| id);
    let rule = "no order is on its way for longer than its deadline, unless a person was told";
    findings.push(Finding::of(Invariant::I4, rule, overdue.collect()));
    Ok(findings)
}
