//! What the catalog tells of its products: each change once, in order, and what was seeded as well.

use std::time::Duration;

use async_nats::jetstream::{self, Context};
use serde_json::{Value, json};
use shop_contracts::demo::product_id;
use test_kit::{Nats, Postgres};
use tokio::time::{Instant, sleep};

use crate::running::start_on;
use crate::writing::{created, table};

/// The first `count` events as the broker has them: kind and data.
async fn told(context: &Context, count: u64) -> anyhow::Result<Vec<(String, Value)>> {
    let since = Instant::now();
    loop {
        if let Ok(mut stream) = context.get_stream("SHOP").await
            && stream.info().await?.state.messages >= count
        {
            let mut events = Vec::new();
            for sequence in 1..=count {
                let event: Value = serde_json::from_slice(&stream.get_raw_message(sequence).await?.payload)?;
                events.push((event["kind"].as_str().unwrap().to_owned(), event["data"].clone()));
            }
            assert_eq!(stream.info().await?.state.messages, count, "and no more");
            return Ok(events);
        }
        assert!(since.elapsed() < Duration::from_mins(1), "after a minute fewer than {count} events");
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn each_change_is_told_once_in_order_and_a_refused_one_never() -> anyhow::Result<()> {
    let nats = Nats::start().await?;
    let database = Postgres::shared().await?.database().await?;
    let catalog = start_on(&database, &[&format!("--nats-url={}", nats.url()), "--outbox-period=50ms"]).await?;
    catalog.seed(2).await?;
    catalog.seed(2).await?;
    let (path, tag) = created(&catalog, "OAK-1").await;
    catalog.admin("POST", "/v1/products", None, &table("OAK-1")).await.is_problem(409, "sku-taken");
    let more = r#"{"variants": [{"sku": "OAK-2", "title": "two"}, {"sku": "OAK-1", "title": "one"}]}"#;
    assert_eq!(catalog.admin("PATCH", &path, Some(&tag), more).await.status, 200);
    catalog.admin("DELETE", &path, Some(&tag), "").await.is_problem(412, "stale");
    assert_eq!(catalog.admin("DELETE", &path, Some("\"2\""), "").await.status, 204);
    let id = path.rsplit('/').next().unwrap();
    let told = told(&jetstream::new(async_nats::connect(nats.url()).await?), 5).await?;
    for (number, (kind, data)) in (0..).zip(&told[..2]) {
        assert_eq!((kind.as_str(), &data["product_id"]), ("product.created", &json!(product_id(number))));
        assert_eq!(data["skus"][0], format!("P{number:05}-1"));
    }
    let of = |kind: &str, skus: &[&str]| (kind.to_owned(), json!({"product_id": id, "skus": skus}));
    assert_eq!(told[2], of("product.created", &["OAK-1"]));
    assert_eq!(told[3], of("product.updated", &["OAK-2", "OAK-1"]));
    assert_eq!(told[4], of("product.retired", &["OAK-2", "OAK-1"]));
    catalog.stopped().await?;
    Ok(())
}
