//! A rush on one product: five hundred buyers, fifty units, twenty replicas of orders on one database.

use std::collections::BTreeMap;

use futures::{StreamExt, TryStreamExt, stream};
use serde_json::Value;

use crate::floor::{Service, until};
use crate::stage::Stage;

const BUYERS: usize = 500;
const UNITS: i64 = 50;
const REPLICAS: usize = 20;

#[tokio::test]
async fn of_five_hundred_buyers_at_twenty_replicas_exactly_fifty_get_the_fifty_lamps_there_are() -> anyhow::Result<()> {
    let stage = Stage::set().await?;
    stage.leaves(UNITS).await;
    // Twenty pools of connections share one database server with all the others.
    let flags = ["--database-connections=2", "--saga-concurrency=4"];
    let one = stage.orders(&flags).await?;
    let others = (1..REPLICAS).map(|_| stage.orders_on(one.database(), &flags));
    let mut replicas: Vec<Service> = stream::iter(others).buffer_unordered(4).try_collect().await?;
    replicas.push(one);
    let quote = stage.quote(1, None).await;
    let buyers = (0..BUYERS).map(async |number| {
        let (token, replica) = (stage.customer(number as u128 + 1), &replicas[number % REPLICAS]);
        let path = replica.placed(&token, "k", &quote).await;
        // Another replica may have done the work, and any replica knows.
        let asked = &replicas[(number + 7) % REPLICAS];
        until("the order rests", async || {
            let order = asked.look(&path, &token).await;
            order["state"] == "confirmed" || order["state"] == "cancelled"
        })
        .await;
        asked.look(&path, &token).await
    });
    let mut ends: BTreeMap<String, i64> = BTreeMap::new();
    let orders: Vec<Value> = stream::iter(buyers).buffer_unordered(100).collect().await;
    for order in orders {
        let reason = order["reason"].as_str().unwrap_or_default();
        *ends.entry(format!("{} {reason}", order["state"].as_str().unwrap())).or_default() += 1;
    }
    let turned_away = i64::try_from(BUYERS)? - UNITS;
    let expected = [("confirmed ".to_owned(), UNITS), ("cancelled out-of-stock".to_owned(), turned_away)];
    assert_eq!(ends, BTreeMap::from(expected));
    stage.audit(&[&replicas[0]]).await;
    Ok(())
}
