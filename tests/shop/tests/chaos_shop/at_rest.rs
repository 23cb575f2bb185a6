//! Waiting until nothing is under way any more, and naming what still is.

use std::time::Duration;

use presale_shop::Shop;
use sqlx::{Connection, PgConnection};
use tokio::time::{Instant, sleep};

/// What is under way, or was given to a person, whose database knows it.
const UNDER_WAY: [(&str, &str); 2] = [
    (
        "orders",
        "SELECT 'order ' || id || ' is ' || state || ' at ' || step || ': ' || coalesce(finding, '') FROM orders
         WHERE step IS NOT NULL ORDER BY id",
    ),
    (
        "payments",
        "SELECT 'payment of order ' || p.order_id || ' is ' || p.state || ': ' || coalesce(p.reason, '') FROM payments p
         WHERE p.state = 'needs_review'
            OR EXISTS (SELECT FROM operations o WHERE o.payment_id = p.id AND o.state IN ('pending', 'review'))
         ORDER BY p.order_id",
    ),
];

/// Waits so long until nothing is under way; returns what is.
pub(crate) async fn rested(shop: &Shop, within: Duration) -> anyhow::Result<Vec<String>> {
    let since = Instant::now();
    loop {
        let mut under_way: Vec<String> = Vec::new();
        for (name, statement) in UNDER_WAY {
            let mut database = PgConnection::connect(&database(shop, name)).await?;
            under_way.extend(sqlx::query_scalar::<_, String>(statement).fetch_all(&mut database).await?);
        }
        if under_way.is_empty() || since.elapsed() > within {
            return Ok(under_way);
        }
        sleep(Duration::from_secs(1)).await;
    }
}

/// URL of a service's database for the superuser, by no detour.
pub(crate) fn database(shop: &Shop, name: &str) -> String {
    let url = shop.postgres.url();
    let server = url.strip_suffix("/postgres").unwrap_or(&url);
    format!("{server}/{name}")
}
