//! Time: reservations end once, by one clock, and what is low is told.

use async_nats::jetstream;
use jiff::Timestamp;
use serde_json::{Value, json};
use shop_kit::event::Event;
use test_kit::{Nats, Postgres};

use crate::running::{Inventory, NOW, NOWHERE, refusal, start, start_at, start_on, until};

#[tokio::test]
async fn what_is_not_settled_in_time_is_given_back_once_though_two_replicas_sweep() -> anyhow::Result<()> {
    let one = start(&["--reservation-ttl=2s"]).await?;
    let _other = start_on(&one.database, NOWHERE, &["--reservation-ttl=2s"]).await?;
    one.adjust("LAMP", "in", 30).await;
    let mut id = Value::Null;
    for number in 0..30 {
        id = one.reserve(number, &format!("k{number}"), 1, &[("LAMP", 1)]).await.json()["id"].clone();
    }
    until("all are given back", async || one.available("LAMP").await == 30).await;
    assert_eq!(refusal(&one.settle(&id, "commit", "late", 1).await, 409), "reservation-closed");
    assert_eq!(one.settle(&id, "release", "late-too", 1).await.json()["state"], "expired");
    assert_eq!(one.count("SELECT count(*) FROM stock_ledger WHERE kind = 'expired'").await, 30);
    one.audit().await;
    Ok(())
}

#[tokio::test]
async fn an_overdue_reservation_is_not_committed_though_nobody_swept_it() -> anyhow::Result<()> {
    let inventory = start(&["--reservation-ttl=100ms", "--sweep-period=1h"]).await?;
    inventory.adjust("LAMP", "in", 1).await;
    let id = inventory.reserve(1, "k", 1, &[("LAMP", 1)]).await.json()["id"].clone();
    until("its time is up", async || {
        inventory.count("SELECT count(*) FROM reservations WHERE expires_at < clock_timestamp()").await == 1
    })
    .await;
    assert_eq!(refusal(&inventory.settle(&id, "commit", "c", 1).await, 409), "reservation-closed");
    assert_eq!(refusal(&inventory.reserve(1, "again", 1, &[("LAMP", 1)]).await, 409), "reservation-closed");
    assert_eq!(inventory.available("LAMP").await, 0, "until it is swept or released");
    assert_eq!(inventory.settle(&id, "release", "r", 1).await.status, 200);
    assert_eq!(inventory.available("LAMP").await, 1);
    Ok(())
}

#[tokio::test]
async fn replicas_whose_clocks_are_ten_minutes_apart_expire_nothing_early_and_everything_once() -> anyhow::Result<()> {
    let flags = ["--reservation-ttl=5s"];
    let database = Postgres::shared().await?.database().await?;
    let early = start_at(&database, NOWHERE, &flags, || Timestamp::from_second(NOW - 300).unwrap()).await?;
    let late = start_at(&database, NOWHERE, &flags, || Timestamp::from_second(NOW + 300).unwrap()).await?;
    early.adjust("LAMP", "in", 20).await;
    for number in 0..10 {
        let (one, other) = if number % 2 == 0 { (&early, &late) } else { (&late, &early) };
        let id = one.reserve(number, &format!("k{number}"), 1, &[("LAMP", 1)]).await.json()["id"].clone();
        if number < 4 {
            // Still held where the other replica looks, and committed there.
            assert_eq!(other.settle(&id, "commit", &format!("c{number}"), 1).await.status, 200, "not early");
        }
    }
    until("the others are given back", async || late.available("LAMP").await == 16).await;
    assert_eq!(early.count("SELECT count(*) FROM stock_ledger WHERE kind = 'expired'").await, 6, "once each");
    let early_ends = "SELECT count(*) FROM reservations WHERE state = 'expired' AND settled_at < expires_at";
    assert_eq!(early.count(early_ends).await, 0);
    early.audit().await;
    Ok(())
}

async fn told(nats: &Nats) -> anyhow::Result<Vec<(String, Value)>> {
    let context = jetstream::new(async_nats::connect(nats.url()).await?);
    let stream = context.get_stream("SHOP").await?;
    let mut told = Vec::new();
    for sequence in 1..=stream.cached_info().state.last_sequence {
        let message = stream.get_raw_message(sequence).await?;
        told.push((message.subject.to_string(), serde_json::from_slice::<Value>(&message.payload)?["data"].clone()));
    }
    Ok(told)
}

async fn unpublished(inventory: &Inventory) -> i64 {
    inventory.count("SELECT count(*) FROM outbox WHERE published_at IS NULL").await
}

#[tokio::test]
async fn stock_is_told_to_be_low_and_depleted_when_it_becomes_so() -> anyhow::Result<()> {
    let nats = Nats::start().await?;
    let database = Postgres::shared().await?.database().await?;
    let inventory = start_on(&database, &nats.url(), &["--low-stock=5"]).await?;
    inventory.adjust("LAMP", "in", 10).await;
    for (number, units) in [(1, 4), (2, 1), (3, 1), (4, 4)] {
        assert_eq!(inventory.reserve(number, &format!("k{number}"), 1, &[("LAMP", units)]).await.status, 201);
    }
    until("all is published", async || unpublished(&inventory).await == 0).await;
    let levels: Vec<(String, Value)> =
        told(&nats).await?.into_iter().filter(|(_, data)| data.get("sku").is_some()).collect();
    let level =
        |kind: &str, available: i64| (format!("shop.stock.{kind}"), json!({"sku": "LAMP", "available": available}));
    assert_eq!(levels, [level("low", 5), level("depleted", 0)]);
    Ok(())
}

#[tokio::test]
async fn the_stock_of_a_new_product_is_kept_from_then_on() -> anyhow::Result<()> {
    let nats = Nats::start().await?;
    let database = Postgres::shared().await?.database().await?;
    let inventory = start_on(&database, &nats.url(), &[]).await?;
    let context = jetstream::new(async_nats::connect(nats.url()).await?);
    until("the stream is there", async || context.get_stream("SHOP").await.is_ok()).await;
    let data = json!({"product_id": uuid::Uuid::nil(), "skus": ["OAK-2", "OAK-1"]});
    let event = Event::new(uuid::Uuid::from_u128(1), "product.created", Timestamp::UNIX_EPOCH, &data)?;
    context.publish("shop.product.created", serde_json::to_vec(&event)?.into()).await?.await?;
    until("it is kept", async || inventory.available("OAK-2").await == 0).await;
    assert_eq!(refusal(&inventory.reserve(1, "k", 1, &[("OAK-1", 1)]).await, 409), "out-of-stock");
    Ok(())
}
