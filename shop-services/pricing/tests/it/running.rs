//! A running pricing on its own database, with a clock that tests can move.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use anyhow::bail;
use clap::Parser;
use jiff::Timestamp;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde_json::{Value, json};
use shop_kit::{Clock, World};
use shop_pricing::{Command, PricingError, ServeConfig};
use test_kit::{Answer, Client, Nats, Postgres, free_address};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// 2027-01-15 08:00 UTC, where the clock of every test starts.
pub(crate) const START: i64 = 1_800_000_000;
/// Tokens by caller; `notifications` is known and may do nothing.
pub(crate) const ADMIN: &str = "Bearer admin-token";
pub(crate) const ORDERS: &str = "Bearer orders-token";
pub(crate) const CART: &str = "Bearer cart-token";
pub(crate) const PRESALE: &str = "Bearer presale-token";
pub(crate) const NOTIFICATIONS: &str = "Bearer notifications-token";

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    serve: ServeConfig,
}

/// One pricing; it stops when dropped.
pub(crate) struct Pricing {
    pub(crate) client: Client,
    pub(crate) admin: Client,
    seconds: Arc<AtomicI64>,
    stop: CancellationToken,
    task: JoinHandle<Result<(), PricingError>>,
}

/// Starts pricing on an empty database, with a broker that nobody listens to.
pub(crate) async fn start() -> anyhow::Result<Pricing> {
    start_with("nats://127.0.0.1:1").await
}

/// Starts pricing on an empty database and this broker.
pub(crate) async fn start_on(nats: &Nats) -> anyhow::Result<Pricing> {
    start_with(&nats.url()).await
}

async fn start_with(nats: &str) -> anyhow::Result<Pricing> {
    let database = Postgres::shared().await?.database().await?;
    let [public, admin] = [free_address()?, free_address()?];
    let serve = Flags::try_parse_from([
        "pricing",
        &format!("--listen={public}"),
        &format!("--admin-listen={admin}"),
        &format!("--database-url={database}"),
        &format!("--nats-url={nats}"),
        "--outbox-period=50ms",
        "--queue-timeout=30s",
        "--request-timeout=60s",
        "--database-acquire-timeout=30s",
        "--drain-delay=0s",
        "--admin-token=admin-token",
        "--service-token=orders=orders-token,cart=cart-token,presale=presale-token,notifications=notifications-token",
        "--quote-key=AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE",
        "--quote-ttl=15m",
    ])?
    .serve;
    let (seconds, stop) = (Arc::new(AtomicI64::new(START)), CancellationToken::new());
    let clock = seconds.clone();
    let world = World {
        started: Instant::now(),
        stop: stop.clone(),
        clock: Clock::new(move || Timestamp::from_second(clock.load(Ordering::Relaxed)).unwrap_or_default()),
        random: ChaCha8Rng::seed_from_u64(u64::from(public.port())),
    };
    let task = tokio::spawn(shop_pricing::run(Command::Serve(Box::new(serve)), world));
    let (client, admin) = (Client::new(format!("http://{public}"))?, Client::new(format!("http://{admin}"))?);
    let pricing = Pricing { client, admin, seconds, stop, task };
    pricing.wait_until_ready().await?;
    Ok(pricing)
}

/// An instant `seconds` after the start of the clock.
pub(crate) fn at(seconds: i64) -> Value {
    json!(Timestamp::from_second(START + seconds).unwrap().to_string())
}

impl Pricing {
    async fn wait_until_ready(&self) -> anyhow::Result<()> {
        for _ in 0..600 {
            if self.task.is_finished() {
                bail!("pricing ended while it started");
            }
            if self.client.send("GET", "/readyz", &[], None).await.is_ok_and(|a| a.status == 200) {
                return Ok(());
            }
            sleep(Duration::from_millis(50)).await;
        }
        bail!("pricing was not ready within 30 s")
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, seconds: i64) {
        self.seconds.fetch_add(seconds, Ordering::Relaxed);
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.client.send("GET", path, &[], None).await.unwrap()
    }

    pub(crate) async fn send(&self, method: &str, path: &str, token: &str, body: &Value) -> Answer {
        self.client.send(method, path, &[("authorization", token)], Some(&body.to_string())).await.unwrap()
    }

    /// Sends a change of a version that was seen.
    pub(crate) async fn change(&self, method: &str, path: &str, tag: &str, body: &Value) -> Answer {
        let headers = [("authorization", ADMIN), ("if-match", tag)];
        self.client.send(method, path, &headers, Some(&body.to_string())).await.unwrap()
    }

    /// Sets a price in euros and delivery to Germany at 4.99 with 19 % tax.
    pub(crate) async fn sells(&self, prices: &[(&str, i64)]) {
        for (sku, amount) in prices {
            let price = json!({"sku": sku, "price": {"amount": amount, "currency": "EUR"}});
            assert_eq!(self.send("POST", "/v1/prices", ADMIN, &price).await.status, 201);
        }
        let rate = json!({"country": "DE", "shipping": {"amount": 499, "currency": "EUR"}, "tax_per_10k": 1900});
        assert_eq!(self.send("POST", "/v1/rates", ADMIN, &rate).await.status, 201);
    }

    /// Hands out a coupon of a tenth, valid for an hour.
    pub(crate) async fn gives_coupon(&self, code: &str, max: u32) {
        let coupon = json!({"code": code, "value": {"off_per10k": 1000}, "max_redemptions": max,
            "starts_at": at(0), "ends_at": at(3600)});
        let answer = self.send("POST", "/v1/coupons", ADMIN, &coupon).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
    }

    /// Asks what one of `sku` costs.
    pub(crate) async fn quote(&self, sku: &str, coupon: Option<&str>) -> Answer {
        let mut request = json!({"lines": [{"sku": sku, "quantity": 1}], "currency": "EUR", "country": "DE"});
        if let Some(code) = coupon {
            request["coupon"] = json!(code);
        }
        self.send("POST", "/v1/quotes", CART, &request).await
    }

    /// Redeems the coupon of a quote.
    pub(crate) async fn redeem(&self, key: &str, order: &str, token: &Value) -> Answer {
        let headers = [("authorization", ORDERS), ("idempotency-key", key)];
        let body = json!({"order_id": order, "quote": token}).to_string();
        self.client.send("POST", "/v1/redemptions", &headers, Some(&body)).await.unwrap()
    }

    /// How often a coupon has been redeemed.
    pub(crate) async fn redeemed(&self, code: &str) -> Value {
        self.send("GET", &format!("/v1/coupons/{code}"), ADMIN, &Value::Null).await.json()["redeemed"].clone()
    }
}

impl Drop for Pricing {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// The slug of a refusal with this status.
pub(crate) fn refusal(answer: &Answer, status: u16) -> String {
    assert_eq!(answer.status, status, "{}", answer.text());
    answer.problem().expect("a problem").0
}
