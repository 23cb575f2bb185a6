//! Where everything is, while processes come and go.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use presale_shop::{Launch, Secrets, Service, Wiring};
use serde_json::Value;
use sqlx::{Connection, PgConnection};
use test_kit::{Client, Nats, Postgres, free_address};
use tokio::time::{Instant, sleep};

/// The address, the database and the broker of a service, and a client that does not give up.
pub(crate) struct Place {
    pub(crate) address: SocketAddr,
    database: String,
    wiring: Wiring,
    pub(crate) client: Client,
    _nats: Nats,
}

/// On a busy machine answers may be late, but none may be refused.
const PATIENT: [&str; 4] =
    ["--queue-timeout=30s", "--request-timeout=30s", "--database-acquire-timeout=30s", "--outbox-period=50ms"];

impl Place {
    pub(crate) async fn make() -> anyhow::Result<Self> {
        Self::make_on(Postgres::shared().await?.database().await?).await
    }

    /// On a database of its own.
    pub(crate) async fn make_on(database: String) -> anyhow::Result<Self> {
        let address = free_address()?;
        let client = Client::new(format!("http://{address}"))?;
        let nats = Nats::start().await?;
        Ok(Self { address, database, wiring: Wiring::new(nats.url(), Secrets::known()), client, _nats: nats })
    }

    /// Starts this service and waits until it is ready; killed when dropped.
    pub(crate) async fn serve(&self, name: &str, flags: &[&str]) -> anyhow::Result<Service> {
        let flags = PATIENT.iter().chain(flags).map(|flag| (*flag).to_owned()).collect();
        let (program, database) = (Path::new(env!("CARGO_BIN_EXE_shop")), Some(self.database.clone()));
        Service::start(Launch { program, name, address: self.address, database, flags }, &self.wiring).await
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
