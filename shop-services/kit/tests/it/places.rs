//! Databases with the shared tables, a broker, and patience.

use std::time::Duration;

use clap::Parser;
use shop_kit::config::{BrokerConfig, DatabaseConfig};
use shop_kit::process::ThisProcess;
use shop_kit::schema::{EVENTS, IDEMPOTENCY, migration};
use shop_kit::{Database, broker::Broker};
use shop_metrics::{Build, Events, ShopMetrics};
use test_kit::{Nats, Postgres};
use tokio::time::{Instant, sleep};

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    database: DatabaseConfig,
    #[command(flatten)]
    broker: BrokerConfig,
}

/// A database of one service, with its metrics.
pub(crate) struct Place {
    pub(crate) database: Database,
    pub(crate) events: Events,
    pub(crate) metrics: ShopMetrics,
}

fn flags(database: &str, nats: &str) -> anyhow::Result<Flags> {
    let args = [
        "test",
        &format!("--database-url={database}"),
        "--database-connections=16",
        "--database-acquire-timeout=30s",
        &format!("--nats-url={nats}"),
        "--duplicate-window=1s",
    ];
    Ok(Flags::try_parse_from(args)?)
}

/// An empty database with the shared tables.
pub(crate) async fn place() -> anyhow::Result<Place> {
    let url = Postgres::shared().await?.database().await?;
    let mut metrics = ShopMetrics::new(&Build { service_name: "test", version: "0" }, ThisProcess);
    let events = Events::register(&mut metrics);
    let database = Database::connect(&flags(&url, "nats://127.0.0.1:1")?.database, metrics.database.clone()).await?;
    database.migrate(vec![migration(1, "idempotency", IDEMPOTENCY), migration(2, "events", EVENTS)]).await?;
    Ok(Place { database, events, metrics })
}

/// A connection to this server, with a duplicate window of a second.
pub(crate) async fn broker(nats: &Nats) -> anyhow::Result<Broker> {
    Ok(Broker::connect(&flags("postgres://nobody@127.0.0.1:1/none", &nats.url())?.broker, "test").await?)
}

impl Place {
    /// The one number that this statement selects.
    pub(crate) async fn count(&self, statement: &'static str) -> i64 {
        let mut connection = self.database.connection().await.unwrap();
        sqlx::query_scalar(statement).fetch_one(&mut *connection).await.unwrap()
    }

    /// Runs statements.
    pub(crate) async fn run(&self, statements: &'static str) {
        let mut connection = self.database.connection().await.unwrap();
        sqlx::raw_sql(statements).execute(&mut *connection).await.unwrap();
    }
}

/// Waits for up to a minute.
pub(crate) async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let since = Instant::now();
    while !holds().await {
        assert!(since.elapsed() < Duration::from_mins(1), "after a minute still not: {what}");
        sleep(Duration::from_millis(30)).await;
    }
}
