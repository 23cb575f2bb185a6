//! The whole of what an order needs, started for one test, and what must hold between all the books afterwards.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Stdio;
use std::time::Duration;

use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use shop_kit::access::{ACCESS_TYPE, AccessClaims};
use shop_kit::signature::Signer;
use sqlx::{Connection, PgConnection};
use test_kit::{Answer, Client, Nats, Postgres};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

/// What each service calls its administrator, orders and cart.
pub(crate) const ADMIN: &str = "Bearer admin-token";
const ORDERS: &str = "orders-token";
const CART: &str = "Bearer cart-token";
/// Units of each SKU at the beginning.
pub(crate) const STOCK: i64 = 1_000;

/// A service as a process of its own, with its own database; killed when dropped.
pub(crate) struct Service {
    pub(crate) client: Client,
    pub(crate) address: SocketAddr,
    admin: SocketAddr,
    database: String,
    words: Vec<String>,
    process: Child,
}

/// Pricing, inventory, payments and the provider, and who signs customers' tokens.
pub(crate) struct Stage {
    pub(crate) pricing: Service,
    pub(crate) inventory: Service,
    pub(crate) payments: Service,
    psp: Client,
    pub(crate) nats: Nats,
    issuer: SocketAddr,
    signer: Signer,
    _provider: Child,
}

/// Settings that tests change.
#[derive(Default)]
pub(crate) struct Settings<'a> {
    pub(crate) pricing: &'a [&'a str],
    pub(crate) inventory: &'a [&'a str],
    pub(crate) payments: &'a [&'a str],
}

impl Stage {
    pub(crate) async fn set() -> anyhow::Result<Self> {
        Self::set_with(Settings::default()).await
    }

    pub(crate) async fn set_with(settings: Settings<'_>) -> anyhow::Result<Self> {
        let nats = Nats::start().await?;
        let (psp, payments) = (free_address()?, free_address()?);
        let provider = shop()
            .args(["psp-sim", &format!("--listen={psp}"), "--notice-secret=notice-secret"])
            .arg(format!("--notice-url=http://{payments}/v1/webhooks/psp"))
            .spawn()?;
        let psp_url = format!("--psp-url=http://{psp}");
        let paying = [psp_url.as_str(), "--psp-retry-delay=100ms", "--psp-notice-secret=notice-secret"];
        let quoting = ["--quote-key=AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE"];
        let quoting = [&quoting, settings.pricing].concat();
        let storing = [&["--sweep-period=100ms"], settings.inventory].concat();
        let paying = [&paying, settings.payments].concat();
        let (pricing, inventory, payments) = tokio::try_join!(
            Service::start("pricing", free_address()?, &nats, &quoting),
            Service::start("inventory", free_address()?, &nats, &storing),
            Service::start("payments", payments, &nats, &paying),
        )?;
        let signer = Signer::new(&URL_SAFE_NO_PAD.encode([7; 32]).parse()?, ACCESS_TYPE)?;
        let issuer = publish(&signer).await?;
        let psp = Client::new(format!("http://{psp}"))?;
        until("the provider listens", async || psp.send("GET", "/sim/books", &[], None).await.is_ok()).await;
        let stage = Self { pricing, inventory, payments, psp, nats, issuer, signer, _provider: provider };
        let rate = json!({"country": "DE", "shipping": eur(499), "tax_per_10k": 1900});
        stage.pricing.made("/v1/rates", "rate", &rate).await;
        stage.sells("LAMP", 1_999).await;
        Ok(stage)
    }

    /// Sells so many of an SKU at this price.
    async fn sells(&self, sku: &str, cents: i64) {
        self.pricing.made("/v1/prices", sku, &json!({"sku": sku, "price": eur(cents)})).await;
        let delivery = json!({"change": STOCK, "reason": "delivery"});
        self.inventory.made(&format!("/v1/stock/{sku}/adjustments"), sku, &delivery).await;
    }

    /// Leaves so few of the lamp.
    pub(crate) async fn leaves(&self, units: i64) {
        let theft = json!({"change": units - STOCK, "reason": "theft"});
        self.inventory.made("/v1/stock/LAMP/adjustments", "theft", &theft).await;
    }

    /// Hands out a coupon that takes so much off, in ten-thousandths.
    pub(crate) async fn gives_coupon(&self, code: &str, off: u32, max: u32) {
        let coupon = json!({"code": code, "value": {"off_per10k": off}, "max_redemptions": max,
            "starts_at": "2020-01-01T00:00:00Z", "ends_at": "2099-01-01T00:00:00Z"});
        self.pricing.made("/v1/coupons", code, &coupon).await;
    }

