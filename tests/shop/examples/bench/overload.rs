//! Three times as many visitors as the shop can serve, and nothing scales: do those who pay get through?

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use loadgen::connection::{Connection, Message};
use loadgen::journey::people::address;
use presale_shop::Shop;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep};

use crate::orders;
use crate::{Row, row};

/// Connections, each with one request at a time, while it is measured how much the shop can serve.
const CONNECTIONS: usize = 64;
/// Orders per second beside the visitors.
const ORDERS: u32 = 5;
/// How long a visitor or a buyer waits.
const PATIENCE: Duration = Duration::from_secs(5);
/// Visitors under way at most: as many as this machine's loopback bears.
const UNDER_WAY: usize = 8_000;

/// Answers to visitors.
#[derive(Debug, Default)]
struct Visits {
    served: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
}

impl Visits {
    async fn one(&self, gateway: std::net::SocketAddr, visitor: u64, path: &str) {
        let mut connection = Connection::from(gateway, address(1_000_000 + visitor));
        let answer = connection.send(&Message::get(path), Instant::now() + PATIENCE).await;
        let counter = match answer.map(|answer| answer.status) {
            Ok(200) => &self.served,
            Ok(429 | 503) => &self.refused,
            _ => &self.failed,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// Orders while three times as many look around as can be served.
pub(crate) async fn checkout(shop: &Shop, seconds: u32) -> anyhow::Result<Row> {
    let buyers = orders::buyers(shop, orders::CUSTOMERS).await?;
    let paths: Arc<Vec<String>> = Arc::new(paths(shop).await?);
    let capacity = capacity(shop, &paths, seconds).await?;
    crate::say(&format!("{capacity:.0} visitors/s are served by {CONNECTIONS} connections; three times as many come"));
    let (visits, since) = (Arc::new(Visits::default()), Instant::now());
    let crowd = {
        let (visits, paths, gateway) = (Arc::clone(&visits), Arc::clone(&paths), shop.gateway);
        tokio::spawn(async move {
            let under_way = Arc::new(Semaphore::new(UNDER_WAY));
            let mut tick = interval(Duration::from_millis(5));
            let (mut come, mut left_out) = (0_u64, 0_u64);
            while since.elapsed() < Duration::from_secs(u64::from(seconds) + 2) {
                tick.tick().await;
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
                let due = (since.elapsed().as_secs_f64() * capacity * 3.0) as u64;
                while come < due {
                    come += 1;
                    let Ok(place) = Arc::clone(&under_way).try_acquire_owned() else {
                        left_out += 1;
                        continue;
                    };
                    let (visits, paths, number) = (Arc::clone(&visits), Arc::clone(&paths), come);
                    tokio::spawn(async move {
                        let path = &paths[usize::try_from(number).unwrap_or(0) % paths.len()];
                        visits.one(gateway, number, path).await;
                        drop(place);
                    });
                }
            }
            (come, left_out)
        })
    };
    // The crowd is there before the first order.
    sleep(Duration::from_secs(2)).await;
    let (accepted, took) = orders::step(shop, &buyers, ORDERS, seconds, "overload").await?;
    let (come, left_out) = crowd.await?;
    let ended = orders::ages(shop, took + Duration::from_secs(1)).await?.into_iter().filter(|age| age.is_finite());
    let asked = ORDERS * seconds;
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let what = format!(
        "overload ×3, nothing scales: checkouts that succeed ({accepted} of {asked} accepted, {} ended; visitors: {come} came at {:.0}/s, \
         {} served, {} turned away, {} failed, {left_out} more than this machine can send)",
        ended.count(),
        capacity * 3.0,
        count(&visits.served),
        count(&visits.refused),
        count(&visits.failed),
    );
    Ok(row(what, format!("{:.1} %", 100.0 * accepted as f64 / f64::from(asked)), "≥ 99 %; ≥ 99.9 %"))
}

/// What visitors look at: a page of products, and products.
async fn paths(shop: &Shop) -> anyhow::Result<Vec<String>> {
    let ask = Message { keeps_body: true, ..Message::get("/v1/products?limit=50") };
    let page = Connection::new(shop.gateway).send(&ask, Instant::now() + PATIENCE).await;
    let page = page.map_err(|outcome| anyhow::anyhow!("a page of products: {}", outcome.label()))?;
    let page: serde_json::Value = serde_json::from_slice(&page.body)?;
    let items = page["items"].as_array().ok_or_else(|| anyhow::anyhow!("no products: {page}"))?;
    Ok(items.iter().filter_map(|item| item["id"].as_str()).map(|id| format!("/v1/products/{id}")).collect())
}

/// Visitors per second that are served while each comes as soon as the one before has gone.
async fn capacity(shop: &Shop, paths: &Arc<Vec<String>>, seconds: u32) -> anyhow::Result<f64> {
    let (end, mut callers) = (Instant::now() + Duration::from_secs(u64::from(seconds)), JoinSet::new());
    let visits = Arc::new(Visits::default());
    for caller in 0..CONNECTIONS {
        let (paths, visits, gateway) = (Arc::clone(paths), Arc::clone(&visits), shop.gateway);
        callers.spawn(async move {
            let mut number = caller;
            while Instant::now() < end {
                visits.one(gateway, number as u64, &paths[number % paths.len()]).await;
                number += CONNECTIONS;
            }
        });
    }
    while let Some(caller) = callers.join_next().await {
        caller?;
    }
    Ok(visits.served.load(Ordering::Relaxed) as f64 / f64::from(seconds))
}
