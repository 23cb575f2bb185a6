//! A running notifications on a real database and broker, and what others tell it.

use std::time::Duration;

use anyhow::bail;
use async_nats::jetstream;
use clap::Parser;
use jiff::Timestamp;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde_json::{Value, json};
use shop_kit::event::Event;
use shop_kit::{Clock, World};
use shop_notifications::{Command, NotificationsError, ServeConfig};
use sqlx::{Connection, PgConnection};
use test_kit::{Answer, Client, Nats, Postgres, free_address};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub(crate) const ADMIN: &str = "Bearer admin-token";
/// A broker that nobody listens to.
pub(crate) const NOWHERE: &str = "nats://127.0.0.1:1";

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    serve: ServeConfig,
}

/// One notifications; it stops when dropped.
pub(crate) struct Notifications {
    pub(crate) client: Client,
    pub(crate) admin: Client,
    pub(crate) database: String,
    stop: CancellationToken,
    task: JoinHandle<Result<(), NotificationsError>>,
}

/// Starts notifications on an empty database.
pub(crate) async fn start(nats: &str, flags: &[&str]) -> anyhow::Result<Notifications> {
    start_on(&Postgres::shared().await?.database().await?, nats, flags).await
}

/// Starts notifications on this database.
pub(crate) async fn start_on(database: &str, nats: &str, flags: &[&str]) -> anyhow::Result<Notifications> {
    let [public, admin] = [free_address()?, free_address()?];
    let mut args = vec!["notifications".to_owned(), format!("--listen={public}"), format!("--admin-listen={admin}")];
    args.extend([format!("--database-url={database}"), format!("--nats-url={nats}")]);
    args.extend(
        [
            "--outbox-period=50ms",
            "--queue-timeout=60s",
            "--request-timeout=60s",
            "--database-acquire-timeout=60s",
            "--drain-delay=0s",
            "--sweep-period=100ms",
            "--admin-token=admin-token",
        ]
        .iter()
        .chain(flags)
        .map(|flag| (*flag).to_owned()),
    );
    if !flags.iter().any(|flag| flag.starts_with("--delivery-retry-delay")) {
        args.push("--delivery-retry-delay=50ms".to_owned());
    }
    let serve = Flags::try_parse_from(args)?.serve;
    let stop = CancellationToken::new();
    let world = World {
        started: Instant::now(),
        stop: stop.clone(),
        clock: Clock::new(|| Timestamp::from_second(1_800_000_000).unwrap_or_default()),
        random: ChaCha8Rng::seed_from_u64(u64::from(public.port())),
    };
    let task = tokio::spawn(shop_notifications::run(Command::Serve(Box::new(serve)), world));
    let (client, admin) = (Client::new(format!("http://{public}"))?, Client::new(format!("http://{admin}"))?);
    let notifications = Notifications { client, admin, database: database.to_owned(), stop, task };
    notifications.wait_until_ready().await?;
    Ok(notifications)
}

/// The id of the `number`-th order, customer, event.
pub(crate) fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

/// What orders tells of the `number`-th order, which the customer of the same number placed.
pub(crate) fn order(number: u128) -> Value {
    json!({"order_id": id(number), "customer_id": id(number), "lines": [{"sku": "LAMP", "quantity": 2}],
        "total": {"amount": 4598, "currency": "EUR"}})
}

/// What payments tells of the payment for the `number`-th order.
pub(crate) fn payment(number: u128) -> Value {
    json!({"payment_id": id(7), "order_id": id(number), "amount": {"amount": 4598, "currency": "EUR"}})
}

/// Publishes an event as its service would.
pub(crate) async fn tells(nats: &Nats, event: u128, kind: &str, data: &Value) -> anyhow::Result<()> {
    let event = Event::new(id(event), kind, Timestamp::UNIX_EPOCH, data)?;
    sends(nats, kind, serde_json::to_vec(&event)?).await
}

/// Publishes whatever this is.
pub(crate) async fn sends(nats: &Nats, kind: &str, body: Vec<u8>) -> anyhow::Result<()> {
    let context = jetstream::new(async_nats::connect(nats.url()).await?);
    until("the stream is there", async || context.get_stream("SHOP").await.is_ok()).await;
    context.publish(format!("shop.{kind}"), body.into()).await?.await?;
    Ok(())
}

/// Waits for up to a minute.
pub(crate) async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let since = Instant::now();
    while !holds().await {
        assert!(since.elapsed() < Duration::from_mins(1), "after a minute still not: {what}");
        sleep(Duration::from_millis(30)).await;
    }
}

impl Notifications {
    async fn wait_until_ready(&self) -> anyhow::Result<()> {
        for _ in 0..600 {
            if self.task.is_finished() {
                bail!("notifications ended while it started");
            }
            if self.client.send("GET", "/readyz", &[], None).await.is_ok_and(|a| a.status == 200) {
                return Ok(());
            }
            sleep(Duration::from_millis(50)).await;
        }
        bail!("notifications was not ready within 30 s")
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Answer {
        self.client.send("GET", path, &[("authorization", token)], None).await.unwrap()
    }

    /// The messages about the `number`-th order, the youngest first.
    pub(crate) async fn about(&self, number: u128) -> Vec<Value> {
        let answer = self.get(&format!("/v1/notifications?order={}", id(number)), ADMIN).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["items"].as_array().unwrap().clone()
    }

    /// Waits until the only message about the `number`-th order is in this state, and returns it.
    pub(crate) async fn becomes(&self, number: u128, state: &str) -> Value {
        let only = async || self.about(number).await.first().cloned().unwrap_or_default();
        until(&format!("the message about order {number} is {state}"), async || only().await["state"] == state).await;
        assert_eq!(self.about(number).await.len(), 1);
        only().await
    }

    pub(crate) async fn metrics(&self) -> String {
        self.admin.send("GET", "/metrics", &[], None).await.unwrap().text()
    }

    /// Waits until the exposition has this line.
    pub(crate) async fn shows(&self, line: &str) {
        until(line, async || self.metrics().await.lines().any(|l| l == line)).await;
    }

    /// The one number that this statement selects.
    pub(crate) async fn count(&self, statement: &'static str) -> i64 {
        let mut connection = PgConnection::connect(&self.database).await.unwrap();
        sqlx::query_scalar(statement).fetch_one(&mut connection).await.unwrap()
    }

    /// Tells it to stop and waits for its end.
    pub(crate) async fn ends(mut self) -> anyhow::Result<()> {
        self.stop.cancel();
        Ok((&mut self.task).await??)
    }
}

impl Drop for Notifications {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