    /// The signed quote for so many lamps.
    pub(crate) async fn quote(&self, quantity: u32, coupon: Option<&str>) -> String {
        let mut body = json!({"lines": [{"sku": "LAMP", "quantity": quantity}], "currency": "EUR", "country": "DE"});
        if let Some(code) = coupon {
            body["coupon"] = json!(code);
        }
        let answer = self.pricing.send("POST", "/v1/quotes", CART, None, Some(&body)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["token"].as_str().unwrap().to_owned()
    }

    /// The token of the `number`-th customer.
    pub(crate) fn customer(&self, number: u128) -> String {
        self.token(number, ACCESS_CLAIMS)
    }

    /// A token as somebody might make it.
    pub(crate) fn token(&self, number: u128, (iss, aud, nbf, exp): (&str, &str, i64, i64)) -> String {
        let claims = AccessClaims { iss: iss.into(), aud: aud.into(), sub: Uuid::from_u128(number), nbf, exp };
        format!("Bearer {}", self.signer.sign(&claims).unwrap())
    }

    /// Starts orders on an empty database.
    pub(crate) async fn orders(&self, flags: &[&str]) -> anyhow::Result<Service> {
        self.orders_on(Postgres::shared().await?.database().await?, flags).await
    }

    /// Starts orders on this database, perhaps beside another replica.
    pub(crate) async fn orders_on(&self, database: String, flags: &[&str]) -> anyhow::Result<Service> {
        let mut words = vec![format!("--token-keys-url=http://{}", self.issuer), "--call-timeout=2s".to_owned()];
        for (name, service) in
            [("pricing", &self.pricing), ("inventory", &self.inventory), ("payments", &self.payments)]
        {
            words.extend([format!("--{name}-url=http://{}", service.address), format!("--{name}-token={ORDERS}")]);
        }
        if !flags.iter().any(|flag| flag.starts_with("--saga-attempts")) {
            words.push("--saga-attempts=40".to_owned());
        }
        words.extend(["--saga-retry-delay=100ms".to_owned()]);
        words.extend(flags.iter().map(|flag| (*flag).to_owned()));
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        Service::start_on("orders", free_address()?, database, &self.nats, &words).await
    }

    /// Tells the provider how to misbehave.
    pub(crate) async fn program(&self, program: Value) {
        let set = self.psp.send("PUT", "/sim/program", &[], Some(&program.to_string())).await.unwrap();
        assert_eq!(set.status, 204, "{}", set.text());
    }

    /// So often the provider did this.
    pub(crate) async fn provider_did(&self, what: &str) -> i64 {
        self.books().await["succeeded"][what].as_i64().unwrap()
    }

    pub(crate) async fn books(&self) -> Value {
        self.psp.send("GET", "/sim/books", &[], None).await.unwrap().json()
    }
}

const ACCESS_CLAIMS: (&str, &str, i64, i64) = ("accounts", "shop", 0, 4_000_000_000);

impl Service {
    async fn start(name: &str, address: SocketAddr, nats: &Nats, flags: &[&str]) -> anyhow::Result<Self> {
        Self::start_on(name, address, Postgres::shared().await?.database().await?, nats, flags).await
    }

    async fn start_on(
        name: &str,
        address: SocketAddr,
        database: String,
        nats: &Nats,
        flags: &[&str],
    ) -> anyhow::Result<Self> {
        let admin = free_address()?;
        let mut words: Vec<String> = [name, "serve"].map(str::to_owned).into();
        words.extend([format!("--listen={address}"), format!("--admin-listen={admin}")]);
        words.extend([format!("--database-url={database}"), format!("--nats-url={}", nats.url())]);
        words.extend(
            ["--queue-timeout=30s", "--request-timeout=30s", "--database-acquire-timeout=30s", "--drain-delay=0s"]
                .iter()
                .chain(&["--outbox-period=50ms"])
                .chain(flags)
                .map(|flag| (*flag).to_owned()),
        );
        let client = Client::new(format!("http://{address}"))?;
        let process = spawn(&words)?;
        let service = Self { client, address, admin, database, words, process };
        service.becomes_ready().await;
        Ok(service)
    }

