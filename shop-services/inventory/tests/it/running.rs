//! A running inventory on a database, its clients, and what the database says of its promises.

use std::time::Duration;

use anyhow::bail;
use clap::Parser;
use jiff::Timestamp;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde_json::{Value, json};
use shop_inventory::{Command, InventoryError, ServeConfig};
use shop_kit::{Clock, World};
use sqlx::{Connection, PgConnection};
use test_kit::{Answer, Client, Postgres, free_address};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// Tokens by caller; `notifications` is known and may do nothing.
pub(crate) const ADMIN: &str = "Bearer admin-token";
pub(crate) const ORDERS: &str = "Bearer orders-token";
pub(crate) const NOTIFICATIONS: &str = "Bearer notifications-token";
/// Seconds since 1970 at which a machine with a good clock believes to be.
pub(crate) const NOW: i64 = 1_800_000_000;
/// A broker that nobody listens to.
pub(crate) const NOWHERE: &str = "nats://127.0.0.1:1";

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    serve: ServeConfig,
}

/// One inventory; it stops when dropped.
pub(crate) struct Inventory {
    pub(crate) client: Client,
    pub(crate) admin: Client,
    pub(crate) database: String,
    stop: CancellationToken,
    task: JoinHandle<Result<(), InventoryError>>,
}

/// Starts inventory on an empty database and without a broker.
pub(crate) async fn start(flags: &[&str]) -> anyhow::Result<Inventory> {
    start_on(&Postgres::shared().await?.database().await?, NOWHERE, flags).await
}

/// Starts inventory on this database and broker.
pub(crate) async fn start_on(database: &str, nats: &str, flags: &[&str]) -> anyhow::Result<Inventory> {
    start_at(database, nats, flags, || Timestamp::from_second(NOW).unwrap_or_default()).await
}

/// Starts inventory on this database and broker, on a machine with this clock.
pub(crate) async fn start_at(
    database: &str,
    nats: &str,
    flags: &[&str],
    clock: fn() -> Timestamp,
) -> anyhow::Result<Inventory> {
    let [public, admin] = [free_address()?, free_address()?];
    let mut args = vec!["inventory".to_owned(), format!("--listen={public}"), format!("--admin-listen={admin}")];
    args.extend([format!("--database-url={database}"), format!("--nats-url={nats}")]);
    args.extend(
        [
            "--outbox-period=50ms",
            "--queue-limit=2000",
            "--queue-timeout=60s",
            "--request-timeout=60s",
            "--database-acquire-timeout=60s",
            "--drain-delay=0s",
            "--admin-token=admin-token",
            "--service-token=orders=orders-token,notifications=notifications-token",
        ]
        .iter()
        .chain(flags)
        .map(|flag| (*flag).to_owned()),
    );
    if !flags.iter().any(|flag| flag.starts_with("--sweep-period")) {
        args.push("--sweep-period=100ms".to_owned());
    }
    let serve = Flags::try_parse_from(args)?.serve;
    let stop = CancellationToken::new();
    let world = World {
        started: Instant::now(),
        stop: stop.clone(),
        clock: Clock::new(clock),
        random: ChaCha8Rng::seed_from_u64(u64::from(public.port())),
    };
    let task = tokio::spawn(shop_inventory::run(Command::Serve(Box::new(serve)), world));
    let (client, admin) = (Client::new(format!("http://{public}"))?, Client::new(format!("http://{admin}"))?);
    let inventory = Inventory { client, admin, database: database.to_owned(), stop, task };
    inventory.wait_until_ready().await?;
    Ok(inventory)
}

/// The id of the `number`-th order.
pub(crate) fn order(number: u32) -> String {
    format!("01900000-0000-7000-8000-{number:012}")
}

/// The slug of a refusal with this status.
pub(crate) fn refusal(answer: &Answer, status: u16) -> String {
    assert_eq!(answer.status, status, "{}", answer.text());
    answer.problem().expect("a problem").0
}

/// Waits for up to a minute.
pub(crate) async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let since = Instant::now();
    while !holds().await {
        assert!(since.elapsed() < Duration::from_mins(1), "after a minute still not: {what}");
        sleep(Duration::from_millis(30)).await;
    }
}

impl Inventory {
    async fn wait_until_ready(&self) -> anyhow::Result<()> {
        for _ in 0..600 {
            if self.task.is_finished() {
                bail!("inventory ended while it started");
            }
            if self.client.send("GET", "/readyz", &[], None).await.is_ok_and(|a| a.status == 200) {
                return Ok(());
            }
            sleep(Duration::from_millis(50)).await;
        }
        bail!("inventory was not ready within 30 s")
    }

