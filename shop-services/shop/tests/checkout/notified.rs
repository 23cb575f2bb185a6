//! What customers are told about their orders, by the real notifications.

use serde_json::{Value, json};

use crate::floor::{ADMIN, Service, until};
use crate::stage::Stage;

/// The kinds of messages about the order at this path, the oldest first.
async fn told(notifications: &Service, path: &str) -> Vec<String> {
    let order = path.rsplit('/').next().unwrap();
    let about = notifications.look(&format!("/v1/notifications?order={order}"), ADMIN).await;
    let messages: Vec<&Value> = about["items"].as_array().unwrap().iter().rev().collect();
    assert!(messages.iter().all(|message| message["subject"].as_str().unwrap().contains(order)), "{about}");
    messages.iter().map(|message| message["kind"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_customer_is_told_of_each_turn_of_an_order_once() -> anyhow::Result<()> {
    let stage = Stage::set().await?;
    let (orders, notifications) = tokio::try_join!(stage.orders(&[]), stage.notifications())?;
    let anna = stage.customer(1);
    let path = orders.placed(&anna, "k", &stage.quote(1, None).await).await;
    orders.becomes(&path, &anna, "confirmed").await;
    orders.send("POST", &format!("{path}/ship"), ADMIN, Some("s"), None).await;
    let kinds = ["order.created", "order.confirmed", "order.shipped"];
    until("all three are told", async || told(&notifications, &path).await == kinds).await;

    let declined = json!({"quote": stage.quote(1, None).await, "payment_method": "tok_declined"});
    let placed = orders.send("POST", "/v1/orders", &anna, Some("d"), Some(&declined)).await;
    let path = placed.header("location").to_owned();
    orders.becomes(&path, &anna, "cancelled").await;
    until("it is told why", async || {
        let mut told = told(&notifications, &path).await;
        told.sort_unstable();
        told == ["order.cancelled", "order.created", "payment.failed"]
    })
    .await;
    let pending = r#"shop_notifications{state="pending"} 0"#;
    until("nothing waits", async || notifications.metrics().await.contains(pending)).await;
    assert!(notifications.metrics().await.contains(r#"shop_notification_attempts_total{outcome="logged"} 6"#));
    stage.audit(&[&orders]).await;
    Ok(())
}
