//! Random orders from many clients at once: at every moment the stock, the reservations and the ledger agree.

use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::running::{Inventory, start};

const SKUS: [&str; 4] = ["A", "B", "C", "D"];

/// One client: reserves, then commits, releases, abandons or restocks, now and then adjusts.
async fn shops(inventory: Arc<Inventory>, client: u32) {
    let mut random = ChaCha8Rng::seed_from_u64(u64::from(client));
    for step in 0..25 {
        let (number, draw) = (client * 1_000 + step, random.next_u32());
        if draw.is_multiple_of(11) {
            adjusts(&inventory, number, draw).await;
        }
        let reserved = inventory.reserve(number, &format!("reserve-{number}"), 1, &basket(draw)).await;
        assert!([201, 409].contains(&reserved.status), "{}", reserved.text());
        if reserved.status == 201 {
            settles(&inventory, number, draw, &reserved.json()["id"]).await;
        }
    }
}

fn basket(draw: u32) -> Vec<(&'static str, u32)> {
    let (first, second) = (draw as usize % 4, (draw >> 2) as usize % 4);
    let mut lines = vec![(SKUS[first], 1 + (draw >> 16) % 3)];
    if second != first {
        lines.push((SKUS[second], 1 + (draw >> 20) % 3));
    }
    lines
}

async fn adjusts(inventory: &Inventory, number: u32, draw: u32) {
    let change = [-3, -2, -1, 1, 2, 3, 4, 5][draw as usize / 16 % 8];
    let adjusted = inventory.adjust(SKUS[draw as usize % 4], &format!("adjust-{number}"), change).await;
    assert!([200, 409].contains(&adjusted.status), "{}", adjusted.text());
}

async fn settles(inventory: &Inventory, number: u32, draw: u32, id: &Value) {
    let steps: &[&str] = match (draw >> 24) % 5 {
        0 => &["commit"],
        1 => &["release"],
        2 => &["commit", "release"],
        3 => &["release", "commit"],
        _ => &[],
    };
    for how in steps {
        let settled = inventory.settle(id, how, &format!("{how}-{number}"), 1).await;
        assert!([200, 409].contains(&settled.status), "{}", settled.text());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stock_reservations_and_ledger_agree_at_every_moment() -> anyhow::Result<()> {
    let inventory = Arc::new(start(&["--reservation-ttl=1s", "--database-connections=8"]).await?);
    for sku in SKUS {
        inventory.adjust(sku, &format!("in-{sku}"), 40).await;
    }
    let mut clients = JoinSet::new();
    for client in 0..8 {
        clients.spawn(shops(Arc::clone(&inventory), client));
    }
    while !clients.is_empty() {
        inventory.audit().await;
        // An audit takes a moment; whoever ends meanwhile is taken out.
        while let Some(ended) = clients.try_join_next() {
            ended?;
        }
    }
    inventory.audit().await;
    let committed = "SELECT coalesce(-sum(on_hand_change) FILTER (WHERE kind IN ('committed', 'restocked')), 0)::bigint
        - coalesce(sum(on_hand_change) FILTER (WHERE kind = 'adjusted'), 0)::bigint FROM stock_ledger";
    assert!(inventory.count(committed).await <= 0, "more left than ever came");
    assert!(inventory.count("SELECT count(*) FROM reservations WHERE state = 'committed'").await > 0);
    Ok(())
}
