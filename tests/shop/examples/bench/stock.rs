//! Reservations of one SKU that everybody wants.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method};
use loadgen::connection::{Connection, Message};
use presale_shop::Shop;
use serde_json::json;
use tokio::time::Instant;

use crate::{Row, row};

/// Connections that reserve, one request after the other.
const CALLERS: u64 = 16;

/// A request of a service to another.
fn of_service(path: &str, token: &str, key: &str, body: &serde_json::Value) -> anyhow::Result<Message> {
    let headers = vec![
        (AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {token}"))?),
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (HeaderName::from_static("idempotency-key"), HeaderValue::from_str(key)?),
    ];
    Ok(Message {
        method: Method::POST,
        path: path.to_owned(),
        headers,
        body: body.to_string().into(),
        keeps_body: true,
    })
}

/// Reserves one unit after the other.
pub(crate) async fn hot(shop: &Shop, seconds: u32) -> anyhow::Result<Row> {
    let inventory = &shop.services["inventory"];
    let (sku, secrets) = (&shop.skus[0], &shop.wiring.secrets);
    let delivery = json!({"change": 1_000_000, "reason": "delivery"});
    let path = format!("/v1/stock/{sku}/adjustments");
    let deadline = Instant::now() + Duration::from_secs(5);
    let (mut door, message) =
        (Connection::new(inventory.address), of_service(&path, &secrets.admin, "bench", &delivery)?);
    let delivered = door.send(&message, deadline).await;
    anyhow::ensure!(delivered.is_ok_and(|answer| answer.status < 300), "no delivery");
    let (reserved, failed) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let end = Instant::now() + Duration::from_secs(u64::from(seconds));
    let callers = (0..CALLERS).map(|caller| {
        let (sku, token, address) = (sku.clone(), secrets.callers["orders"].clone(), inventory.address);
        let (reserved, failed) = (Arc::clone(&reserved), Arc::clone(&failed));
        tokio::spawn(async move {
            let mut connection = Connection::new(address);
            let mut number = caller;
            while Instant::now() < end {
                let order = format!("01900000-0000-7000-8000-{number:012}");
                let body = json!({"order_id": order, "fence": 1, "lines": [{"sku": sku, "quantity": 1}]});
                let message = of_service("/v1/reservations", &token, &order, &body)?;
                let answer = connection.send(&message, end + Duration::from_secs(5)).await;
                let counter = if answer.is_ok_and(|answer| answer.status < 300) { &reserved } else { &failed };
                counter.fetch_add(1, Ordering::Relaxed);
                number += CALLERS;
            }
            anyhow::Ok(())
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await??;
    }
    let rate = reserved.load(Ordering::Relaxed) as f64 / f64::from(seconds);
    let failed = failed.load(Ordering::Relaxed);
    Ok(row(
        "hot SKU: reservations/s, one inventory, load on the same machine",
        format!("{rate:.0} ({failed} failed)"),
        "≥ 500; ≥ 1,500",
    ))
}
