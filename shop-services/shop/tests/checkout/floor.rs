//! What every test stands on: services as processes, a broker, and who signs customers' tokens.

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Deref;
use std::path::Path;
use std::time::Duration;

use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use presale_shop::{Launch, Secrets, Wiring};
use serde_json::{Value, json};
use shop_kit::access::{ACCESS_TYPE, AccessClaims};
use shop_kit::signature::Signer;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use test_kit::{Answer, Nats, Postgres, free_address};
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

/// What services call their administrator.
pub(crate) const ADMIN: &str = "Bearer admin-token";

/// A service as a process of its own, with its own database; killed when dropped.
pub(crate) struct Service {
    running: presale_shop::Service,
}

/// A broker, and whoever signs customers' tokens and publishes the key that checks them.
pub(crate) struct Floor {
    pub(crate) nats: Nats,
    pub(crate) wiring: Wiring,
    signer: Signer,
}

const ACCESS_CLAIMS: (&str, &str, i64, i64) = ("accounts", "shop", 0, 4_000_000_000);
/// On a busy machine answers may be late, but none may be refused; and nobody balances in front.
const PATIENT: [&str; 5] = [
    "--queue-timeout=30s",
    "--request-timeout=30s",
    "--database-acquire-timeout=30s",
    "--drain-delay=0s",
    "--outbox-period=50ms",
];

impl Floor {
    pub(crate) async fn lay() -> anyhow::Result<Self> {
        let signer = Signer::new(&URL_SAFE_NO_PAD.encode([7; 32]).parse()?, ACCESS_TYPE)?;
        let nats = Nats::start().await?;
        let mut wiring = Wiring::new(nats.url(), Secrets::known());
        wiring.issuer = Some(publish(&signer).await?);
        Ok(Self { nats, wiring, signer })
    }

    /// Starts cart on an empty database, with a pricing that is away unless the wiring or a flag says where it is.
    pub(crate) async fn cart(&self, flags: &[&str]) -> anyhow::Result<Service> {
        Service::start("cart", free_address()?, self, flags).await
    }

    /// Starts recommendations on an empty database.
    pub(crate) async fn recommendations(&self, flags: &[&str]) -> anyhow::Result<Service> {
        let words = [&["--train-check-period=100ms"], flags].concat();
        Service::start("recommendations", free_address()?, self, &words).await
    }

    /// From now on services believe whoever publishes keys here.
    pub(crate) fn believes(&mut self, issuer: SocketAddr) {
        self.wiring.issuer = Some(issuer);
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
}

impl Deref for Service {
    type Target = presale_shop::Service;

    fn deref(&self) -> &presale_shop::Service {
        &self.running
    }
}

impl Service {
    pub(crate) async fn start(name: &str, address: SocketAddr, floor: &Floor, flags: &[&str]) -> anyhow::Result<Self> {
        Self::start_on(name, address, Postgres::shared().await?.database().await?, floor, flags).await
    }

    pub(crate) async fn start_on(
        name: &str,
        address: SocketAddr,
        database: String,
        floor: &Floor,
        flags: &[&str],
    ) -> anyhow::Result<Self> {
        let flags = PATIENT.iter().chain(flags).map(|flag| (*flag).to_owned()).collect();
        let launch = Launch { program: shop(), name, address, database: Some(database), flags };
        Ok(Self { running: presale_shop::Service::start(launch, &floor.wiring).await? })
    }

    /// Ends it as kill -9 does.
    pub(crate) fn kill(&mut self) -> anyhow::Result<()> {
        Ok(self.running.kill()?)
    }

    /// Waits until it ended by itself.
    pub(crate) async fn ends(&mut self) -> anyhow::Result<()> {
        self.running.ends().await?;
        Ok(())
    }

    /// Starts it again, without the flags that begin like this.
    pub(crate) async fn revive_without(&mut self, flag: &str) -> anyhow::Result<()> {
        Ok(self.running.revive_without(flag).await?)
    }

    #[expect(clippy::too_many_arguments, reason = "a request is made of these")]
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
        self.running.metrics().await.unwrap()
    }

    /// The one number that this statement selects.
    pub(crate) async fn count(&self, statement: &'static str) -> i64 {
        let mut connection = PgConnection::connect(&self.database()).await.unwrap();
        sqlx::query_scalar(statement).fetch_one(&mut connection).await.unwrap()
    }

    /// The tables that say this anywhere; those of events are not asked, which go when they are old.
    pub(crate) async fn tables_with(&self, text: &str) -> Vec<String> {
        let mut connection = PgConnection::connect(&self.database()).await.unwrap();
        let tables = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' AND tablename NOT IN ('inbox', 'outbox')";
        let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut connection).await.unwrap();
        let mut found = Vec::new();
        for table in tables {
            let statement = format!("SELECT count(*) FROM {table} t WHERE position($1 IN t::text) > 0");
            let count = sqlx::query_scalar::<_, i64>(AssertSqlSafe(statement)).bind(text);
            if count.fetch_one(&mut connection).await.unwrap() > 0 {
                found.push(table);
            }
        }
        found.sort_unstable();
        found
    }
}

/// The program.
pub(crate) fn shop() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_shop"))
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

/// Waits for up to two minutes.
pub(crate) async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let since = Instant::now();
    while !holds().await {
        assert!(since.elapsed() < Duration::from_mins(2), "after two minutes still not: {what}");
        sleep(Duration::from_millis(50)).await;
    }
}
