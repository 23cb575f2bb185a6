//! From a message to the sink: every attempt written down, repeated after failures, given up after refusals, and shared
//! by replicas.

use serde_json::{Value, json};
use test_kit::{Nats, Postgres};

use crate::running::{ADMIN, NOWHERE, id, order, payment, start, start_on, tells, until};
use crate::sink::Sink;

fn outcomes(message: &Value) -> Vec<&str> {
    message["attempts"].as_array().unwrap().iter().map(|attempt| attempt["outcome"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_message_is_handed_over_once_with_its_id_as_key() -> anyhow::Result<()> {
    let (nats, sink) = (Nats::start().await?, Sink::open(202).await?);
    let notifications = start(&nats.url(), &[&sink.flag(), "--sink-token=sink-token"]).await?;
    tells(&nats, 1, "order.confirmed", &order(1)).await?;
    let message = notifications.becomes(1, "delivered").await;
    let handed = sink.handed();
    assert_eq!(handed.len(), 1);
    let (key, token, body) = &handed[0];
    assert_eq!((key.as_str(), token.as_str()), (message["id"].as_str().unwrap(), "Bearer sink-token"));
    let expected = json!({"id": message["id"], "customer_id": id(1), "order_id": id(1), "kind": "order.confirmed",
        "subject": message["subject"], "text": message["text"]});
    assert_eq!(*body, expected);
    Ok(())
}

#[tokio::test]
async fn a_sink_that_fails_is_asked_again_under_the_same_key_until_it_takes_the_message() -> anyhow::Result<()> {
    let (nats, sink) = (Nats::start().await?, Sink::open(503).await?);
    let notifications = start(&nats.url(), &[&sink.flag()]).await?;
    tells(&nats, 1, "order.created", &order(1)).await?;
    until("it was tried three times", async || sink.handed().len() >= 3).await;
    sink.answers(200);
    let message = notifications.becomes(1, "delivered").await;
    let handed = sink.handed();
    assert!(handed.iter().all(|(key, ..)| *key == handed[0].0), "one key: {handed:?}");
    let outcomes = outcomes(&message);
    assert_eq!(outcomes.len(), handed.len());
    assert_eq!((outcomes[0], outcomes.last()), ("unknown", Some(&"delivered")));
    assert_eq!(message["attempts"][0]["detail"], "the sink answered 503");
    Ok(())
}

#[tokio::test]
async fn a_message_that_nobody_takes_is_dead_and_the_next_one_is_not_kept_waiting() -> anyhow::Result<()> {
    let (nats, sink) = (Nats::start().await?, Sink::open(500).await?);
    let notifications = start(&nats.url(), &[&sink.flag(), "--delivery-attempts=3"]).await?;
    tells(&nats, 1, "order.created", &order(1)).await?;
    assert_eq!(outcomes(&notifications.becomes(1, "dead").await), ["unknown"; 3]);
    sink.answers(422);
    tells(&nats, 2, "order.created", &order(2)).await?;
    assert_eq!(outcomes(&notifications.becomes(2, "dead").await), ["refused"], "asking again would not help");
    sink.answers(204);
    tells(&nats, 3, "order.created", &order(3)).await?;
    notifications.becomes(3, "delivered").await;
    notifications.shows(r#"shop_notifications{state="dead"} 2"#).await;
    let dead = notifications.get("/v1/notifications?state=dead", ADMIN).await.json();
    let orders: Vec<&Value> = dead["items"].as_array().unwrap().iter().map(|message| &message["order_id"]).collect();
    assert_eq!(orders.len(), 2);
    assert!(orders.contains(&&json!(id(1))) && orders.contains(&&json!(id(2))));
    Ok(())
}

#[tokio::test]
async fn a_message_waits_until_it_is_told_whose_the_order_is() -> anyhow::Result<()> {
    let (nats, sink) = (Nats::start().await?, Sink::open(200).await?);
    let notifications = start(&nats.url(), &[&sink.flag()]).await?;
    tells(&nats, 1, "payment.failed", &payment(4)).await?;
    until("it was tried in vain", async || {
        notifications.about(4).await.first().is_some_and(|message| outcomes(message).contains(&"unknown"))
    })
    .await;
    tells(&nats, 2, "order.created", &order(4)).await?;
    until("both are delivered", async || {
        let about = notifications.about(4).await;
        about.len() == 2 && about.iter().all(|message| message["state"] == "delivered")
    })
    .await;
    assert!(sink.handed().iter().all(|(.., body)| body["customer_id"] == json!(id(4))));
    Ok(())
}

#[tokio::test]
async fn two_replicas_deliver_each_message_once_and_one_that_is_drained_leaves_the_rest() -> anyhow::Result<()> {
    let (nats, sink) = (Nats::start().await?, Sink::open(200).await?);
    let database = Postgres::shared().await?.database().await?;
    let one = start_on(&database, &nats.url(), &[&sink.flag()]).await?;
    let two = start_on(&database, &nats.url(), &[&sink.flag()]).await?;
    for number in 1..=20 {
        tells(&nats, number, "order.created", &order(number)).await?;
    }
    one.ends().await?;
    for number in 21..=40 {
        tells(&nats, number, "order.created", &order(number)).await?;
    }
    let delivered = "SELECT count(*) FROM notifications WHERE state = 'delivered'";
    until("all are delivered", async || two.count(delivered).await == 40).await;
    let mut keys: Vec<String> = sink.handed().into_iter().map(|(key, ..)| key).collect();
    assert_eq!(keys.len(), 40);
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 40);
    Ok(())
}

#[tokio::test]
async fn what_waits_while_nobody_runs_is_shown_and_then_delivered() -> anyhow::Result<()> {
    let (nats, sink) = (Nats::start().await?, Sink::open(200).await?);
    let database = Postgres::shared().await?.database().await?;
    let first = start_on(&database, &nats.url(), &[&sink.flag()]).await?;
    first.shows("shop_inbox_pending_messages 0.0").await;
    first.ends().await?;
    for number in 1..=30 {
        tells(&nats, number, "order.created", &order(number)).await?;
    }
    // The broker knows what waits for the worker that is scaled to zero, as its exporter would tell it.
    let stream = async_nats::jetstream::new(async_nats::connect(nats.url()).await?).get_stream("SHOP").await?;
    assert_eq!(stream.consumer_info("notifications").await?.num_pending, 30);
    // While its database refuses, it shows the backlog itself.
    let lock = Locked::of(&database).await?;
    let second = start_on(&database, &nats.url(), &[&sink.flag()]).await?;
    second.shows("shop_inbox_pending_messages 30.0").await;
    until("the oldest grows older", async || {
        let text = second.metrics().await;
        let age = text.lines().find_map(|line| line.strip_prefix("shop_inbox_oldest_age_seconds "));
        age.is_some_and(|age| age.parse::<f64>().unwrap() > 0.5)
    })
    .await;
    drop(lock);
    let delivered = "SELECT count(*) FROM notifications WHERE state = 'delivered'";
    until("all are delivered", async || second.count(delivered).await == 30).await;
    second.shows("shop_inbox_pending_messages 0.0").await;
    second.shows("shop_inbox_oldest_age_seconds 0.0").await;
    second.shows(r#"shop_notifications{state="pending"} 0"#).await;
    Ok(())
}

#[tokio::test]
async fn it_is_ready_without_its_broker_and_ends_when_told() -> anyhow::Result<()> {
    let notifications = start(NOWHERE, &[]).await?;
    assert_eq!(notifications.get("/readyz", ADMIN).await.status, 200);
    assert_eq!(notifications.get("/healthz", ADMIN).await.status, 200);
    assert!(!notifications.metrics().await.contains("shop_inbox_pending_messages"), "unknown is not zero");
    notifications.ends().await
}

/// Locks the inbox away until it is dropped, so that events wait.
struct Locked(#[expect(dead_code, reason = "it holds the lock")] sqlx::PgConnection);

impl Locked {
    async fn of(database: &str) -> anyhow::Result<Self> {
        let mut connection = <sqlx::PgConnection as sqlx::Connection>::connect(database).await?;
        sqlx::raw_sql("BEGIN; LOCK TABLE inbox IN SHARE ROW EXCLUSIVE MODE").execute(&mut connection).await?;
        Ok(Self(connection))
    }
}
