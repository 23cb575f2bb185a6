//! Buying: from a quote to a confirmed order, once whatever is sent, and never more than there is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::floor::{ADMIN, eur, refusal, until};
use crate::stage::Stage;

#[tokio::test]
async fn an_order_is_confirmed_shipped_and_refunded_and_every_book_agrees() -> anyhow::Result<()> {
    let stage = Stage::set().await?;
    stage.gives_coupon("TENTH", 1_000, 5).await;
    let (orders, anna) = (stage.orders(&[]).await?, stage.customer(1));
    let path = orders.placed(&anna, "k", &stage.quote(2, Some("TENTH")).await).await;
    let order = orders.becomes(&path, &anna, "confirmed").await;
    // 39.98 less a tenth, 4.99 for delivery, 19 % on both.
    assert_eq!((order["tax"].clone(), order["total"].clone()), (eur(684 + 95), eur(3_598 + 499 + 684 + 95)));
    assert_eq!(order["lines"][0]["quantity"], 2);
    assert_eq!((order.get("reason"), order.get("customer_id")), (None, None));
    assert_eq!(
        refusal(&orders.send("POST", &format!("{path}/cancel"), &anna, Some("c"), None).await, 409),
        "order-state"
    );
    stage.audit(&[&orders]).await;
    for key in ["s", "s", "again"] {
        let shipped = orders.send("POST", &format!("{path}/ship"), ADMIN, Some(key), None).await;
        assert_eq!((shipped.status, shipped.json()["state"].clone()), (200, json!("shipped")));
    }
    stage.audit(&[&orders]).await;
    for key in ["r", "r", "again"] {
        assert_eq!(orders.send("POST", &format!("{path}/refund"), ADMIN, Some(key), None).await.status, 202);
    }
    orders.becomes(&path, &anna, "refunded").await;
    assert_eq!(stage.provider_did("refund").await, 1);
    stage.audit(&[&orders]).await;
    until("every event is published", async || {
        orders.count("SELECT count(*) FROM outbox WHERE published_at IS NULL").await == 0
    })
    .await;
    let told = "SELECT count(*) FROM outbox WHERE kind IN ('order.created', 'order.confirmed', 'order.shipped', 'order.refunded')";
    assert_eq!((orders.count(told).await, orders.count("SELECT count(*) FROM outbox").await), (4, 4));
    Ok(())
}

#[tokio::test]
async fn one_key_is_one_order_and_a_price_of_the_client_is_none() -> anyhow::Result<()> {
    let stage = Stage::set_with(crate::stage::Settings { pricing: &["--quote-ttl=4s"], ..Default::default() }).await?;
    let (orders, anna) = (Arc::new(stage.orders(&[]).await?), stage.customer(1));
    let quote = stage.quote(1, None).await;
    let mut tries = JoinSet::new();
    for _ in 0..40 {
        let (orders, anna, quote) = (Arc::clone(&orders), anna.clone(), quote.clone());
        tries.spawn(async move { orders.place(&anna, "same", &quote).await });
    }
    let answers = tries.join_all().await;
    let mut ids: Vec<Value> = answers.iter().filter(|a| a.status == 202).map(|a| a.json()["id"].clone()).collect();
    ids.dedup();
    assert_eq!(ids.len(), 1, "one order");
    assert!(answers.iter().all(|a| a.status == 202 || refusal(a, 409) == "idempotency-key"));
    let path = format!("/v1/orders/{}", ids[0].as_str().unwrap());
    orders.becomes(&path, &anna, "confirmed").await;
    let other = stage.quote(2, None).await;
    assert_eq!(refusal(&orders.place(&anna, "same", &other).await, 422), "idempotency-key");
    let priced = json!({"quote": other, "payment_method": "tok_ok", "total": eur(1)});
    assert_eq!(refusal(&orders.send("POST", "/v1/orders", &anna, Some("p"), Some(&priced)).await, 422), "bad-body");
    let card = json!({"quote": other, "payment_method": "4111111111111111"});
    let refused = orders.send("POST", "/v1/orders", &anna, Some("c"), Some(&card)).await;
    assert_eq!(refusal(&refused, 422), "invalid-field");
    assert!(!refused.text().contains("4111"));
    let mut forged = other.clone();
    forged.replace_range(forged.len() - 6..forged.len() - 5, if forged.contains("AAAAAA") { "B" } else { "A" });
    for junk in [forged.as_str(), "", "a.b.c"] {
        assert_eq!(refusal(&orders.place(&anna, "f", junk).await, 422), "quote-invalid", "{junk}");
    }
    let number = AtomicU32::new(0);
    let late = async || {
        let key = format!("late-{}", number.fetch_add(1, Ordering::Relaxed));
        orders.place(&anna, &key, &quote).await
    };
    until("the first quote does not bind any more", async || late().await.status == 409).await;
    assert_eq!(refusal(&late().await, 409), "quote-expired");
    let again = orders.place(&anna, "same", &quote).await;
    assert_eq!((again.status, again.json()["id"].clone()), (202, ids[0].clone()), "a repetition gets its first answer");
    Ok(())
}

#[tokio::test]
async fn an_order_that_costs_nothing_needs_no_payment() -> anyhow::Result<()> {
    let stage = Stage::set().await?;
    stage.gives_coupon("GIFT", 10_000, 1).await;
    let free = json!({"country": "DE", "shipping": eur(0), "tax_per_10k": 1900});
    stage.pricing.made("/v1/rates", "free", &free).await;
    let (orders, anna) = (stage.orders(&[]).await?, stage.customer(1));
    let path = orders.placed(&anna, "k", &stage.quote(1, Some("GIFT")).await).await;
    assert_eq!(orders.becomes(&path, &anna, "confirmed").await["total"], eur(0));
    assert_eq!(stage.payments.count("SELECT count(*) FROM payments").await, 0);
    stage.audit(&[&orders]).await;
    Ok(())
}
