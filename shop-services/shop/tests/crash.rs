//! `kill -9` in the middle of the work: whatever was answered is kept, whatever was not can be repeated, once.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use test_kit::{Client, Nats, Postgres};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

/// Orders that reserve, of which every other one commits.
const ORDERS: u32 = 120;
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
            (SELECT (sum(on_hand_change)::bigint, sum(reserved_change)::bigint) FROM stock_ledger l WHERE l.sku = s.sku)",
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

/// Where everything is, while processes come and go.
struct Place {
    address: SocketAddr,
    admin: SocketAddr,
    database: String,
    nats: Nats,
    client: Client,
}

impl Place {
    async fn make() -> anyhow::Result<Self> {
        let [address, admin] = [free_address()?, free_address()?];
        let client = Client::new(format!("http://{address}"))?;
        let database = Postgres::shared().await?.database().await?;
        Ok(Self { address, admin, database, nats: Nats::start().await?, client })
    }

    /// Starts the service and waits until it is ready; killed when dropped.
    async fn serve(&self) -> anyhow::Result<Child> {
        let process = Command::new(env!("CARGO_BIN_EXE_shop"))
            .args(["inventory", "serve", "--outbox-period=50ms", "--reservation-ttl=1h"])
            .args(["--queue-timeout=30s", "--request-timeout=30s", "--database-acquire-timeout=30s"])
            .arg(format!("--listen={}", self.address))
            .arg(format!("--admin-listen={}", self.admin))
            .env("SHOP_DATABASE_URL", &self.database)
            .env("SHOP_NATS_URL", self.nats.url())
            .env("SHOP_ADMIN_TOKEN", "admin-token")
            .env("SHOP_SERVICE_TOKENS", "orders=orders-token")
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        for _ in 0..600 {
            if self.client.send("GET", "/readyz", &[], None).await.is_ok_and(|a| a.status == 200) {
                return Ok(process);
            }
            sleep(Duration::from_millis(50)).await;
        }
        anyhow::bail!("the service was not ready within 30 s")
    }

    /// Repeats one request with one key until it is answered for good, as the orders service does.
    async fn insist(&self, path: &str, token: &str, key: &str, body: &Value) -> Value {
        let since = Instant::now();
        let token = format!("Bearer {token}");
        let headers = [("authorization", token.as_str()), ("idempotency-key", key)];
        loop {
            match self.client.send("POST", path, &headers, Some(&body.to_string())).await {
                Ok(answer) if answer.status < 300 => return answer.json(),
                // Still running, or the database says goodbye to the killed one.
                Ok(answer) => assert!([409, 503, 500].contains(&answer.status), "{key}: {}", answer.text()),
                Err(_) => {} // killed
            }
            assert!(since.elapsed() < Duration::from_mins(2), "{key} is not answered");
            sleep(Duration::from_millis(100)).await;
        }
    }

    async fn buy(&self, number: u32) {
        let order = format!("01900000-0000-7000-8000-{number:012}");
        let lines = json!([{"sku": "LAMP", "quantity": 1}, {"sku": "TABLE", "quantity": 2}]);
        let body = json!({"order_id": order, "fence": 1, "lines": lines});
        let reserved = self.insist("/v1/reservations", "orders-token", &format!("reserve-{number}"), &body).await;
        if number % 2 == 0 {
            let path = format!("/v1/reservations/{}/commit", reserved["id"].as_str().unwrap());
            self.insist(&path, "orders-token", &format!("commit-{number}"), &json!({"fence": 1})).await;
        }
    }

    async fn count(&self, statement: &'static str) -> i64 {
        let mut connection = PgConnection::connect(&self.database).await.unwrap();
        sqlx::query_scalar(statement).fetch_one(&mut connection).await.unwrap()
    }
}

fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

#[tokio::test]
async fn inventory_killed_again_and_again_loses_nothing_and_does_nothing_twice() -> anyhow::Result<()> {
    let place = Arc::new(Place::make().await?);
    let mut process = place.serve().await?;
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
            place.buy(number).await;
        });
    }
    for _ in 0..KILLS {
        sleep(Duration::from_millis(350)).await;
        process.kill().await?; // SIGKILL
        process = place.serve().await?;
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
    let since = Instant::now();
    while place.count("SELECT count(*) FROM outbox WHERE published_at IS NULL").await > 0 {
        assert!(since.elapsed() < Duration::from_mins(1), "events stay in the outbox");
        sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}