    pub(crate) async fn becomes_ready(&self) {
        until(&format!("{} is ready", self.words[0]), async || {
            self.client.send("GET", "/readyz", &[], None).await.is_ok_and(|answer| answer.status == 200)
        })
        .await;
    }

    /// Its database, for another replica.
    pub(crate) fn database(&self) -> String {
        self.database.clone()
    }

    /// Ends it as kill -9 does.
    pub(crate) async fn kill(&mut self) -> anyhow::Result<()> {
        Ok(self.process.kill().await?)
    }

    /// Waits until it ended by itself.
    pub(crate) async fn ends(&mut self) -> anyhow::Result<()> {
        tokio::time::timeout(Duration::from_mins(1), self.process.wait()).await??;
        Ok(())
    }

    /// Starts it again, without the flags that begin like this.
    pub(crate) async fn revive_without(&mut self, flag: &str) -> anyhow::Result<()> {
        self.words.retain(|word| !word.starts_with(flag));
        self.process = spawn(&self.words)?;
        self.becomes_ready().await;
        Ok(())
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        token: &str,
        key: Option<&str>,
        body: Option<&Value>,
    ) -> Answer {
        let mut headers = vec![("authorization", token)];
        headers.extend(key.map(|key| ("idempotency-key", key)));
        self.client.send(method, path, &headers, body.map(Value::to_string).as_deref()).await.unwrap()
    }

    /// Does something as its administrator.
    pub(crate) async fn made(&self, path: &str, key: &str, body: &Value) -> Value {
        let answer = self.send("POST", path, ADMIN, Some(key), Some(body)).await;
        assert!(answer.status < 300, "{path}: {}", answer.text());
        answer.json()
    }

    /// Places an order, paid by a card that works.
    pub(crate) async fn place(&self, token: &str, key: &str, quote: &str) -> Answer {
        let body = json!({"quote": quote, "payment_method": "tok_ok"});
        self.send("POST", "/v1/orders", token, Some(key), Some(&body)).await
    }

    /// Places an order, and returns its path.
    pub(crate) async fn placed(&self, token: &str, key: &str, quote: &str) -> String {
        let answer = self.place(token, key, quote).await;
        assert_eq!((answer.status, answer.json()["state"].clone()), (202, json!("created")), "{}", answer.text());
        let path = format!("/v1/orders/{}", answer.json()["id"].as_str().unwrap());
        assert_eq!(answer.header("location"), path);
        path
    }

    /// How it stands with what is at this path.
    pub(crate) async fn look(&self, path: &str, token: &str) -> Value {
        self.send("GET", path, token, None, None).await.json()
    }

    /// Waits until the order at this path is in this state.
    pub(crate) async fn becomes(&self, path: &str, token: &str, state: &str) -> Value {
        until(&format!("{path} is {state}"), async || self.look(path, token).await["state"] == state).await;
        self.look(path, token).await
    }

    /// Its exposition.
    pub(crate) async fn metrics(&self) -> String {
        let client = Client::new(format!("http://{}", self.admin)).unwrap();
        client.send("GET", "/metrics", &[], None).await.unwrap().text()
    }

    /// The one number that this statement selects.
    pub(crate) async fn count(&self, statement: &'static str) -> i64 {
        let mut connection = PgConnection::connect(&self.database).await.unwrap();
        sqlx::query_scalar(statement).fetch_one(&mut connection).await.unwrap()
    }
}

fn shop() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shop"));
    command.kill_on_drop(true).stderr(Stdio::null());
    command
}

fn spawn(words: &[String]) -> std::io::Result<Child> {
    let mut command = shop();
    command.args(words);
    if words[0] != "payments" && words[0] != "psp-sim" {
        command.arg("--admin-token=admin-token");
    }
    if words[0] != "orders" {
        command.arg("--service-token=orders=orders-token,cart=cart-token");
    }
    command.spawn()
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

/// So many cents.
pub(crate) fn eur(amount: i64) -> Value {
    json!({"amount": amount, "currency": "EUR"})
}

/// The slug of a refusal with this status.
pub(crate) fn refusal(answer: &Answer, status: u16) -> String {
    assert_eq!(answer.status, status, "{}", answer.text());
    answer.problem().expect("a problem").0
}

/// A loopback address that nobody listens to.
fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// Waits for up to two minutes.
pub(crate) async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let since = Instant::now();
    while !holds().await {
        assert!(since.elapsed() < Duration::from_mins(2), "after two minutes still not: {what}");
        sleep(Duration::from_millis(50)).await;
    }
}
