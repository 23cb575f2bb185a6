//! What pricing tells, and what it does when orders end.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream;
use jiff::Timestamp;
use serde_json::{Value, json};
use shop_kit::event::Event;
use test_kit::Nats;
use tokio::time::{Instant, sleep};

use crate::running::{Pricing, refusal, start_on};

const ORDER: &str = "01900000-0000-7000-8000-000000000001";

/// Waits for up to a minute.
async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let since = Instant::now();
    while !holds().await {
        assert!(since.elapsed() < Duration::from_mins(1), "after a minute still not: {what}");
        sleep(Duration::from_millis(30)).await;
    }
}

/// Publishes an event as the orders service would.
pub(crate) async fn tells(nats: &Nats, id: u128, kind: &str, order: &str) -> anyhow::Result<()> {
    let context = jetstream::new(async_nats::connect(nats.url()).await?);
    until("the stream is there", async || context.get_stream("SHOP").await.is_ok()).await;
    let event = Event::new(uuid::Uuid::from_u128(id), kind, Timestamp::UNIX_EPOCH, &json!({"order_id": order}))?;
    context.publish(format!("shop.{kind}"), serde_json::to_vec(&event)?.into()).await?.await?;
    Ok(())
}

/// Waits until pricing has applied so many events of a kind.
pub(crate) async fn applied(pricing: &Pricing, kind: &str, times: u32) {
    let line = format!(r#"consumed_messages_total{{messaging_operation_name="{kind}",outcome="applied"}} {times}"#);
    until(&line, async || pricing.admin.send("GET", "/metrics", &[], None).await.unwrap().text().contains(&line)).await;
}

#[tokio::test]
async fn a_price_and_a_redemption_are_told_once_each() -> anyhow::Result<()> {
    let nats = Nats::start().await?;
    let pricing = start_on(&nats).await?;
    pricing.sells(&[("LAMP", 1999)]).await;
    pricing.gives_coupon("SAVE-10", 5).await;
    let token = pricing.quote("LAMP", Some("SAVE-10")).await.json()["token"].clone();
    assert_eq!(pricing.redeem("k", ORDER, &token).await.status, 200);
    assert_eq!(pricing.redeem("other-key", ORDER, &token).await.status, 200, "the same again changes nothing");
    let context = jetstream::new(async_nats::connect(nats.url()).await?);
    let stream = || async { context.get_stream("SHOP").await };
    until("two events are there", async || stream().await.is_ok_and(|s| s.cached_info().state.messages == 2)).await;
    let mut told = Vec::new();
    for sequence in 1..=2 {
        let message = stream().await?.get_raw_message(sequence).await?;
        told.push((message.subject.to_string(), serde_json::from_slice::<Value>(&message.payload)?["data"].clone()));
    }
    assert_eq!(told[0].0, "shop.price.changed");
    assert_eq!(told[0].1["price"], json!({"amount": 1999, "currency": "EUR"}));
    assert_eq!(told[1], ("shop.coupon.redeemed".to_owned(), json!({"order_id": ORDER, "code": "SAVE-10"})));
    Ok(())
}

#[tokio::test]
async fn a_cancelled_order_gives_its_coupon_back_once_and_a_confirmed_one_never() -> anyhow::Result<()> {
    let nats = Nats::start().await?;
    let pricing = Arc::new(start_on(&nats).await?);
    pricing.sells(&[("LAMP", 1999)]).await;
    pricing.gives_coupon("SAVE-10", 5).await;
    let token = pricing.quote("LAMP", Some("SAVE-10")).await.json()["token"].clone();
    let kept = "01900000-0000-7000-8000-000000000002";
    let early = "01900000-0000-7000-8000-000000000003";
    for order in [ORDER, kept] {
        assert_eq!(pricing.redeem(order, order, &token).await.status, 200);
    }
    tells(&nats, 1, "order.confirmed", kept).await?;
    applied(&pricing, "order.confirmed", 1).await;
    tells(&nats, 2, "order.cancelled", ORDER).await?;
    tells(&nats, 2, "order.cancelled", ORDER).await?; // delivered twice
    tells(&nats, 3, "order.cancelled", ORDER).await?; // and told twice
    tells(&nats, 4, "order.cancelled", kept).await?; // which orders would never say
    tells(&nats, 5, "order.cancelled", early).await?;
    applied(&pricing, "order.cancelled", 4).await;
    assert_eq!(pricing.redeemed("SAVE-10").await, 1, "only the confirmed order holds one");
    for late in [ORDER, early] {
        let refused = pricing.redeem(&format!("late-{late}"), late, &token).await;
        assert_eq!(refusal(&refused, 409), "order-closed");
    }
    assert_eq!(pricing.redeemed("SAVE-10").await, 1);
    Ok(())
}