    /// Sends a request with an idempotency key.
    pub(crate) async fn post(&self, path: &str, token: &str, key: &str, body: &Value) -> Answer {
        let headers = [("authorization", token), ("idempotency-key", key)];
        self.client.send("POST", path, &headers, Some(&body.to_string())).await.unwrap()
    }

    /// Units come or go.
    pub(crate) async fn adjust(&self, sku: &str, key: &str, change: i64) -> Answer {
        let body = json!({"change": change, "reason": "delivery"});
        self.post(&format!("/v1/stock/{sku}/adjustments"), ADMIN, key, &body).await
    }

    /// Reserves for the `number`-th order, as a worker with this fencing token.
    pub(crate) async fn reserve(&self, number: u32, key: &str, fence: u32, lines: &[(&str, u32)]) -> Answer {
        let lines: Vec<Value> = lines.iter().map(|(sku, quantity)| json!({"sku": sku, "quantity": quantity})).collect();
        let body = json!({"order_id": order(number), "fence": fence, "lines": lines});
        self.post("/v1/reservations", ORDERS, key, &body).await
    }

    /// Commits or releases.
    pub(crate) async fn settle(&self, id: &Value, how: &str, key: &str, fence: u32) -> Answer {
        let path = format!("/v1/reservations/{}/{how}", id.as_str().unwrap());
        self.post(&path, ORDERS, key, &json!({"fence": fence})).await
    }

    /// What can be sold of an SKU, null where its stock is not kept.
    pub(crate) async fn available(&self, sku: &str) -> Value {
        let answer = self.client.send("GET", &format!("/v1/stock?sku={sku}"), &[], None).await.unwrap();
        answer.json()["items"][0]["available"].clone()
    }

    /// The one number that this statement selects.
    pub(crate) async fn count(&self, statement: &'static str) -> i64 {
        let mut connection = PgConnection::connect(&self.database).await.unwrap();
        sqlx::query_scalar(statement).fetch_one(&mut connection).await.unwrap()
    }

    /// Fails where the stock, the reservations and the ledger do not tell the same.
    pub(crate) async fn audit(&self) {
        for (promise, statement) in PROMISES {
            assert_eq!(self.count(statement).await, 0, "broken: {promise}");
        }
    }
}

impl Drop for Inventory {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Each counts what breaks a promise; each is one statement, so it sees one moment.
const PROMISES: &[(&str, &str)] = &[
    ("nothing is oversold", "SELECT count(*) FROM stock WHERE reserved < 0 OR reserved > on_hand"),
    (
        "what is reserved is what reservations hold",
        "SELECT count(*) FROM stock s LEFT JOIN (
            SELECT l.sku, sum(l.quantity)::bigint AS held FROM reservation_lines l
            JOIN reservations r ON r.id = l.reservation_id WHERE r.state = 'held' GROUP BY l.sku
        ) h USING (sku) WHERE s.reserved <> coalesce(h.held, 0)",
    ),
    (
        "the ledger sums up to the stock",
        "SELECT count(*) FROM stock s LEFT JOIN (
            SELECT sku, sum(on_hand_change)::bigint AS on_hand, sum(reserved_change)::bigint AS reserved
            FROM stock_ledger GROUP BY sku
        ) l USING (sku) WHERE s.on_hand <> coalesce(l.on_hand, 0) OR s.reserved <> coalesce(l.reserved, 0)",
    ),
    (
        "each line is in the ledger once when reserved and once when settled",
        "SELECT count(*) FROM reservation_lines l JOIN reservations r ON r.id = l.reservation_id
        WHERE (SELECT count(*) FROM stock_ledger k WHERE k.reservation_id = r.id AND k.sku = l.sku AND k.kind = 'reserved'
            AND k.reserved_change = l.quantity) <> 1
        OR (SELECT count(*) FROM stock_ledger k WHERE k.reservation_id = r.id AND k.sku = l.sku
            AND k.kind IN ('committed', 'released', 'expired')) <> CASE r.state WHEN 'held' THEN 0 ELSE 1 END",
    ),
    (
        "each reservation was told once, and once more when settled",
        "SELECT count(*) FROM reservations r
        WHERE (SELECT count(*) FROM outbox o WHERE o.kind = 'stock.reserved'
            AND o.body->'data'->>'reservation_id' = r.id::text) <> 1
        OR (r.state = 'committed' AND (SELECT count(*) FROM outbox o WHERE o.kind = 'stock.committed'
            AND o.body->'data'->>'reservation_id' = r.id::text) <> 1)",
    ),
];
