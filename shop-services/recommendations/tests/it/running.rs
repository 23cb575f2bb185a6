//! A running recommendations on a real database and broker, with a clock that tests can move, and what others tell it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use anyhow::bail;
use async_nats::jetstream;
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Parser;
use jiff::Timestamp;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde_json::{Value, json};
use shop_kit::access::{ACCESS_TYPE, AccessClaims};
use shop_kit::event::Event;
use shop_kit::signature::Signer;
use shop_kit::{Clock, World};
use shop_recommendations::{Command, RecommendationsError, ServeConfig};
use sqlx::{Connection, PgConnection};
use test_kit::{Answer, Client, Nats, Postgres, free_address};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// 2027-01-15 08:00 UTC, where the clock of every test starts.
pub(crate) const START: i64 = 1_800_000_000;
/// A broker that nobody listens to.
pub(crate) const NOWHERE: &str = "nats://127.0.0.1:1";

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    serve: ServeConfig,
}

/// One recommendations; it stops when dropped.
pub(crate) struct Recommendations {
    pub(crate) client: Client,
    pub(crate) admin: Client,
    pub(crate) database: String,
    seconds: Arc<AtomicI64>,
    signer: Signer,
    stop: CancellationToken,
    task: JoinHandle<Result<(), RecommendationsError>>,
}

/// Starts recommendations on an empty database; a model is trained every hour of its clock.
pub(crate) async fn start(nats: &str) -> anyhow::Result<Recommendations> {
    let database = Postgres::shared().await?.database().await?;
    let signer = Signer::new(&URL_SAFE_NO_PAD.encode([7; 32]).parse()?, ACCESS_TYPE)?;
    let [public, admin] = [free_address()?, free_address()?];
    let serve = Flags::try_parse_from([
        "recommendations",
        &format!("--listen={public}"),
        &format!("--admin-listen={admin}"),
        &format!("--database-url={database}"),
        &format!("--nats-url={nats}"),
        &format!("--token-keys-url=http://{}", publish(&signer).await?),
        "--outbox-period=50ms",
        "--queue-timeout=60s",
        "--request-timeout=60s",
        "--database-acquire-timeout=60s",
        "--drain-delay=0s",
        "--train-period=1h",
        "--forget-within=5m",
        "--train-check-period=50ms",
        "--history=720h",
    ])?
    .serve;
    let (seconds, stop) = (Arc::new(AtomicI64::new(START)), CancellationToken::new());
    let clock = Arc::clone(&seconds);
    let world = World {
        started: Instant::now(),
        stop: stop.clone(),
        clock: Clock::new(move || Timestamp::from_second(clock.load(Ordering::Relaxed)).unwrap_or_default()),
        random: ChaCha8Rng::seed_from_u64(u64::from(public.port())),
    };
    let task = tokio::spawn(shop_recommendations::run(Command::Serve(Box::new(serve)), world));
    let (client, admin) = (Client::new(format!("http://{public}"))?, Client::new(format!("http://{admin}"))?);
    let recommendations = Recommendations { client, admin, database, seconds, signer, stop, task };
    recommendations.wait_until_ready().await?;
    Ok(recommendations)
}

/// Publishes the key that checks customers' tokens, as the service that knows them does.
async fn publish(signer: &Signer) -> anyhow::Result<SocketAddr> {
    let keys = json!({"keys": [signer.public_key()]});
    let routes = axum::Router::new().route("/.well-known/jwks.json", get(async move || axum::Json(keys)));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, routes).await });
    Ok(address)
}

/// The id of the `number`-th product, customer, order.
pub(crate) fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

/// What happens in the shop, told as the other services tell it.
pub(crate) struct Shop {
    context: jetstream::Context,
    told: AtomicI64,
}

impl Shop {
    pub(crate) async fn open(nats: &Nats) -> anyhow::Result<Self> {
        let context = jetstream::new(async_nats::connect(nats.url()).await?);
        until("the stream is there", async || context.get_stream("SHOP").await.is_ok()).await;
        Ok(Self { context, told: AtomicI64::new(0) })
    }

    /// Tells of something that happened so many seconds after the start.
    pub(crate) async fn tells(&self, kind: &str, second: i64, data: &Value) -> anyhow::Result<()> {
        let number = self.told.fetch_add(1, Ordering::Relaxed);
        let event =
            Event::new(id(u128::from(number.unsigned_abs()) + 1), kind, Timestamp::from_second(START + second)?, data)?;
        self.context.publish(format!("shop.{kind}"), serde_json::to_vec(&event)?.into()).await?.await?;
        Ok(())
    }

    /// So many events were told.
    pub(crate) fn told(&self) -> i64 {
        self.told.load(Ordering::Relaxed)
    }

    /// The catalog has products of these numbers, each with two variants.
    pub(crate) async fn sells(&self, products: std::ops::RangeInclusive<u128>) -> anyhow::Result<()> {
        for number in products {
            let data = json!({"product_id": id(number), "skus": [sku(number, 1), sku(number, 2)]});
            self.tells("product.created", 0, &data).await?;
        }
        Ok(())
    }

    /// A customer buys products.
    pub(crate) async fn buys(&self, order: u128, customer: u128, second: i64, products: &[u128]) -> anyhow::Result<()> {
        let lines: Vec<Value> = products.iter().map(|number| json!({"sku": sku(*number, 1), "quantity": 1})).collect();
        let data = json!({"order_id": id(order), "customer_id": id(customer), "lines": lines,
            "total": {"amount": 1, "currency": "EUR"}});
        self.tells("order.confirmed", second, &data).await
    }

