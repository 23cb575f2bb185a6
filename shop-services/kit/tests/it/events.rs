//! From outbox to inbox: nothing lost, nothing applied twice, in order, whatever dies in between.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use jiff::Timestamp;
use serde::Deserialize;
use shop_kit::broker::Broker;
use shop_kit::event::Event;
use shop_kit::inbox::{Handler, Inbox, Unapplied};
use shop_kit::relay::Relay;
use sqlx::PgConnection;
use test_kit::Nats;
use tokio::time::sleep;
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use crate::places::{Place, broker, place, until};

#[derive(Deserialize)]
struct Made {
    number: i64,
}

/// Writes the number of every event down; a number below 0 breaks a rule of the table.
struct Notes(shop_kit::Database);

impl Handler for Notes {
    fn apply<'a>(&'a self, tx: &'a mut PgConnection, event: &'a Event) -> BoxFuture<'a, Result<(), Unapplied>> {
        Box::pin(async move {
            let made: Made = event.read(1).map_err(Unapplied::Poison)?;
            let insert = sqlx::query("INSERT INTO notes (number) VALUES ($1)").bind(made.number);
            self.0.measure("insert_note", insert.execute(tx)).await?;
            Ok(())
        })
    }
}

async fn record(place: &Place, number: i64, commit: bool) {
    let event = Event::new(Uuid::now_v7(), "thing.made", Timestamp::UNIX_EPOCH, &serde_json::json!({"number": number}));
    let mut tx = place.database.begin().await.unwrap();
    event.unwrap().record(&place.database, &mut tx).await.unwrap();
    if commit {
        tx.commit().await.unwrap();
    }
}

fn relay(place: &Place, broker: &Broker) -> Relay {
    let period = Duration::from_millis(50);
    Relay { database: place.database.clone(), broker: broker.clone(), metrics: place.events.clone(), period }
}

fn relaying(place: &Place, broker: &Broker) -> DropGuard {
    let stop = CancellationToken::new();
    tokio::spawn(relay(place, broker).run(stop.clone()));
    stop.drop_guard()
}

/// A place that notes events down, and the guard of its inbox.
async fn noting(broker: &Broker) -> anyhow::Result<(Place, DropGuard)> {
    let place = place().await?;
    place.run("CREATE TABLE notes (position bigserial, number bigint CHECK (number >= 0))").await;
    let inbox = Inbox {
        database: place.database.clone(),
        broker: broker.clone(),
        metrics: place.events.clone(),
        consumer: "notes",
        kinds: &["thing.*"],
        max_deliveries: 3,
        redelivery_delay: Duration::from_millis(50),
        handler: Arc::new(Notes(place.database.clone())),
    };
    let stop = CancellationToken::new();
    tokio::spawn(inbox.run(stop.clone()));
    Ok((place, stop.drop_guard()))
}

const NOTED: &str = "SELECT count(*) FROM notes";
const MISPLACED: &str = "SELECT count(*) FROM (SELECT number, lag(number) OVER (ORDER BY position) AS before FROM notes) n WHERE number <= before";
const UNPUBLISHED: &str = "SELECT count(*) FROM outbox WHERE published_at IS NULL";

#[tokio::test]
async fn what_is_committed_arrives_once_in_order_and_what_is_rolled_back_never() -> anyhow::Result<()> {
    let nats = Nats::start().await?;
    let broker = broker(&nats).await?;
    let (there, _inbox) = noting(&broker).await?;
    let here = place().await?;
    for number in 0..150 {
        record(&here, number, number % 3 != 0).await;
    }
    // Three replicas relay at once.
    let _relays = [relaying(&here, &broker), relaying(&here, &broker), relaying(&here, &broker)];
    until("100 events are noted", async || there.count(NOTED).await == 100).await;
    assert_eq!(there.count(MISPLACED).await, 0);
    until("all are marked", async || here.count(UNPUBLISHED).await == 0).await;
    let sent = here.metrics.render()?;
    assert!(sent.contains(r#"sent_messages_total{messaging_operation_name="thing.made"} 100"#), "{sent}");
    Ok(())
}

#[tokio::test]
async fn events_wait_while_the_broker_is_away_and_leave_in_order_when_it_is_back() -> anyhow::Result<()> {
    let nats = Nats::start().await?;
    let broker = broker(&nats).await?;
    let (there, _inbox) = noting(&broker).await?;
    let here = place().await?;
    let _relay = relaying(&here, &broker);
    record(&here, 0, true).await;
    until("the first is noted", async || there.count(NOTED).await == 1).await;
    nats.kill().await?;
    for number in 1..80 {
        record(&here, number, true).await;
    }
    until("the metrics say what waits", async || {
        here.metrics.render().is_ok_and(|text| text.contains("shop_outbox_unpublished_messages 79"))
    })
    .await;
    nats.revive().await?;
    until("all are noted", async || there.count(NOTED).await == 80).await;
    assert_eq!(there.count(MISPLACED).await, 0);
    Ok(())
}

#[tokio::test]
async fn a_repetition_after_the_brokers_window_is_absorbed_by_the_inbox() -> anyhow::Result<()> {
    let nats = Nats::start().await?;
    let broker = broker(&nats).await?;
    let (there, _inbox) = noting(&broker).await?;
    let here = place().await?;
    record(&here, 7, true).await;
    let _relay = relaying(&here, &broker);
    until("it is noted", async || there.count(NOTED).await == 1).await;
    sleep(Duration::from_millis(1_500)).await; // the window is a second
    here.run("UPDATE outbox SET published_at = NULL").await;
    until("it came again", async || {
        there.metrics.render().is_ok_and(|text| text.contains("shop_inbox_duplicates_total 1"))
    })
    .await;
    assert_eq!(there.count(NOTED).await, 1);
    Ok(())
}

#[tokio::test]
async fn poison_is_laid_aside_and_the_queue_moves_on() -> anyhow::Result<()> {
    let nats = Nats::start().await?;
    let broker = broker(&nats).await?;
    let (there, _inbox) = noting(&broker).await?;
    let here = place().await?;
    record(&here, -1, true).await; // understood, but can never be written
    record(&here, 5, true).await;
    let _relay = relaying(&here, &broker);
    broker.ensure_streams().await?;
    broker.publish("shop.thing.made", "junk", async_nats::HeaderMap::new(), b"junk".to_vec()).await?;
    let newer = Event { version: 9, ..Event::new(Uuid::now_v7(), "thing.made", Timestamp::UNIX_EPOCH, &())? };
    broker.publish("shop.thing.made", "newer", async_nats::HeaderMap::new(), serde_json::to_vec(&newer)?).await?;
    until("three lie aside", async || {
        let dead = broker.jetstream().get_stream("DEAD").await;
        dead.is_ok_and(|stream| stream.cached_info().state.messages == 3)
    })
    .await;
    until("the sound one is noted", async || there.count(NOTED).await == 1).await;
    assert_eq!(there.count("SELECT count(*) FROM inbox").await, 1, "what was not applied may be sent again");
    let text = there.metrics.render()?;
    assert!(text.contains(r#"outcome="dead_lettered"} 3"#), "{text}");
    assert!(text.contains(r#"outcome="retried"} 2"#), "{text}");
    Ok(())
}
