//! Reserving and settling: never oversold, all or nothing, once, and never by an overtaken worker.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::running::{NOWHERE, ORDERS, order, refusal, start, start_on};

#[tokio::test]
async fn of_three_hundred_buyers_on_two_replicas_fifty_get_the_fifty_units() -> anyhow::Result<()> {
    let one = Arc::new(start(&[]).await?);
    let other = Arc::new(start_on(&one.database, NOWHERE, &[]).await?);
    assert_eq!(one.adjust("LAMP", "in", 50).await.status, 200);
    let mut buyers = JoinSet::new();
    for number in 0..300 {
        let replica = if number % 2 == 0 { Arc::clone(&one) } else { Arc::clone(&other) };
        buyers.spawn(async move { replica.reserve(number, &format!("k{number}"), 1, &[("LAMP", 1)]).await });
    }
    let answers = buyers.join_all().await;
    assert_eq!(answers.iter().filter(|a| a.status == 201).count(), 50);
    for refused in answers.iter().filter(|a| a.status != 201) {
        assert_eq!(refusal(refused, 409), "out-of-stock");
    }
    assert_eq!(one.available("LAMP").await, 0);
    one.audit().await;
    Ok(())
}

#[tokio::test]
async fn an_order_of_several_lines_gets_all_or_nothing_and_none_waits_forever() -> anyhow::Result<()> {
    let inventory = Arc::new(start(&[]).await?);
    for (sku, units) in [("A", 20), ("B", 30), ("C", 10)] {
        inventory.adjust(sku, sku, units).await;
    }
    let mut buyers = JoinSet::new();
    for number in 0..60 {
        let inventory = Arc::clone(&inventory);
        // In opposite orders, which would deadlock without an order of our own.
        buyers.spawn(async move {
            let lines = if number % 2 == 0 { [("A", 1), ("B", 1), ("C", 1)] } else { [("C", 1), ("B", 1), ("A", 1)] };
            inventory.reserve(number, &format!("k{number}"), 1, &lines).await.status
        });
    }
    let statuses = buyers.join_all().await;
    assert_eq!(statuses.iter().filter(|s| **s == 201).count(), 10, "{statuses:?}");
    assert!(statuses.iter().all(|s| [201, 409].contains(s)), "{statuses:?}");
    assert_eq!((inventory.available("A").await, inventory.available("B").await), (json!(10), json!(20)));
    let none = inventory.reserve(99, "none", 1, &[("A", 1), ("NEVER", 1)]).await;
    assert_eq!(refusal(&none, 404), "sku-unknown");
    assert_eq!(inventory.available("A").await, 10);
    inventory.audit().await;
    Ok(())
}

#[tokio::test]
async fn one_order_has_one_reservation_whatever_keys_it_sends() -> anyhow::Result<()> {
    let inventory = Arc::new(start(&[]).await?);
    inventory.adjust("LAMP", "in", 50).await;
    let mut tries = JoinSet::new();
    for number in 0..40 {
        let inventory = Arc::clone(&inventory);
        // Twenty keys, each sent twice at once.
        tries.spawn(async move { inventory.reserve(1, &format!("k{}", number / 2), 1, &[("LAMP", 2)]).await });
    }
    let answers = tries.join_all().await;
    let mut ids: Vec<Value> = answers.iter().filter(|a| a.status == 201).map(|a| a.json()["id"].clone()).collect();
    ids.dedup();
    assert_eq!(ids.len(), 1);
    for refused in answers.iter().filter(|a| a.status != 201) {
        assert_eq!(refusal(refused, 409), "idempotency-key");
    }
    assert_eq!(inventory.available("LAMP").await, 48);
    assert_eq!(refusal(&inventory.reserve(1, "more", 1, &[("LAMP", 3)]).await, 409), "reservation-closed");
    inventory.audit().await;
    Ok(())
}

#[tokio::test]
async fn what_is_settled_stays_settled_and_what_was_taken_can_come_back() -> anyhow::Result<()> {
    let inventory = start(&[]).await?;
    inventory.adjust("LAMP", "in", 10).await;
    let id = async |number: u32| {
        let key = format!("reserve-{number}");
        inventory.reserve(number, &key, 1, &[("LAMP", 2)]).await.json()["id"].clone()
    };
    let (taken, given_back) = (id(1).await, id(2).await);
    for key in ["c1", "c1", "c2"] {
        let committed = inventory.settle(&taken, "commit", key, 1).await;
        assert_eq!((committed.status, committed.json()["state"].clone()), (200, json!("committed")));
    }
    for key in ["r1", "r1", "r2"] {
        assert_eq!(inventory.settle(&given_back, "release", key, 1).await.json()["state"], "released");
    }
    assert_eq!(refusal(&inventory.settle(&given_back, "commit", "late", 1).await, 409), "reservation-closed");
    assert_eq!(inventory.available("LAMP").await, 8);
    assert_eq!(inventory.settle(&taken, "release", "restock", 1).await.json()["state"], "released");
    assert_eq!(inventory.available("LAMP").await, 10);
    assert_eq!(refusal(&inventory.settle(&taken, "commit", "again", 1).await, 409), "reservation-closed");
    let nobody = inventory.settle(&json!(order(7)), "commit", "k", 1).await;
    assert_eq!(refusal(&nobody, 404), "reservation-not-found");
    Ok(())
}

