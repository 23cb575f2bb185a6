//! Real processes of the one binary: start, serve, drain on SIGTERM and exit 0, with no request lost on the way.

#![expect(clippy::expect_used, reason = "a test that cannot go on fails")]

use std::net::{Ipv4Addr, SocketAddr};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use loadgen::progress::Progress;
use loadgen::rate::{Level, RateModel};
use loadgen::run::{Plan, Surroundings, Verdict, run};
use loadgen::session::{Assortment, Visitors};
use loadgen::target::Target;
use test_kit::{Postgres, free_address};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

const PRODUCTS: u32 = 500;

/// A process `shop catalog serve`, killed when dropped.
struct Server {
    process: Child,
    public: SocketAddr,
}

fn shop() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shop"));
    command.kill_on_drop(true).stderr(Stdio::null());
    command
}

impl Server {
    async fn start(database_url: &str) -> anyhow::Result<Self> {
        Self::start_traced(database_url, None).await
    }

    /// With spans sent to a collector, where one is given.
    async fn start_traced(database_url: &str, collector: Option<SocketAddr>) -> anyhow::Result<Self> {
        let public = free_address()?;
        let process = shop()
            .args(["catalog", "serve", "--drain-delay=1s", "--drain-timeout=30s"])
            // On a busy machine answers may be late here, but none may be refused.
            .args(["--queue-timeout=30s", "--request-timeout=60s", "--database-acquire-timeout=30s"])
            .arg(format!("--listen={public}"))
            .arg(format!("--admin-listen={}", free_address()?))
            .args(collector.map(|c| format!("--otlp-endpoint=http://{c}")))
            .env("SHOP_DATABASE_URL", database_url)
            .spawn()?;
        let ready = async {
            while TcpStream::connect(public).await.is_err() {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(Duration::from_secs(30), ready).await?;
        Ok(Self { process, public })
    }

    async fn terminate(&self) -> anyhow::Result<()> {
        let pid = self.process.id().expect("it runs").to_string();
        anyhow::ensure!(Command::new("kill").args(["-TERM", &pid]).status().await?.success());
        Ok(())
    }

    async fn exit(mut self) -> anyhow::Result<ExitStatus> {
        Ok(timeout(Duration::from_secs(40), self.process.wait()).await??)
    }
}

/// What kube-proxy does: new connections go to the present backend, established ones stay where they are.
async fn proxy(backend: watch::Receiver<SocketAddr>) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let to = *backend.borrow();
            tokio::spawn(async move {
                if let Ok(mut server) = TcpStream::connect(to).await {
                    let _ = copy_bidirectional(&mut client, &mut server).await;
                }
            });
        }
    });
    Ok(address)
}

async fn load(addresses: &[SocketAddr], seconds: u64) -> anyhow::Result<Verdict> {
    let rate = RateModel {
        level: Level::Flat(12.0),
        rises: Vec::new(),
        events: Vec::new(),
        anchor: 0.0,
        crawlers: 0.25,
        variation: 0.15,
    };
    let plan = Plan {
        visitors: Visitors { rate, seed: 11, think: 1.0 },
        assortment: Assortment::new(PRODUCTS, 1.0).expect("products"),
        targets: addresses.iter().map(|a| Target { name: a.port().to_string(), address: *a }).collect(),
        duration: Duration::from_secs(seconds),
        timeout: Duration::from_mins(1),
        slo: Duration::from_millis(200),
    };
    let around = Surroundings {
        now: jiff::Timestamp::from_second(1_790_000_000)?,
        stop: CancellationToken::new(),
        records: std::io::sink(),
        progress: Progress::Silent,
        exposition: None,
    };
    Ok(run(plan, around).await?)
}

async fn seeded() -> anyhow::Result<String> {
    let url = Postgres::shared().await?.database().await?;
    let mut seed = shop();
    seed.args(["catalog", "seed", "--count", &PRODUCTS.to_string()]).env("SHOP_DATABASE_URL", &url);
    anyhow::ensure!(seed.status().await?.success(), "seed");
    Ok(url)
}

#[tokio::test]
async fn one_replica_replaces_another_under_load_and_no_request_fails() -> anyhow::Result<()> {
    let url = seeded().await?;
    let old = Server::start(&url).await?;
    let (backend, watched) = watch::channel(old.public);
    let address = proxy(watched).await?;
    let load = tokio::spawn(async move { load(&[address], 9).await });
    sleep(Duration::from_secs(2)).await;
    let new = Server::start(&url).await?;
    // As in a cluster, the signal and the end of new connections are not simultaneous.
    old.terminate().await?;
    sleep(Duration::from_millis(400)).await;
    backend.send(new.public)?;
    assert!(old.exit().await?.success(), "a drained service exits 0");
    let verdict = load.await??;
    let summary = &verdict.targets[0];
    assert!(summary.offered > 50, "{summary:?}");
    assert_eq!(summary.ok, summary.offered, "{summary:?}");
    new.terminate().await?;
    assert!(new.exit().await?.success());
    Ok(())
}

#[tokio::test]
async fn a_wrong_flag_or_database_is_said_in_words_and_exits_unsuccessfully() -> anyhow::Result<()> {
    let output = shop()
        .args(["catalog", "migrate", "--database-connect-timeout=300ms"])
        .env("SHOP_DATABASE_URL", "postgres://nobody:hunter2@127.0.0.1:1/none")
        .stderr(Stdio::piped())
        .output()
        .await?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    assert!(said.contains("the database did not accept a connection within 300ms"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    Ok(())
}

#[tokio::test]
async fn two_targets_get_the_same_sessions_and_a_dead_one_costs_the_other_nothing() -> anyhow::Result<()> {
    let url = seeded().await?;
    let server = Server::start(&url).await?;
    let verdict = load(&[server.public, free_address()?], 3).await?;
    let [alive, dead] = verdict.targets.as_slice() else { panic!("{verdict:?}") };
    assert_eq!(alive.offered, dead.offered);
    assert_eq!((alive.ok, dead.failed["connect"]), (alive.offered, dead.offered));
    Ok(())
}

#[tokio::test]
async fn spans_reach_the_collector_under_the_trace_of_the_caller_before_the_process_ends() -> anyhow::Result<()> {
    let url = seeded().await?;
    let collector = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let server = Server::start_traced(&url, Some(collector.local_addr()?)).await?;
    let mut caller = TcpStream::connect(server.public).await?;
    let traced = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    caller.write_all(format!("GET /v1/products HTTP/1.0\r\nhost: shop\r\n{traced}\r\n\r\n").as_bytes()).await?;
    let mut answer = Vec::new();
    caller.read_to_end(&mut answer).await?;
    assert!(answer.starts_with(b"HTTP/1.0 200"), "{}", String::from_utf8_lossy(&answer));

    server.terminate().await?;
    let (mut export, _) = timeout(Duration::from_secs(20), collector.accept()).await??;
    let trace = 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128.to_be_bytes();
    let mut sent = Vec::new();
    let arrived = async {
        while !sent.windows(trace.len()).any(|window| window == trace) {
            anyhow::ensure!(export.read_buf(&mut sent).await? > 0, "the export ended without the trace");
        }
        Ok(())
    };
    timeout(Duration::from_secs(10), arrived).await??;
    assert!(sent.starts_with(b"POST /v1/traces "), "{}", String::from_utf8_lossy(&sent));
    export.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await?;
    assert!(server.exit().await?.success());
    Ok(())
}
