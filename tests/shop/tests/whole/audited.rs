//! The audit: it passes where all is well, and names each invariant that is broken, by a violation planted for each.

use std::time::Duration;

use loadgen::audit::{Invariant, Report};
use presale_shop::Shop;
use serde_json::{Value, json};
use test_kit::Client;
use tokio::time::sleep;

use crate::open::{audited, meddle, open, selected};

/// Breaks what is, and what mends it again: invariant, words of the rule, database, both statements.
type Plant = (Invariant, &'static str, &'static str, &'static str, &'static str);

const PLANTS: [Plant; 12] = [
    (
        Invariant::I1,
        "no more is reserved than there is",
        "inventory",
        "ALTER TABLE stock DROP CONSTRAINT stock_never_oversold;
         UPDATE stock SET reserved = on_hand + 1 WHERE sku = 'P00001-1'",
        "UPDATE stock SET reserved = 0 WHERE sku = 'P00001-1';
         ALTER TABLE stock ADD CONSTRAINT stock_never_oversold CHECK (0 <= reserved AND reserved <= on_hand)",
    ),
    (
        Invariant::I1,
        "the database forbids it by itself",
        "inventory",
        "ALTER TABLE stock DROP CONSTRAINT stock_never_oversold",
        "ALTER TABLE stock ADD CONSTRAINT stock_never_oversold CHECK (0 <= reserved AND reserved <= on_hand)",
    ),
    (
        Invariant::I1,
        "stock is what its ledger sums up to",
        "inventory",
        "UPDATE stock SET on_hand = on_hand + 1 WHERE sku = 'P00001-1'",
        "UPDATE stock SET on_hand = on_hand - 1 WHERE sku = 'P00001-1'",
    ),
    (
        Invariant::I2,
        "the ledger sums to zero in every currency",
        "payments",
        "ALTER TABLE ledger_entries DISABLE TRIGGER ALL;
         UPDATE ledger_entries SET amount = amount + 1 WHERE account = 'sales'",
        "UPDATE ledger_entries SET amount = amount - 1 WHERE account = 'sales';
         ALTER TABLE ledger_entries ENABLE TRIGGER ALL",
    ),
    (
        Invariant::I2,
        "each confirmed order is paid, and nobody pays for another",
        "payments",
        "UPDATE payments SET captured = captured - 1",
        "UPDATE payments SET captured = captured + 1",
    ),
    (
        Invariant::I3,
        "an order is paid at most once",
        "payments",
        "DROP INDEX operations_one_capture;
         INSERT INTO operations (id, payment_id, kind, amount, state, next_attempt_at)
         SELECT gen_random_uuid(), payment_id, kind, amount, state, now() FROM operations WHERE kind = 'capture'",
        "DELETE FROM operations o WHERE kind = 'capture' AND NOT EXISTS
            (SELECT FROM ledger_entries l WHERE l.operation_id = o.id)",
    ),
    (
        Invariant::I3,
        "one key made one order",
        "orders",
        "INSERT INTO idempotency_keys (scope, key, fingerprint, status, body)
         SELECT scope, key || '2', fingerprint, status, body FROM idempotency_keys WHERE scope LIKE '%POST /v1/orders'",
        "DELETE FROM idempotency_keys WHERE key LIKE '%2' AND scope LIKE '%POST /v1/orders'",
    ),
    (
        Invariant::I4,
        "no order is on its way for longer than its deadline",
        "orders",
        // A refund is on its way since it was begun, however young or old the order is.
        "UPDATE orders SET state = 'refunding', step = 'refund', due_at = now() + interval '1 day';
         INSERT INTO saga_log (order_id, step, outcome, fence, at)
         SELECT id, 'refund', 'begun', fence, now() - interval '1 hour' FROM orders",
        "DELETE FROM saga_log WHERE step = 'refund'; UPDATE orders SET state = 'confirmed', step = NULL, due_at = NULL",
    ),
    (
        Invariant::I5,
        "what was published is in the stream",
        "orders",
        "INSERT INTO outbox (id, kind, body, published_at) VALUES (gen_random_uuid(), 'made.up', '{}', now())",
        "DELETE FROM outbox WHERE kind = 'made.up'",
    ),
    (
        Invariant::I5,
        "the customer is told of each turn of an order once",
        "notifications",
        "ALTER TABLE notifications DROP CONSTRAINT notifications_one_per_event;
         INSERT INTO notifications (id, event_id, order_id, kind, subject, body, state, due_at)
         SELECT gen_random_uuid(), event_id, order_id, 'twice', subject, body, 'dead', NULL FROM notifications",
        "DELETE FROM notifications WHERE kind = 'twice'",
    ),
    (
        Invariant::I6,
        "every order was placed on a quote that pricing signed",
        "orders",
        "UPDATE orders SET total = total - 1, quote = jsonb_set(quote, '{total,amount}', to_jsonb(total - 1))",
        "UPDATE orders SET total = total + 1, quote = jsonb_set(quote, '{total,amount}', to_jsonb(total + 1))",
    ),
    (
        Invariant::I7,
        "an order belongs to whoever placed it",
        "orders",
        "UPDATE orders SET customer_id = gen_random_uuid()",
        "UPDATE orders o SET customer_id = (SELECT split_part(scope, ' ', 2)::uuid FROM idempotency_keys k
            WHERE convert_from(k.body, 'UTF8')::jsonb->>'id' = o.id::text LIMIT 1)",
    ),
];

