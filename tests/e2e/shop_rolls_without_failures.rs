//! The catalog in pods: no request fails while it goes from 2 to 10 to 2 replicas and through a rolling update.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use loadgen::progress::Progress;
use loadgen::rate::{Level, RateModel};
use loadgen::run::{Plan, Surroundings, Verdict, run};
use loadgen::session::{Assortment, Visitors};
use loadgen::target::Target;
use test_kit::{Node, Postgres};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

const NODE_PORT: u16 = 30_180;
const PRODUCTS: u32 = 2_000;

#[tokio::test(flavor = "multi_thread")]
async fn no_request_fails_from_2_to_10_to_2_replicas_and_through_a_rolling_update() -> anyhow::Result<()> {
    let node = Node::up().await?;
    node.import(&image()?).await?;
    let postgres = Postgres::shared().await?;
    let database = Database::reachable_from_pods(&node, &postgres.database().await?).await?;
    let cluster = Cluster { namespace: node.namespace().await?, node };
    let outcome = rolls(&cluster, &database).await;
    cluster.node.kubectl(&["delete", "namespace", &cluster.namespace, "--wait=false"]).await?;
    outcome
}

async fn rolls(cluster: &Cluster, database: &Database) -> anyhow::Result<()> {
    cluster.apply(&manifests(database)).await?;
    cluster.kubectl(&["wait", "--for=condition=Complete", "job/seed", "--timeout=90s"]).await?;
    cluster.settled().await?;
    Node::opened(NODE_PORT).await?;

    let stop = CancellationToken::new();
    let load = tokio::spawn(load(stop.clone()));
    sleep(Duration::from_secs(10)).await;
    let steps: [&[&str]; 3] = [
        &["scale", "deployment/catalog", "--replicas=10"],
        &["scale", "deployment/catalog", "--replicas=2"],
        &["set", "env", "deployment/catalog", "SHOP_LOG=info,sqlx=error"],
    ];
    for step in steps {
        cluster.kubectl(step).await?;
        cluster.settled().await?;
        // Pods that leave drain for longer than the rollout waits for them.
        sleep(Duration::from_secs(10)).await;
    }
    stop.cancel();
    let verdict = load.await??;
    let summary = &verdict.targets[0];
    ensure!(summary.offered > 1_000, "too little load to mean anything: {summary:?}");
    ensure!(summary.failed.values().all(|count| *count == 0), "{summary:?}");
    Ok(())
}

/// Open-loop load until `stop`, at most four minutes.
async fn load(stop: CancellationToken) -> anyhow::Result<Verdict> {
    let rate = RateModel {
        level: Level::Flat(40.0),
        rises: Vec::new(),
        events: Vec::new(),
        anchor: 0.0,
        crawlers: 0.25,
        variation: 0.15,
    };
    let plan = Plan {
        visitors: Visitors { rate, seed: 15, think: 3.0 },
        assortment: Assortment::new(PRODUCTS, 1.0).context("products")?,
        targets: vec![Target { name: "catalog".into(), address: (Ipv4Addr::LOCALHOST, NODE_PORT).into() }],
        duration: Duration::from_secs(240),
        timeout: Duration::from_secs(10),
        slo: Duration::from_millis(200),
    };
    let around = Surroundings {
        now: jiff::Timestamp::from_second(1_790_000_000)?,
        stop,
        records: std::io::sink(),
        progress: Progress::on_stderr(false),
        exposition: None,
    };
    Ok(run(plan, around).await?)
}

/// The image archive, or how to build it.
fn image() -> anyhow::Result<PathBuf> {
    let archive = Path::new(env!("CARGO_MANIFEST_DIR")).join("../out/images/shop.tar");
    ensure!(archive.is_file(), "{} is missing: run `make image`", archive.display());
    Ok(archive)
}

/// The node and the namespace of this test.
struct Cluster {
    node: Node,
    namespace: String,
}

impl Cluster {
    async fn kubectl(&self, args: &[&str]) -> anyhow::Result<String> {
        let args: Vec<&str> = args.iter().copied().chain(["-n", &self.namespace]).collect();
        Ok(self.node.kubectl(&args).await?)
    }

    async fn apply(&self, manifests: &str) -> anyhow::Result<()> {
        let file = tempfile::NamedTempFile::with_suffix(".yaml")?;
        std::fs::write(file.path(), manifests)?;
        let path = file.path().to_str().context("a path in UTF-8")?;
        self.kubectl(&["apply", "-f", path]).await.map(drop)
    }

    async fn settled(&self) -> anyhow::Result<()> {
        self.kubectl(&["rollout", "status", "deployment/catalog", "--timeout=120s"]).await.map(drop)
    }
}

/// A database of the host's PostgreSQL, with an address of its own on the pods' side of the host.
struct Database {
    name: String,
    address: SocketAddr,
}

impl Database {
    async fn reachable_from_pods(node: &Node, url: &str) -> anyhow::Result<Self> {
        let (server, name) = url.rsplit_once('/').context("a database URL")?;
        let server = server.rsplit_once('@').context("a database URL")?.1;
        Ok(Self { name: name.to_owned(), address: node.open_to_pods(server).await? })
    }
}

fn manifests(database: &Database) -> String {
    include_str!("shop_rolls_without_failures.yaml")
        .replace("DATABASE_NAME", &database.name)
        .replace("DATABASE_PORT", &database.address.port().to_string())
        .replace("DATABASE_HOST", &database.address.ip().to_string())
        .replace("NODE_PORT", &NODE_PORT.to_string())
        .replace("PRODUCTS", &PRODUCTS.to_string())
}
