//! The whole shop as pods on the node: by its chart, on a PostgreSQL and a NATS of this machine, run by Presale.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use jiff::Timestamp;
use serde_json::{Value, json};
use test_kit::{Client, Nats, Node, Postgres, scratch_folder};
use tokio::time::{Instant, sleep};

use crate::goods::{self, Sellers};
use crate::places::Places;
use crate::wiring::{NAMES, Secrets};

/// Longest that services may take to be Ready, and the gateway to have its routes.
const OPENS: Duration = Duration::from_mins(2);

/// Services that a promotion of the whole shop reaches, those that are called before those that call them, and how long
/// before it is needed each begins to grow: so is each ready before more is asked of it.
pub const PROMOTED: [(&str, &str); 5] =
    [("payments", "30s"), ("orders", "26s"), ("cart", "22s"), ("catalog", "18s"), ("gateway", "14s")];
/// Thousandths of a processor that one replica of each asks for in a [`small`] shop.
const CPU: [(&str, u32); 10] = [
    ("gateway", 30),
    ("accounts", 30),
    ("catalog", 30),
    ("pricing", 20),
    ("inventory", 20),
    ("cart", 20),
    ("orders", 20),
    ("payments", 20),
    ("recommendations", 20),
    ("notifications", 20),
];
/// Label of every pod that Presale runs, with its service.
const SERVICE: &str = "presale.dev/service";

/// Values of a shop for a node of two processors: one replica of each service, four at most.
pub fn small() -> Value {
    let mut services = json!({});
    for (service, cpu) in CPU {
        services[service] = json!({"min": 1, "max": 4, "cpu": format!("{cpu}m")});
    }
    for (service, before) in PROMOTED {
        services[service]["leadTime"] = json!(before);
    }
    json!({"services": services})
}

/// Where a shop is to be, and of what kind.
#[derive(Debug)]
pub struct Lot<'a> {
    /// The node; Presale runs on it, and the shop's image is there as `localhost/shop:dev`.
    pub node: &'a Node,
    /// Namespace that is the shop's alone.
    pub namespace: &'a str,
    /// The way in, on 127.0.0.1.
    pub node_port: u16,
    /// Products in the catalog.
    pub products: u32,
    /// What must not be known.
    pub secrets: &'a Secrets,
    /// Further values of the chart, such as `services`.
    pub values: Value,
}

/// A shop that is open; database and broker end with it, pods with their namespace.
#[derive(Debug)]
pub struct PodShop {
    /// The gateway's way in.
    pub gateway: SocketAddr,
    /// What it sells.
    pub skus: Vec<String>,
    /// Products that its SKUs belong to.
    pub products: u32,
    /// File that says where databases, broker and provider are; only its owner may read it.
    pub places: PathBuf,
    node: Node,
    namespace: String,
    _nats: Nats,
    _postgres: Postgres,
}

impl PodShop {
    /// Opens it: half a minute on a quiet machine.
    ///
    /// # Errors
    /// Where a part is missing or does not become ready, in its own words.
    pub async fn install(lot: Lot<'_>) -> anyhow::Result<Self> {
        let (postgres, nats) = tokio::try_join!(Postgres::start(), Nats::start())?;
        let databases = lot.secrets.databases(&postgres).await?;
        release(&lot, &postgres, &nats).await?;
        let wait = format!("--timeout={}s", OPENS.as_secs());
        let ready = ["wait", "shopservices", "--all", "--for=condition=Ready", &wait, "-n", lot.namespace];
        lot.node.kubectl(&ready).await?;
        lot.node.kubectl(&["rollout", "status", "deployment/psp-sim", &wait, "-n", lot.namespace]).await?;
        Node::opened(lot.node_port).await?;

        let gateway: SocketAddr = (Ipv4Addr::LOCALHOST, lot.node_port).into();
        let client = Client::new(format!("http://{gateway}"))?;
        has_routes(&client, &lot.secrets.admin).await?;
        let sellers = Sellers { catalog: &client, pricing: &client, inventory: &client };
        let skus = goods::deliver(sellers, &lot.secrets.admin).await?;
        let broker = nats.url();
        let places = Places {
            gateway: format!("http://{gateway}"),
            broker: &broker,
            provider: inside(&lot, "psp-sim", 8090).await?,
            databases: &databases,
            services: BTreeMap::from([("pricing", inside(&lot, "pricing", 8080).await?)]),
        };
        let places = places.write()?;
        let (node, namespace) = (lot.node.clone(), lot.namespace.to_owned());
        Ok(Self { gateway, skus, products: lot.products, places, node, namespace, _nats: nats, _postgres: postgres })
    }

    /// Seconds by which the `floor`-th pod of each promoted service was Ready before `start`, in the order of
    /// [`PROMOTED`]; `None` where so many are not Ready.
    ///
    /// # Errors
    /// Where the API server does not answer as it should.
    pub async fn ready_before(&self, floor: usize, start: Timestamp) -> anyhow::Result<Vec<Option<i64>>> {
        let listed = self.node.kubectl(&["get", "pods", "-l", SERVICE, "-o", "json", "-n", &self.namespace]).await?;
        let listed: Value = serde_json::from_str(&listed)?;
        let pods = listed["items"].as_array().context("a list of pods")?;
        let of = |service: &str| {
            let mine = pods.iter().filter(|pod| pod["metadata"]["labels"][SERVICE] == service);
            let mut since: Vec<Timestamp> = mine.filter_map(ready_since).collect();
            since.sort_unstable();
            Some(start.duration_since(*since.get(floor.checked_sub(1)?)?).as_secs())
        };
        Ok(PROMOTED.iter().map(|(service, _)| of(service)).collect())
    }

