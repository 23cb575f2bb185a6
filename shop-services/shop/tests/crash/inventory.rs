//! Inventory, killed while orders reserve and commit.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::place::{Place, until};

/// Orders that reserve, of which every other one commits.
const ORDERS: u32 = 120;
const FLAGS: [&str; 1] = ["--reservation-ttl=1h"];
/// How often the service is killed meanwhile.
const KILLS: u32 = 4;

/// What must be 0 whenever nobody is at work.
const BROKEN: [(&str, &str); 5] = [
    ("oversold", "SELECT count(*) FROM stock WHERE reserved < 0 OR reserved > on_hand"),
    (
        "reserved without a reservation, or the other way round",
        "SELECT abs((SELECT sum(reserved) FROM stock)::bigint - (SELECT coalesce(sum(quantity), 0) FROM reservation_lines l
            JOIN reservations r ON r.id = l.reservation_id WHERE r.state = 'held')::bigint)",
    ),
    (
        "stock and ledger differ",
        "SELECT count(*) FROM stock s WHERE (s.on_hand, s.reserved) <>
            (SELECT sum(on_hand_change)::bigint, sum(reserved_change)::bigint FROM stock_ledger l WHERE l.sku = s.sku)",
    ),
    (
        "an effect without its answer, or the other way round",
        "SELECT abs((SELECT count(*) FROM reservations) - (SELECT count(*) FROM idempotency_keys WHERE key LIKE 'reserve-%'))",
    ),
    (
        "an effect without its event, or the other way round",
        "SELECT abs((SELECT count(*) FROM reservations) - (SELECT count(*) FROM outbox WHERE kind = 'stock.reserved'))",
    ),
];

async fn buy(place: &Place, number: u32) {
    let order = format!("01900000-0000-7000-8000-{number:012}");
    let lines = json!([{"sku": "LAMP", "quantity": 1}, {"sku": "TABLE", "quantity": 2}]);
    let body = json!({"order_id": order, "fence": 1, "lines": lines});
    let reserved = place.insist("/v1/reservations", "orders-token", &format!("reserve-{number}"), &body).await;
    if number.is_multiple_of(2) {
        let path = format!("/v1/reservations/{}/commit", reserved["id"].as_str().unwrap());
        place.insist(&path, "orders-token", &format!("commit-{number}"), &json!({"fence": 1})).await;
    }
}

#[tokio::test]
async fn inventory_killed_again_and_again_loses_nothing_and_does_nothing_twice() -> anyhow::Result<()> {
    let place = Arc::new(Place::make().await?);
    let mut process = place.serve("inventory", &FLAGS).await?;
    for sku in ["LAMP", "TABLE"] {
        let body = json!({"change": 1000, "reason": "delivery"});
        place.insist(&format!("/v1/stock/{sku}/adjustments"), "admin-token", sku, &body).await;
    }
    let mut buyers = JoinSet::new();
    for number in 0..ORDERS {
        let place = Arc::clone(&place);
        buyers.spawn(async move {
            // Spread over the kills.
            sleep(Duration::from_millis(u64::from(number) * 15)).await;
            buy(&place, number).await;
        });
    }
    for _ in 0..KILLS {
        sleep(Duration::from_millis(350)).await;
        process.kill()?; // SIGKILL
        process = place.serve("inventory", &FLAGS).await?;
    }
    while let Some(bought) = buyers.join_next().await {
        bought?;
    }
    for (what, statement) in BROKEN {
        assert_eq!(place.count(statement).await, 0, "{what}");
    }
    assert_eq!(place.count("SELECT count(*) FROM reservations").await, i64::from(ORDERS));
    assert_eq!(place.count("SELECT sum(on_hand)::bigint FROM stock").await, 2000 - i64::from(ORDERS / 2 * 3));
    assert_eq!(place.count("SELECT sum(reserved)::bigint FROM stock").await, i64::from(ORDERS / 2 * 3));
    until("the outbox is empty", async || {
        place.count("SELECT count(*) FROM outbox WHERE published_at IS NULL").await == 0
    })
    .await;
    Ok(())
}
