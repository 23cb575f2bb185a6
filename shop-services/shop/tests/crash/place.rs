//! Where everything is, while processes come and go.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use sqlx::{Connection, PgConnection};
use test_kit::{Client, Nats, Postgres, free_address};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

/// The address, the database and the broker of a service, and a client that does not give up.
pub(crate) struct Place {
    pub(crate) address: SocketAddr,
    admin: SocketAddr,
    database: String,
    nats: Nats,
    pub(crate) client: Client,
}

impl Place {
    pub(crate) async fn make() -> anyhow::Result<Self> {
        let [address, admin] = [free_address()?, free_address()?];
        let client = Client::new(format!("http://{address}"))?;
        let database = Postgres::shared().await?.database().await?;
        Ok(Self { address, admin, database, nats: Nats::start().await?, client })
    }

    /// Starts `shop` with these words and waits until the service is ready; killed when dropped.
    pub(crate) async fn serve(&self, words: &[&str]) -> anyhow::Result<Child> {
        let process = Command::new(env!("CARGO_BIN_EXE_shop"))
            .args(words)
            .args(["--queue-timeout=30s", "--request-timeout=30s", "--database-acquire-timeout=30s"])
            .arg("--outbox-period=50ms")
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
    pub(crate) async fn insist(&self, path: &str, token: &str, key: &str, body: &Value) -> Value {
        let since = Instant::now();
        let token = format!("Bearer {token}");
        let headers = [("authorization", token.as_str()), ("idempotency-key", key)];
        loop {
            match self.client.send("POST", path, &headers, Some(&body.to_string())).await {
                Ok(answer) if answer.status < 300 => return answer.json(),
                // The first try still runs, or the database says goodbye to the killed one.
                Ok(answer) => assert!([409, 503, 500].contains(&answer.status), "{key}: {}", answer.text()),
                Err(_) => {} // killed
            }
            assert!(since.elapsed() < Duration::from_mins(2), "{key} is not answered");
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// The one number that this statement selects.
    pub(crate) async fn count(&self, statement: &'static str) -> i64 {
        let mut connection = PgConnection::connect(&self.database).await.unwrap();
        sqlx::query_scalar(statement).fetch_one(&mut connection).await.unwrap()
    }
}

/// Waits for up to two minutes.
pub(crate) async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let since = Instant::now();
    while !holds().await {
        assert!(since.elapsed() < Duration::from_mins(2), "after two minutes still not: {what}");
        sleep(Duration::from_millis(50)).await;
    }
}