    /// Something lies in a cart: a customer's, or a guest's.
    pub(crate) async fn collects(
        &self,
        cart: u128,
        customer: Option<u128>,
        second: i64,
        products: &[u128],
    ) -> anyhow::Result<()> {
        let lines: Vec<Value> = products.iter().map(|number| json!({"sku": sku(*number, 2), "quantity": 1})).collect();
        let mut data = json!({"cart_id": id(cart), "lines": lines});
        if let Some(customer) = customer {
            data["customer_id"] = json!(id(customer));
        }
        self.tells("cart.updated", second, &data).await
    }

    /// An account is erased.
    pub(crate) async fn erases(&self, customer: u128, second: i64) -> anyhow::Result<()> {
        self.tells("account.erased", second, &json!({"account_id": id(customer)})).await
    }
}

/// A variant of the `number`-th product.
pub(crate) fn sku(number: u128, variant: u32) -> String {
    format!("P{number}-{variant}")
}

/// Waits for up to a minute.
pub(crate) async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let since = Instant::now();
    while !holds().await {
        assert!(since.elapsed() < Duration::from_mins(1), "after a minute still not: {what}");
        sleep(Duration::from_millis(30)).await;
    }
}

impl Recommendations {
    async fn wait_until_ready(&self) -> anyhow::Result<()> {
        for _ in 0..600 {
            if self.task.is_finished() {
                bail!("recommendations ended while it started");
            }
            if self.client.send("GET", "/readyz", &[], None).await.is_ok_and(|a| a.status == 200) {
                return Ok(());
            }
            sleep(Duration::from_millis(50)).await;
        }
        bail!("recommendations was not ready within 30 s")
    }

    /// The clock moves on.
    pub(crate) fn passes(&self, time: Duration) {
        self.seconds.fetch_add(i64::try_from(time.as_secs()).unwrap(), Ordering::Relaxed);
    }

    /// Waits until everything that was told is applied, or known to be.
    pub(crate) async fn hears_all(&self, shop: &Shop) {
        let heard = async || self.count("SELECT count(*) FROM inbox").await == shop.told();
        until("everything that was told is applied", heard).await;
    }

    /// Lets the clock move on by an hour, waits for the model of that hour, and returns its version: one that was begun
    /// before may still be on its way.
    pub(crate) async fn trains(&self) -> i64 {
        self.passes(Duration::from_hours(1));
        let now = self.seconds.load(Ordering::Relaxed);
        let newest = "SELECT coalesce(extract(epoch FROM max(trained_at)), 0)::bigint FROM models";
        until("a model is trained", async || self.count(newest).await >= now).await;
        self.version().await
    }

    pub(crate) async fn version(&self) -> i64 {
        self.count("SELECT coalesce(max(version), 0) FROM models").await
    }

    /// The token of the `number`-th customer.
    pub(crate) fn customer(&self, number: u128) -> String {
        let claims = AccessClaims {
            iss: "accounts".to_owned(),
            aud: "shop".to_owned(),
            sub: id(number),
            nbf: 0,
            exp: 4_000_000_000,
        };
        format!("Bearer {}", self.signer.sign(&claims).unwrap())
    }

    pub(crate) async fn get(&self, path: &str, token: Option<&str>) -> Answer {
        let headers: Vec<(&str, &str)> = token.map(|token| ("authorization", token)).into_iter().collect();
        self.client.send("GET", path, &headers, None).await.unwrap()
    }

    /// What is recommended at this path: the source, and the numbers of the products.
    pub(crate) async fn says(&self, path: &str, token: Option<&str>) -> (String, Vec<u128>) {
        let answer = self.get(path, token).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let answer = answer.json();
        let number = |item: &Value| item["product_id"].as_str().unwrap().parse::<Uuid>().unwrap().as_u128();
        let products = answer["items"].as_array().unwrap().iter().map(number).collect();
        (answer["source"].as_str().unwrap().to_owned(), products)
    }

    /// What is recommended beside the `number`-th product.
    pub(crate) async fn beside(&self, number: u128) -> (String, Vec<u128>) {
        self.says(&format!("/v1/recommendations?product={}", id(number)), None).await
    }

    /// What is recommended to the `number`-th customer.
    pub(crate) async fn for_customer(&self, number: u128) -> (String, Vec<u128>) {
        self.says("/v1/recommendations/me", Some(&self.customer(number))).await
    }

    pub(crate) async fn metrics(&self) -> String {
        self.admin.send("GET", "/metrics", &[], None).await.unwrap().text()
    }

    /// The one number that this statement selects.
    pub(crate) async fn count(&self, statement: &'static str) -> i64 {
        let mut connection = PgConnection::connect(&self.database).await.unwrap();
        sqlx::query_scalar(statement).fetch_one(&mut connection).await.unwrap()
    }

    /// Everything in the tables of this service, as text.
    pub(crate) async fn everything(&self) -> String {
        let mut connection = PgConnection::connect(&self.database).await.unwrap();
        let mut text = String::new();
        for statement in [
            "SELECT coalesce(string_agg(t::text, ' '), '') FROM baskets t",
            "SELECT coalesce(string_agg(t::text, ' '), '') FROM basket_items t",
            "SELECT coalesce(string_agg(t::text, ' '), '') FROM neighbours t",
            "SELECT coalesce(string_agg(t::text, ' '), '') FROM popular t",
        ] {
            let rows: String = sqlx::query_scalar(statement).fetch_one(&mut connection).await.unwrap();
            text.push_str(&rows);
        }
        text
    }
}

impl Drop for Recommendations {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