#[tokio::test]
async fn a_worker_that_was_overtaken_settles_nothing() -> anyhow::Result<()> {
    let inventory = start(&[]).await?;
    inventory.adjust("LAMP", "in", 10).await;
    let id = inventory.reserve(1, "k", 3, &[("LAMP", 2)]).await.json()["id"].clone();
    assert_eq!(refusal(&inventory.settle(&id, "release", "old", 2).await, 409), "stale-fence");
    assert_eq!(refusal(&inventory.reserve(1, "old-too", 2, &[("LAMP", 2)]).await, 409), "stale-fence");
    // The successor looks, which fences its predecessor off.
    assert_eq!(inventory.reserve(1, "successor", 4, &[("LAMP", 2)]).await.json()["id"], id);
    assert_eq!(refusal(&inventory.settle(&id, "commit", "predecessor", 3).await, 409), "stale-fence");
    assert_eq!(inventory.settle(&id, "commit", "successor-2", 4).await.status, 200);
    Ok(())
}

#[tokio::test]
async fn units_that_are_promised_cannot_go() -> anyhow::Result<()> {
    let inventory = start(&[]).await?;
    assert_eq!(refusal(&inventory.adjust("LAMP", "out", -1).await, 404), "sku-unknown");
    let in_stock = inventory.adjust("LAMP", "in", 10).await;
    assert_eq!(in_stock.json(), json!({"sku": "LAMP", "on_hand": 10, "reserved": 0}));
    assert_eq!(inventory.adjust("LAMP", "in", 10).await.json(), in_stock.json(), "a repetition counts once");
    assert_eq!(refusal(&inventory.adjust("LAMP", "in", 11).await, 422), "idempotency-key");
    inventory.reserve(1, "k", 1, &[("LAMP", 8)]).await;
    assert_eq!(refusal(&inventory.adjust("LAMP", "theft", -3).await, 409), "stock-committed");
    assert_eq!(inventory.adjust("LAMP", "loss", -2).await.json()["on_hand"], 8);
    assert_eq!(inventory.available("LAMP").await, 0);
    inventory.audit().await;
    Ok(())
}

#[tokio::test]
async fn bad_input_is_a_client_error_and_changes_nothing() -> anyhow::Result<()> {
    let inventory = start(&[]).await?;
    inventory.adjust("LAMP", "in", 10).await;
    let sound = json!({"order_id": order(1), "fence": 1, "lines": [{"sku": "LAMP", "quantity": 1}]}).to_string();
    let mut bodies = vec![String::new(), "{".into(), "[]".into(), sound.replace("\"fence\":1,", "")];
    for quantity in ["0", "-1", "1001", "2147483648", "1e400", "1.5", "null"] {
        bodies.push(sound.replace("\"quantity\":1", &format!("\"quantity\":{quantity}")));
    }
    for sku in ["", "lamp", "LАMP", "LAMP\\u0000", "LAMP'--"] {
        bodies.push(sound.replace("LAMP", sku));
    }
    bodies.push(sound.replace("\"fence\":1", "\"fence\":-1"));
    bodies.push(sound.replace("\"fence\":1", "\"fence\":1,\"ttl\":9"));
    bodies.push(sound.replace("[{", "[{\"sku\":\"LAMP\",\"quantity\":1},{"));
    for (number, body) in bodies.iter().enumerate() {
        let key = format!("k{number}");
        let headers = [("authorization", ORDERS), ("idempotency-key", key.as_str())];
        let answer = inventory.client.send("POST", "/v1/reservations", &headers, Some(body)).await?;
        assert!((400..500).contains(&answer.status), "{body}: {}", answer.text());
        assert!(answer.problem().is_some(), "{body}: {}", answer.text());
    }
    for (change, status) in [(0, 422), (1_000_000_001, 422), (i64::MIN, 422)] {
        assert_eq!(inventory.adjust("LAMP", &change.to_string(), change).await.status, status);
    }
    for query in ["", "?sku=", "?sku=lamp", "?sku=LAMP,LAMP", "?sku=LAMP&x=1"] {
        let answer = inventory.client.send("GET", &format!("/v1/stock{query}"), &[], None).await?;
        assert!([400, 422].contains(&answer.status), "{query}: {}", answer.text());
    }
    assert_eq!(inventory.available("LAMP").await, 10);
    inventory.audit().await;
    Ok(())
}
