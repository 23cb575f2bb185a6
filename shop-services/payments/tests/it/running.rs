//! A running payments on its own database, its provider, and what must hold between their books.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::bail;
use clap::Parser;
use jiff::Timestamp;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde_json::{Value, json};
use shop_kit::{Clock, World};
use shop_payments::{Command, PaymentsError, ServeConfig};
use sqlx::{Connection, PgConnection};
use test_kit::{Answer, Client, Postgres, free_address};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// Tokens by caller; `cart` is known and may do nothing.
pub(crate) const ORDERS: &str = "Bearer orders-token";
pub(crate) const CART: &str = "Bearer cart-token";
/// What the provider signs its notices with, and when.
pub(crate) const SECRET: &str = "notice-secret";
pub(crate) const NOW: i64 = 1_800_000_000;

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    serve: ServeConfig,
}

#[derive(Parser)]
struct PspFlags {
    #[command(flatten)]
    config: psp_sim::Config,
}

/// One payments and its provider; both stop when dropped.
pub(crate) struct Payments {
    pub(crate) client: Client,
    pub(crate) admin: Client,
    psp: Client,
    database: String,
    stop: CancellationToken,
    task: JoinHandle<Result<(), PaymentsError>>,
}

/// The one moment of these tests.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

/// Starts payments on an empty database, and a provider of its own.
pub(crate) async fn start(flags: &[&str]) -> anyhow::Result<Payments> {
    let database = Postgres::shared().await?.database().await?;
    let [public, admin, psp] = [free_address()?, free_address()?, free_address()?];
    let stop = CancellationToken::new();
    let provider = PspFlags::try_parse_from([
        "psp".to_owned(),
        format!("--listen={psp}"),
        format!("--notice-url=http://{public}/v1/webhooks/psp"),
        format!("--notice-secret={SECRET}"),
    ])?;
    tokio::spawn(psp_sim::run(provider.config, now, stop.clone()));
    let mut args = vec!["payments".to_owned(), format!("--listen={public}"), format!("--admin-listen={admin}")];
    args.extend([format!("--database-url={database}"), format!("--psp-url=http://{psp}")]);
    args.push(format!("--psp-notice-secret={SECRET}"));
    args.extend(
        [
            "--nats-url=nats://127.0.0.1:1",
            "--queue-timeout=60s",
            "--request-timeout=60s",
            "--database-acquire-timeout=60s",
            "--drain-delay=0s",
            "--service-token=orders=orders-token,cart=cart-token",
        ]
        .iter()
        .chain(flags)
        .map(|flag| (*flag).to_owned()),
    );
    for (name, value) in [("--psp-timeout", "1s"), ("--psp-retry-delay", "100ms")] {
        if !flags.iter().any(|flag| flag.starts_with(name)) {
            args.push(format!("{name}={value}"));
        }
    }
    let serve = Flags::try_parse_from(args)?.serve;
    let world = World {
        started: Instant::now(),
        stop: stop.clone(),
        clock: Clock::new(now),
        random: ChaCha8Rng::seed_from_u64(u64::from(public.port())),
    };
    let task = tokio::spawn(shop_payments::run(Command::Serve(Box::new(serve)), world));
    let client = |address: SocketAddr| Client::new(format!("http://{address}"));
    let payments = Payments { client: client(public)?, admin: client(admin)?, psp: client(psp)?, database, stop, task };
    payments.wait_until_ready().await?;
    Ok(payments)
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

/// So many cents.
pub(crate) fn eur(amount: i64) -> Value {
    json!({"amount": amount, "currency": "EUR"})
}

impl Payments {
    async fn wait_until_ready(&self) -> anyhow::Result<()> {
        for _ in 0..600 {
            if self.task.is_finished() {
                bail!("payments ended while it started");
            }
            let psp = self.psp.send("GET", "/sim/books", &[], None).await.is_ok();
            if psp && self.client.send("GET", "/readyz", &[], None).await.is_ok_and(|a| a.status == 200) {
                return Ok(());
            }
            sleep(Duration::from_millis(50)).await;
        }
        bail!("payments was not ready within 30 s")
    }

    /// Tells the provider how to misbehave.
    pub(crate) async fn program(&self, program: Value) {
        let set = self.psp.send("PUT", "/sim/program", &[], Some(&program.to_string())).await.unwrap();
        assert_eq!(set.status, 204, "{}", set.text());
    }

    /// What the provider's books say.
    pub(crate) async fn books(&self) -> Value {
        self.psp.send("GET", "/sim/books", &[], None).await.unwrap().json()
    }

    /// Sends a request with an idempotency key.
    pub(crate) async fn post(&self, path: &str, key: &str, body: Option<Value>) -> Answer {
        let headers = [("authorization", ORDERS), ("idempotency-key", key)];
        self.client.send("POST", path, &headers, body.map(|b| b.to_string()).as_deref()).await.unwrap()
    }

    /// Authorizes so many cents for an order.
    pub(crate) async fn authorize(&self, number: u32, key: &str, amount: i64, method: &str) -> Answer {
        let body = json!({"order_id": order(number), "amount": eur(amount), "method": method});
        self.post("/v1/payments", key, Some(body)).await
    }

    /// Authorizes, and returns the payment's id.
    pub(crate) async fn authorized(&self, number: u32, amount: i64) -> String {
        let answer = self.authorize(number, &format!("authorize-{number}"), amount, "tok_ok").await;
        assert_eq!(answer.json()["state"], "authorized", "{}", answer.text());
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    /// Captures or voids.
    pub(crate) async fn settle(&self, id: &str, how: &str, key: &str) -> Answer {
        self.post(&format!("/v1/payments/{id}/{how}"), key, None).await
    }

    /// Gives so many cents back.
    pub(crate) async fn refund(&self, id: &str, key: &str, amount: i64) -> Answer {
        self.post(&format!("/v1/payments/{id}/refund"), key, Some(json!({"amount": eur(amount)}))).await
    }

    /// How a payment stands.
    pub(crate) async fn read(&self, id: &str) -> Value {
        let headers = [("authorization", ORDERS)];
        self.client.send("GET", &format!("/v1/payments/{id}"), &headers, None).await.unwrap().json()
    }

    /// Waits until a payment is in this state.
    pub(crate) async fn becomes(&self, id: &str, state: &str) {
        until(state, async || self.read(id).await["state"] == state).await;
    }

    /// Runs a statement as nobody should.
    pub(crate) async fn tamper(&self, statement: &'static str) -> Result<(), sqlx::Error> {
        let mut connection = PgConnection::connect(&self.database).await?;
        sqlx::raw_sql(statement).execute(&mut connection).await.map(drop)
    }

    /// The one number that this statement selects.
    pub(crate) async fn count(&self, statement: &'static str) -> i64 {
        let mut connection = PgConnection::connect(&self.database).await.unwrap();
        sqlx::query_scalar(statement).fetch_one(&mut connection).await.unwrap()
    }

    /// Fails where the ledger, the payments and the provider's books do not tell the same.
    pub(crate) async fn audit(&self) {
        assert_eq!(self.count("SELECT coalesce(sum(amount), 0)::bigint FROM ledger_entries").await, 0);
        let ours = self.count("SELECT coalesce(sum(captured - refunded), 0)::bigint FROM payments").await;
        let owed = "SELECT coalesce(sum(amount), 0)::bigint FROM ledger_entries WHERE account = 'provider'";
        assert_eq!(ours, self.count(owed).await, "payments and ledger");
        assert_eq!(self.books().await["balance"], ours, "the provider's books and ours");
        let twice = "SELECT count(*) FROM (SELECT payment_id FROM operations WHERE kind = 'capture'
            AND state = 'succeeded' GROUP BY payment_id HAVING count(*) > 1) twice";
        assert_eq!(self.count(twice).await, 0, "captured twice");
        let untold =
            "SELECT (SELECT count(*) FROM operations WHERE kind IN ('capture', 'refund') AND state = 'succeeded')
            - (SELECT count(*) FROM outbox WHERE kind IN ('payment.captured', 'payment.refunded'))";
        assert_eq!(self.count(untold).await, 0, "moved and told");
    }
}

impl Drop for Payments {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
