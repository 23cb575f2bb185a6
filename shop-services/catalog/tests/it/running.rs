//! A running catalog on its own database, and a client that speaks to it.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Parser;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde_json::Value;
use shop_catalog::{CatalogError, Command, ServeConfig};
use shop_kit::{Clock, World};
use test_kit::{Postgres, free_address};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

pub(crate) const TOKEN: &str = "let-me-in";

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    serve: ServeConfig,
}

/// One catalog; it stops when dropped.
pub(crate) struct Catalog {
    pub(crate) database_url: String,
    pub(crate) stop: CancellationToken,
    public: SocketAddr,
    admin: SocketAddr,
    client: Client<HttpConnector, Full<axum::body::Bytes>>,
    task: JoinHandle<Result<(), CatalogError>>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&self.body)))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap_or_default())
    }

    /// Asserts a problem+json with this status and slug.
    pub(crate) fn is_problem(&self, status: u16, slug: &str) -> String {
        let body = self.json();
        assert_eq!((self.status, self.header("content-type")), (status, "application/problem+json"), "{body}");
        assert_eq!(body["type"], format!("https://presale.dev/problems/{slug}"), "{body}");
        body["detail"].as_str().unwrap_or_default().to_owned()
    }
}

/// Starts a catalog on an empty database of the shared server.
pub(crate) async fn start() -> anyhow::Result<Catalog> {
    start_on(&Postgres::shared().await?.database().await?, &[]).await
}

/// Starts a catalog with the first `count` products of the demonstration assortment.
pub(crate) async fn start_seeded(count: u32) -> anyhow::Result<Catalog> {
    let catalog = start().await?;
    catalog.seed(count).await?;
    Ok(catalog)
}

/// Starts a catalog on this database, with more flags.
pub(crate) async fn start_on(database_url: &str, flags: &[&str]) -> anyhow::Result<Catalog> {
    let [public, admin] = [free_address()?, free_address()?];
    let mut args = vec!["catalog".to_owned(), format!("--listen={public}"), format!("--admin-listen={admin}")];
    args.extend([format!("--database-url={database_url}"), format!("--admin-token={TOKEN}")]);
    args.extend(flags.iter().map(|f| (*f).to_owned()));
    for (name, value) in [("--drain-delay", "300ms"), ("--drain-timeout", "10s")] {
        if !flags.iter().any(|f| f.starts_with(name)) {
            args.push(format!("{name}={value}"));
        }
    }
    let serve = Flags::try_parse_from(args)?.serve;
    let stop = CancellationToken::new();
    let world = World {
        started: Instant::now(),
        stop: stop.clone(),
        clock: Clock::new(|| jiff::Timestamp::from_second(1_800_000_000).unwrap_or_default()),
        random: ChaCha8Rng::seed_from_u64(u64::from(public.port())),
    };
    let task = tokio::spawn(shop_catalog::run(Command::Serve(Box::new(serve)), world));
    let client = Client::builder(TokioExecutor::new()).build_http();
    let catalog = Catalog { database_url: database_url.to_owned(), stop, public, admin, client, task };
    catalog.wait_until_ready().await?;
    Ok(catalog)
}

impl Catalog {
    async fn wait_until_ready(&self) -> anyhow::Result<()> {
        for _ in 0..600 {
            if self.task.is_finished() {
                bail!("the catalog ended while it started");
            }
            if self.send("GET", "/readyz", &[], "").await.is_ok_and(|a| a.status == 200) {
                return Ok(());
            }
            sleep(Duration::from_millis(50)).await;
        }
        bail!("the catalog was not ready within 30 s")
    }

    pub(crate) async fn seed(&self, count: u32) -> anyhow::Result<u64> {
        let config = Flags::try_parse_from(["seed", &format!("--database-url={}", self.database_url)])?.serve.database;
        let metrics = shop_metrics::ShopMetrics::new(&shop_catalog::serve::BUILD, shop_kit::process::ThisProcess);
        let database = shop_kit::Database::connect(&config, metrics.database.clone()).await?;
        let written = shop_catalog::seed::write(&database, count, 1).await?;
        database.close().await;
        Ok(written)
    }

    pub(crate) fn public(&self) -> SocketAddr {
        self.public
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], "").await.expect("an answer")
    }

    pub(crate) async fn admin(&self, method: &str, path: &str, if_match: Option<&str>, body: &str) -> Answer {
        let token = format!("Bearer {TOKEN}");
        let mut headers = vec![("authorization", token.as_str()), ("content-type", "application/json")];
        headers.extend(if_match.map(|tag| ("if-match", tag)));
        self.send(method, path, &headers, body).await.expect("an answer")
    }

    pub(crate) async fn metrics(&self) -> String {
        let request = http::Request::get(format!("http://{}/metrics", self.admin));
        let answer = self.exchange(request.body(Full::default()).expect("a request")).await.expect("an answer");
        assert_eq!(answer.header("content-type"), shop_kit::admin::OPENMETRICS);
        String::from_utf8(answer.body).expect("text")
    }

    pub(crate) async fn admin_readyz(&self) -> Answer {
        let request = http::Request::get(format!("http://{}/readyz", self.admin));
        self.exchange(request.body(Full::default()).expect("a request")).await.expect("an answer")
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> anyhow::Result<Answer> {
        let mut request = http::Request::builder().method(method).uri(format!("http://{}{path}", self.public));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.exchange(request.body(Full::from(body.to_owned()))?).await
    }

    async fn exchange(&self, request: http::Request<Full<axum::body::Bytes>>) -> anyhow::Result<Answer> {
        let response = self.client.request(request).await?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await?.to_bytes().to_vec();
        Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body })
    }

    /// Tells the service to stop and waits for its end.
    pub(crate) async fn stopped(mut self) -> Result<(), CatalogError> {
        self.stop.cancel();
        (&mut self.task).await.context("the task ends").expect("no panic")
    }
}

impl Drop for Catalog {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
