//! PostgreSQL, killed and started again while orders reserve and commit.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use test_kit::Postgres;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::place::{Place, until};

const ORDERS: u32 = 80;
const KILLS: u32 = 2;

/// What must be 0 whenever nobody is at work.
const BROKEN: [(&str, &str); 3] = [
    ("oversold", "SELECT count(*) FROM stock WHERE reserved < 0 OR on_hand < 0 OR reserved > on_hand"),
    (
        "stock and ledger differ",
        "SELECT count(*) FROM stock s WHERE (s.on_hand, s.reserved) <>
            (SELECT sum(on_hand_change)::bigint, sum(reserved_change)::bigint FROM stock_ledger l WHERE l.sku = s.sku)",
    ),
    (
        "an effect without its answer, or the other way round",
        "SELECT abs((SELECT count(*) FROM reservations) - (SELECT count(*) FROM idempotency_keys WHERE key LIKE 'reserve-%'))",
    ),
];

async fn buy(place: &Place, number: u32) {
    let order = format!("01900000-0000-7000-8000-{number:012}");
    // A worker that took over has the higher fence.
    let body = |fence: u32| json!({"order_id": order, "fence": fence, "lines": [{"sku": "LAMP", "quantity": 1}]});
    place.insist("/v1/reservations", "orders-token", &format!("reserve-{number}"), &body(1)).await;
    let taken = place.insist("/v1/reservations", "orders-token", &format!("reserve-{number}"), &body(1)).await;
    let path = format!("/v1/reservations/{}", taken["id"].as_str().unwrap());
    let end = if number.is_multiple_of(2) { "commit" } else { "release" };
    place.insist(&format!("{path}/{end}"), "orders-token", &format!("{end}-{number}"), &json!({"fence": 2})).await;
    let other = if end == "commit" { "release" } else { "commit" };
    overtaken(place, &format!("{path}/{other}")).await;
}

/// The worker that was overtaken wakes up: it settles nothing.
async fn overtaken(place: &Place, path: &str) {
    let headers = [("authorization", "Bearer orders-token"), ("idempotency-key", path)];
    let stale = json!({"fence": 1}).to_string();
    for _ in 0..1_200 {
        match place.client.send("POST", path, &headers, Some(&stale)).await {
            Ok(answer) if answer.status == 409 => return,
            Ok(answer) => assert!([500, 503].contains(&answer.status), "{}", answer.text()),
            Err(_) => {} // killed
        }
        sleep(Duration::from_millis(100)).await;
    }
    unreachable!("{path} is not answered within two minutes");
}

#[tokio::test]
async fn a_database_that_is_killed_and_comes_back_costs_waiting_and_nothing_else() -> anyhow::Result<()> {
    let postgres = Postgres::start().await?;
    let place = Arc::new(Place::make_on(postgres.database().await?).await?);
    let _process = place.serve("inventory", &["--reservation-ttl=1h", "--sweep-period=100ms"]).await?;
    place.insist("/v1/stock/LAMP/adjustments", "admin-token", "in", &json!({"change": 100, "reason": "in"})).await;
    let mut buyers = JoinSet::new();
    for number in 0..ORDERS {
        let place = Arc::clone(&place);
        buyers.spawn(async move {
            // Spread over the kills.
            sleep(Duration::from_millis(u64::from(number) * 25)).await;
            buy(&place, number).await;
        });
    }
    for _ in 0..KILLS {
        sleep(Duration::from_millis(600)).await;
        postgres.kill().await?;
        let not_ready = async || {
            let answer = place.client.send("GET", "/readyz", &[], None).await;
            answer.is_ok_and(|answer| answer.status == 503 && answer.text().contains("database"))
        };
        until("readiness names the database", not_ready).await;
        postgres.revive().await?;
    }
    while let Some(bought) = buyers.join_next().await {
        bought?;
    }
    for (what, statement) in BROKEN {
        assert_eq!(place.count(statement).await, 0, "{what}");
    }
    let counts: Value = json!([
        place.count("SELECT count(*) FROM reservations WHERE state = 'committed'").await,
        place.count("SELECT count(*) FROM reservations WHERE state = 'released'").await,
        place.count("SELECT on_hand FROM stock").await,
        place.count("SELECT reserved FROM stock").await,
    ]);
    assert_eq!(counts, json!([ORDERS / 2, ORDERS / 2, 100 - ORDERS / 2, 0]));
    Ok(())
}
