//! From an event to a message: once each, in words, and nothing of what cannot be understood.

use serde_json::json;
use shop_kit::event::Event;
use test_kit::Nats;

use crate::running::{id, order, payment, sends, start, tells};

#[tokio::test]
async fn every_event_of_an_order_is_one_message_however_often_it_is_told() -> anyhow::Result<()> {
    let nats = Nats::start().await?;
    let notifications = start(&nats.url(), &[]).await?;
    let kinds = ["order.created", "order.confirmed", "order.shipped", "order.refunded"];
    for (event, kind) in (1..).zip(kinds) {
        for _ in 0..2 {
            tells(&nats, event, kind, &order(1)).await?;
        }
    }
    tells(&nats, 5, "order.eaten", &order(1)).await?;
    tells(&nats, 6, "payment.failed", &payment(2)).await?;
    let failed = notifications.becomes(2, "logged").await;
    assert!(failed["text"].as_str().unwrap().contains("45.98 EUR was declined"), "{failed}");
    notifications.shows("shop_inbox_duplicates_total 4").await;
    notifications.shows(r#"shop_notification_attempts_total{outcome="logged"} 5"#).await;
    let about = notifications.about(1).await;
    let mut told: Vec<&str> = about.iter().map(|message| message["kind"].as_str().unwrap()).collect();
    told.reverse();
    assert_eq!(told, kinds, "the youngest first");
    let confirmed = &about[2];
    assert_eq!(confirmed["subject"], format!("Your order {} is confirmed", id(1)));
    assert_eq!(confirmed["text"], "Your order is paid: 45.98 EUR. We are packing it.\n\n2 x LAMP\n");
    let attempts = confirmed["attempts"].as_array().unwrap();
    assert_eq!((attempts.len(), &attempts[0]["number"], &attempts[0]["outcome"]), (1, &json!(1), &json!("logged")));
    Ok(())
}

#[tokio::test]
async fn poison_is_laid_aside_and_what_comes_after_it_is_written() -> anyhow::Result<()> {
    let nats = Nats::start().await?;
    let notifications = start(&nats.url(), &["--redelivery-delay=50ms"]).await?;
    sends(&nats, "order.created", b"{}".to_vec()).await?;
    let newer = Event { version: 2, ..Event::new(id(1), "order.created", jiff::Timestamp::UNIX_EPOCH, &order(1))? };
    sends(&nats, "order.created", serde_json::to_vec(&newer)?).await?;
    tells(&nats, 2, "order.confirmed", &json!({"order_id": "x"})).await?;
    tells(&nats, 3, "order.confirmed", &order(3)).await?;
    notifications.becomes(3, "logged").await;
    assert!(notifications.about(1).await.is_empty());
    let mut dead = async_nats::jetstream::new(async_nats::connect(nats.url()).await?).get_stream("DEAD").await?;
    assert_eq!(dead.info().await?.state.messages, 3);
    Ok(())
}

#[tokio::test]
async fn an_erased_customer_is_forgotten_and_not_written_to_any_more() -> anyhow::Result<()> {
    let nats = Nats::start().await?;
    let notifications = start(&nats.url(), &["--sink-url=http://127.0.0.1:1", "--delivery-retry-delay=1h"]).await?;
    for number in [1, 2] {
        tells(&nats, number, "order.created", &order(number)).await?;
        notifications.shows(&format!(r#"shop_notifications{{state="pending"}} {number}"#)).await;
    }
    tells(&nats, 3, "account.erased", &json!({"account_id": id(1)})).await?;
    notifications.becomes(1, "dead").await;
    notifications.becomes(2, "pending").await;
    assert_eq!(notifications.count("SELECT count(*) FROM notifications WHERE customer_id IS NULL").await, 1);
    Ok(())
}
