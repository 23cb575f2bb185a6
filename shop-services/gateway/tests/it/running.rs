//! A running gateway with its files, and a client that speaks to it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::bail;
use clap::Parser;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use shop_gateway::{Command, GatewayError, ServeConfig};
use shop_kit::{Clock, World};
use tempfile::TempDir;
use test_kit::{Answer, Client, free_address};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// Seconds since 1970 at which every gateway of a test believes to be.
pub(crate) const NOW: i64 = 1_800_000_000;
/// The token of administrators.
pub(crate) const ADMIN: &str = "Bearer let-me-in";

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    serve: ServeConfig,
}

/// One gateway; it stops when dropped.
pub(crate) struct Gateway {
    pub(crate) client: Client,
    pub(crate) public: SocketAddr,
    admin: Client,
    stop: CancellationToken,
    task: JoinHandle<Result<(), GatewayError>>,
}

/// The files of one or more gateways.
pub(crate) struct Files {
    folder: TempDir,
}

impl Files {
    /// Routes as given, and an endpoint for each of these services.
    pub(crate) fn new(routes: &str, services: &[(&str, &[SocketAddr])]) -> Self {
        let files = Self { folder: tempfile::tempdir().unwrap() };
        files.write("routes.toml", routes);
        files.register(services);
        files
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file as a careful hand does: whole or not at all.
    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path("new"), text).unwrap();
        std::fs::rename(self.path("new"), self.path(name)).unwrap();
    }

    /// These are the endpoints from now on.
    pub(crate) fn register(&self, services: &[(&str, &[SocketAddr])]) {
        let line = |(name, addresses): &(&str, &[SocketAddr])| {
            let quoted: Vec<String> = addresses.iter().map(|address| format!("\"{address}\"")).collect();
            format!("{name} = [{}]\n", quoted.join(", "))
        };
        self.write("endpoints.toml", &services.iter().map(line).collect::<String>());
    }

    /// Starts a gateway that reads them.
    pub(crate) async fn gateway(&self, flags: &[&str]) -> Gateway {
        let registry = format!("--endpoints={}", self.path("endpoints.toml").display());
        self.start(&[&[registry.as_str()], flags].concat()).await
    }

    /// Starts a gateway that reads the routes, and its endpoints from elsewhere.
    pub(crate) async fn start(&self, flags: &[&str]) -> Gateway {
        Gateway::start(self, flags).await.expect("the gateway starts")
    }
}

impl Gateway {
    async fn start(files: &Files, flags: &[&str]) -> anyhow::Result<Self> {
        let [public, admin] = [free_address()?, free_address()?];
        let mut args = vec!["gateway".to_owned(), format!("--listen={public}"), format!("--admin-listen={admin}")];
        args.push(format!("--routes={}", files.path("routes.toml").display()));
        let own = ["--drain-delay=0s", "--drain-timeout=30s", "--watch-period=50ms", "--admin-token=let-me-in"];
        args.extend(own.iter().chain(flags).map(|flag| (*flag).to_owned()));
        // On a busy machine answers may be late, but none is refused for that unless a test wants it.
        let calm = ["--request-timeout=60s", "--queue-timeout=60s", "--token-keys-url=http://127.0.0.1:1"];
        for flag in calm {
            let name = flag.split('=').next().unwrap_or(flag);
            if !flags.iter().any(|given| given.starts_with(name)) {
                args.push(flag.to_owned());
            }
        }
        let serve = Flags::try_parse_from(args)?.serve;
        let stop = CancellationToken::new();
        let world = World {
            started: Instant::now(),
            stop: stop.clone(),
            clock: Clock::new(|| jiff::Timestamp::from_second(NOW).unwrap_or_default()),
            random: ChaCha8Rng::seed_from_u64(u64::from(public.port())),
        };
        let task = tokio::spawn(shop_gateway::run(Command::Serve(Box::new(serve)), world));
        let (client, admin) = (Client::new(format!("http://{public}"))?, Client::new(format!("http://{admin}"))?);
        let gateway = Self { client, public, admin, stop, task };
        for _ in 0..1_200 {
            if gateway.task.is_finished() {
                bail!("the gateway ended while it started");
            }
            if gateway.admin.send("GET", "/readyz", &[], None).await.is_ok_and(|answer| answer.status == 200) {
                return Ok(gateway);
            }
            sleep(Duration::from_millis(25)).await;
        }
        bail!("the gateway was not ready within 30 s")
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.client.send("GET", path, &[], None).await.unwrap()
    }

    pub(crate) async fn metrics(&self) -> String {
        self.admin.send("GET", "/metrics", &[], None).await.unwrap().text()
    }

    /// The value of a series, as its line begins; `None` where there is none.
    pub(crate) async fn metric(&self, series: &str) -> Option<f64> {
        let text = self.metrics().await;
        text.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok())
    }

    /// Tells it to stop; it still finishes what it has.
    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }

    /// Waits for its end.
    pub(crate) async fn ended(mut self) -> Result<(), GatewayError> {
        self.stop.cancel();
        (&mut self.task).await.expect("no panic")
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Waits for up to a minute.
pub(crate) async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let since = Instant::now();
    while !holds().await {
        assert!(since.elapsed() < Duration::from_mins(1), "after a minute still not: {what}");
        sleep(Duration::from_millis(20)).await;
    }
}