fn names(report: &Report, invariant: Invariant, rule: &str) -> bool {
    report.broken().any(|finding| finding.invariant == invariant && finding.rule.contains(rule) && finding.broken > 0)
}

/// Buys one thing through the gateway, and waits until it is confirmed.
async fn bought(shop: &Shop) -> anyhow::Result<()> {
    let client = Client::new(format!("http://{}", shop.gateway))?;
    let send = async |method: &str, path: &str, headers: &[(&str, &str)], body: Value| {
        client.send(method, path, headers, Some(&body.to_string())).await
    };
    let person = json!({"email": "anna@example.com", "name": "Anna", "password": "correct horse battery staple"});
    send("POST", "/v1/accounts", &[("idempotency-key", "a")], person).await?;
    let login =
        json!({"grant_type": "password", "email": "anna@example.com", "password": "correct horse battery staple"});
    let granted = send("POST", "/v1/auth/token", &[], login).await?.json();
    let bearer = format!("Bearer {}", granted["access_token"].as_str().unwrap());
    let token = ("authorization", bearer.as_str());
    let tag = client.send("GET", "/v1/cart", &[token], None).await?.header("etag").to_owned();
    let put = send("PUT", "/v1/cart/items/P00001-1", &[token, ("if-match", &tag)], json!({"quantity": 2})).await?;
    assert_eq!(put.status, 200, "{}", put.text());
    let quoted = send("POST", "/v1/cart/quote", &[token], json!({"currency": "EUR", "country": "DE"})).await?.json();
    let order = json!({"quote": quoted["token"], "payment_method": "tok_ok"});
    let placed = send("POST", "/v1/orders", &[token, ("idempotency-key", "k")], order).await?;
    assert_eq!(placed.status, 202, "{}", placed.text());
    let path = placed.header("location").to_owned();
    for _ in 0..600 {
        if client.send("GET", &path, &[token], None).await?.json()["state"] == "confirmed" {
            return Ok(());
        }
        sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("{path} is not confirmed")
}

#[tokio::test]
async fn the_audit_names_each_invariant_that_is_broken_and_no_other_where_none_is() -> anyhow::Result<()> {
    let shop = open(&[]).await?;
    bought(&shop).await?;
    let clean = audited(&shop, Duration::from_mins(1)).await?;
    assert!(clean.passed, "{:#?}", clean.broken().collect::<Vec<_>>());
    let now = Duration::ZERO;
    for (invariant, rule, database, breaks, mends) in PLANTS {
        meddle(&shop, database, breaks).await?;
        let report = audited(&shop, now).await?;
        let found: Vec<_> = report.broken().collect();
        assert!(!report.passed && names(&report, invariant, rule), "{invariant:?} {rule}: {found:#?}");
        meddle(&shop, database, mends).await?;
    }
    // The provider charged once more than anybody asked for.
    let provider = &shop.services["psp-sim"].client;
    let amount = json!({"amount": 100, "currency": "EUR"});
    for operation in [
        json!({"key": "x", "kind": "authorize", "amount": amount, "method": "tok_ok"}),
        json!({"key": "y", "kind": "capture", "amount": amount, "authorization": "x"}),
    ] {
        let answer = provider.send("POST", "/v1/operations", &[], Some(&operation.to_string())).await?;
        assert_eq!((answer.status, answer.json()["succeeded"].as_bool()), (200, Some(true)), "{}", answer.text());
    }
    let report = audited(&shop, now).await?;
    assert!(names(&report, Invariant::I2, "the provider's balance") && names(&report, Invariant::I3, "captured once"));
    // An auditor, who opened their account last, finds somebody's order in their own list.
    let auditor = selected(&shop, "accounts", "SELECT id::text FROM accounts ORDER BY created_at DESC LIMIT 1").await?;
    meddle(&shop, "orders", &format!("UPDATE orders SET customer_id = '{auditor}'")).await?;
    assert!(names(&audited(&shop, now).await?, Invariant::I7, "a stranger reaches nobody's order"));
    shop.close().await
}
