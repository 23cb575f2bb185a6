//! `kill -9` of orders before and after the commit of every step: it resumes, and nothing is done twice or lost.

use futures::{StreamExt, TryStreamExt, stream};
use serde_json::json;

use crate::floor::{ADMIN, Service, until};
use crate::stage::Stage;

/// Places where it is killed at the same time.
const AT_ONCE: usize = 3;

/// On the way to the confirmed order.
const FORWARD: [&str; 6] = ["redeem", "reserve", "authorize", "commit_stock", "capture", "confirm"];

#[tokio::test]
async fn killed_at_every_step_to_the_confirmed_order_it_resumes_and_charges_once() -> anyhow::Result<()> {
    let stage = Stage::set().await?;
    let points = FORWARD.iter().flat_map(|step| [format!("{step}:before"), format!("{step}:after")]);
    let points = stream::iter(points.chain(["place:before".to_owned(), "place:after".to_owned()]));
    let killed: Vec<Service> =
        points.map(|point| confirmed(&stage, point)).buffer_unordered(AT_ONCE).try_collect().await?;
    assert_eq!(killed.len(), 14);
    stage.audit(&killed.iter().collect::<Vec<_>>()).await;
    assert_eq!(stage.provider_did("capture").await, 14);
    Ok(())
}

/// Places an order with a process that ends at this point, and waits until the next one has confirmed it.
async fn confirmed(stage: &Stage, point: String) -> anyhow::Result<Service> {
    let mut orders = stage.orders(&[&format!("--kill-at={point}")]).await?;
    let (anna, quote) = (stage.customer(1), stage.quote(1, None).await);
    let body = json!({"quote": quote, "payment_method": "tok_ok"}).to_string();
    let headers = [("authorization", anna.as_str()), ("idempotency-key", "k")];
    // The answer may be lost with the process.
    let _ = orders.client.send("POST", "/v1/orders", &headers, Some(&body)).await;
    orders.ends().await?;
    orders.revive_without("--kill-at").await?;
    let path = orders.place(&anna, "k", &quote).await.header("location").to_owned();
    orders.becomes(&path, &anna, "confirmed").await;
    assert_eq!(orders.count("SELECT count(*) FROM orders").await, 1, "{point}");
    Ok(orders)
}

#[tokio::test]
async fn killed_at_every_step_of_undoing_it_resumes_and_gives_everything_back_once() -> anyhow::Result<()> {
    let stage = Stage::set().await?;
    stage.program(json!({"latency_ms": 500})).await;
    let points = ["void", "release"].iter().flat_map(|step| [format!("{step}:before"), format!("{step}:after")]);
    let undone = stream::iter(points).map(|point| cancelled(&stage, point)).buffer_unordered(AT_ONCE);
    let mut killed: Vec<Service> = undone.try_collect().await?;
    assert_eq!(stage.provider_did("void").await, 4);
    stage.program(json!({})).await;
    let points = ["refund", "restock"].iter().flat_map(|step| [format!("{step}:before"), format!("{step}:after")]);
    let refunds = stream::iter(points).map(|point| refunded(&stage, point)).buffer_unordered(AT_ONCE);
    killed.extend(refunds.try_collect::<Vec<Service>>().await?);
    assert_eq!(killed.len(), 8);
    assert_eq!(stage.provider_did("refund").await, 4);
    stage.audit(&killed.iter().collect::<Vec<_>>()).await;
    Ok(())
}

async fn cancelled(stage: &Stage, point: String) -> anyhow::Result<Service> {
    let mut orders = stage.orders(&[&format!("--kill-at={point}")]).await?;
    let anna = stage.customer(1);
    let path = orders.placed(&anna, "k", &stage.quote(1, None).await).await;
    until("the stock is set aside", async || orders.look(&path, &anna).await["state"] == "reserved").await;
    assert_eq!(orders.send("POST", &format!("{path}/cancel"), &anna, Some("c"), None).await.status, 202);
    orders.ends().await?;
    orders.revive_without("--kill-at").await?;
    orders.becomes(&path, &anna, "cancelled").await;
    Ok(orders)
}

async fn refunded(stage: &Stage, point: String) -> anyhow::Result<Service> {
    let mut orders = stage.orders(&[&format!("--kill-at={point}")]).await?;
    let anna = stage.customer(1);
    let path = orders.placed(&anna, "k", &stage.quote(1, None).await).await;
    orders.becomes(&path, &anna, "confirmed").await;
    assert_eq!(orders.send("POST", &format!("{path}/refund"), ADMIN, Some("r"), None).await.status, 202);
    orders.ends().await?;
    orders.revive_without("--kill-at").await?;
    orders.becomes(&path, &anna, "refunded").await;
    Ok(orders)
}