    /// When `operator` scaled each promoted service for the first time since `since`, in the order of [`PROMOTED`]; `None`
    /// where it did not.
    ///
    /// # Errors
    /// Where the audit log of the API server cannot be read.
    pub fn ordered(&self, operator: &str, since: Timestamp) -> anyhow::Result<Vec<Option<Timestamp>>> {
        let written = self.node.audit().writes()?.by_user(operator).in_namespace(&self.namespace);
        let scaled = written.filter(|entry| entry.resource.ends_with("/scale") && entry.at >= since);
        let of = |service: &str| scaled.iter().filter(|entry| entry.name == service).map(|entry| entry.at).min();
        Ok(PROMOTED.iter().map(|(service, _)| of(service)).collect())
    }
}

/// Since when a pod has been Ready.
fn ready_since(pod: &Value) -> Option<Timestamp> {
    let conditions = pod["status"]["conditions"].as_array()?;
    let ready = conditions.iter().find(|condition| condition["type"] == "Ready" && condition["status"] == "True")?;
    ready["lastTransitionTime"].as_str()?.parse().ok()
}

/// Installs the chart; its hook fills the catalog.
async fn release(lot: &Lot<'_>, postgres: &Postgres, nats: &Nats) -> anyhow::Result<()> {
    let url = postgres.url();
    let server = url.rsplit_once('/').and_then(|(server, _)| server.rsplit_once('@')).context("a database URL")?.1;
    let server = lot.node.open_to_pods(server).await?;
    let broker = lot.node.open_to_pods(nats.url().trim_start_matches("nats://")).await?;
    let folder = scratch_folder("chart")?;
    let (own, more) = (folder.join("own.json"), folder.join("more.json"));
    write(&own, &values(lot, server, broker))?;
    write(&more, &lot.values)?;
    let chart = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/charts/shop");
    let [chart, own, more] = [&chart, &own, &more].map(|path| path.to_string_lossy().into_owned());
    let release = ["upgrade", "--install", "shop", &chart, "--namespace", lot.namespace];
    let with = ["--values", &own, "--values", &more, "--timeout", "2m"];
    lot.node.helm(&[&release[..], &with[..]].concat()).await?;
    Ok(())
}

/// What the chart is told whatever kind of shop it is.
fn values(lot: &Lot<'_>, postgres: SocketAddr, nats: SocketAddr) -> Value {
    let Secrets { admin, callers, master, quote, notice, passwords } = lot.secrets;
    let database =
        |name: &&str| ((*name).to_owned(), json!({"name": name, "user": name, "password": passwords[*name]}));
    let databases: serde_json::Map<String, Value> = NAMES[1..].iter().map(database).collect();
    json!({
        "image": {"repository": "localhost/shop", "tag": "dev", "pullPolicy": "Never"},
        "postgres": {"address": postgres.ip(), "port": postgres.port()},
        "nats": {"address": nats.ip(), "port": nats.port()},
        "databases": databases,
        "keys": {
            "adminToken": admin, "quoteKey": quote, "masterKeys": master, "noticeSecret": notice,
            "cartToken": callers["cart"], "ordersToken": callers["orders"],
        },
        "gateway": {"service": {"type": "NodePort", "nodePort": lot.node_port}},
        "seedCount": lot.products,
    })
}

/// A file that only its owner reads.
fn write(path: &Path, values: &Value) -> anyhow::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let file = std::fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(path);
    let mut file = file.with_context(|| format!("create {}", path.display()))?;
    file.write_all(values.to_string().as_bytes()).with_context(|| format!("write {}", path.display()))
}

/// Waits until the gateway serves what the last of the services exposes: it learns their ways in one by one.
async fn has_routes(gateway: &Client, admin: &str) -> anyhow::Result<()> {
    let (until, bearer) = (Instant::now() + OPENS, format!("Bearer {admin}"));
    // One way in of each service that has any for the public, whatever it answers to this caller.
    let paths = [
        "/v1/products?limit=1",
        "/v1/prices",
        "/v1/stock",
        "/v1/orders",
        "/v1/accounts/me",
        "/v1/cart",
        "/v1/promotions",
    ];
    loop {
        let mut unknown = Vec::new();
        for path in paths {
            let answer = gateway.send("GET", path, &[("authorization", &bearer)], None).await?;
            if matches!(answer.status, 404 | 503) {
                unknown.push(format!("{path}: {} {}", answer.status, answer.text()));
            }
        }
        if unknown.is_empty() {
            return Ok(());
        }
        ensure!(Instant::now() < until, "not within {} s: the gateway serves {unknown:#?}", OPENS.as_secs());
        sleep(Duration::from_millis(300)).await;
    }
}

/// URL of a Service by its address in the cluster, which this machine reaches, too.
async fn inside(lot: &Lot<'_>, service: &str, port: u16) -> anyhow::Result<String> {
    let asked = ["get", "service", service, "-o=jsonpath={.spec.clusterIP}", "-n", lot.namespace];
    Ok(format!("http://{}:{port}", lot.node.kubectl(&asked).await?.trim()))
}
