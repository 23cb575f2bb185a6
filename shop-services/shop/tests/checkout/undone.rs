//! Orders that come to nothing: whatever was done for them is undone, and nothing else.

use serde_json::json;

use crate::floor::until;
use crate::stage::{Settings, Stage};

#[tokio::test]
async fn without_stock_nothing_is_paid_and_the_coupon_comes_back() -> anyhow::Result<()> {
    let stage = Stage::set().await?;
    stage.gives_coupon("ONCE", 1_000, 1).await;
    stage.leaves(1).await;
    let (orders, anna) = (stage.orders(&[]).await?, stage.customer(1));
    let path = orders.placed(&anna, "k", &stage.quote(2, Some("ONCE")).await).await;
    assert_eq!(orders.becomes(&path, &anna, "cancelled").await["reason"], "out-of-stock");
    assert_eq!(stage.payments.count("SELECT count(*) FROM payments").await, 0);
    stage.audit(&[&orders]).await;
    let path = orders.placed(&anna, "next", &stage.quote(1, Some("ONCE")).await).await;
    orders.becomes(&path, &anna, "confirmed").await;
    stage.audit(&[&orders]).await;
    Ok(())
}

#[tokio::test]
async fn a_declined_card_gives_the_stock_back() -> anyhow::Result<()> {
    let stage = Stage::set().await?;
    let (orders, anna) = (stage.orders(&[]).await?, stage.customer(1));
    let declined = json!({"quote": stage.quote(1, None).await, "payment_method": "tok_declined"});
    let answer = orders.send("POST", "/v1/orders", &anna, Some("k"), Some(&declined)).await;
    let path = answer.header("location").to_owned();
    assert_eq!(orders.becomes(&path, &anna, "cancelled").await["reason"], "payment-declined");
    assert_eq!(stage.inventory.count("SELECT count(*) FROM reservations WHERE state = 'released'").await, 1);
    stage.audit(&[&orders]).await;
    Ok(())
}

#[tokio::test]
async fn stock_that_expired_while_the_card_was_asked_gives_the_money_back() -> anyhow::Result<()> {
    let stage = Stage::set_with(Settings { inventory: &["--reservation-ttl=700ms"], ..Settings::default() }).await?;
    stage.program(json!({"latency_ms": 1_500})).await;
    let (orders, anna) = (stage.orders(&[]).await?, stage.customer(1));
    let path = orders.placed(&anna, "k", &stage.quote(1, None).await).await;
    assert_eq!(orders.becomes(&path, &anna, "cancelled").await["reason"], "reservation-closed");
    assert_eq!((stage.provider_did("authorize").await, stage.provider_did("void").await), (1, 1));
    stage.audit(&[&orders]).await;
    Ok(())
}

#[tokio::test]
async fn a_customer_who_changes_their_mind_in_time_gets_everything_back() -> anyhow::Result<()> {
    let stage = Stage::set().await?;
    stage.program(json!({"latency_ms": 1_500})).await;
    let (orders, anna) = (stage.orders(&[]).await?, stage.customer(1));
    let path = orders.placed(&anna, "k", &stage.quote(1, None).await).await;
    until("the stock is set aside", async || orders.look(&path, &anna).await["state"] == "reserved").await;
    for key in ["c", "c", "again"] {
        let answer = orders.send("POST", &format!("{path}/cancel"), &anna, Some(key), None).await;
        assert_eq!(answer.status, 202, "{}", answer.text());
    }
    assert_eq!(orders.becomes(&path, &anna, "cancelled").await["reason"], "cancelled-on-request");
    assert_eq!((stage.provider_did("authorize").await, stage.provider_did("void").await), (1, 1));
    assert_eq!(stage.provider_did("capture").await, 0);
    stage.audit(&[&orders]).await;
    Ok(())
}
