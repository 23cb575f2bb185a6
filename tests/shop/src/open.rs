//! The whole shop on loopback: a database and a credential for each service, a broker, a payment provider, and the
//! gateway in front.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use futures::future::{join_all, try_join_all};
use test_kit::{ChaosProxy, Nats, Postgres, free_address, scratch_folder};
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::goods::{self, Sellers};
use crate::places::Places;
use crate::service::{Launch, Service};
use crate::wiring::{Link, NAMES, Secrets, Wiring, authority, links};

/// Says what is done, as it is done.
pub type Say<'a> = &'a (dyn Fn(String) + Sync);

/// Longest that an ending service is waited for.
const STOPS: Duration = Duration::from_secs(10);

/// What kind of shop.
#[derive(Debug)]
pub struct Options {
    /// The program `shop`.
    pub program: PathBuf,
    /// Where the gateway listens, on loopback; port 0 is a free one.
    pub listen: SocketAddr,
    /// Products in the catalog.
    pub products: u32,
    /// What must not be known.
    pub secrets: Secrets,
    /// Folder with a certificate of each service, where they are to know each other by it.
    pub certificates: Option<PathBuf>,
    /// Where others find a service that listens elsewhere, by name: something of the caller's stands in between.
    pub fronts: BTreeMap<&'static str, SocketAddr>,
    /// Flags of services, by name, that count before the shop's own.
    pub flags: BTreeMap<&'static str, Vec<String>>,
    /// Whether a proxy stands in every link, which can spoil what passes.
    pub proxied: bool,
}

/// A shop that is open; without [`close`](Self::close) it is killed when dropped.
#[derive(Debug)]
pub struct Shop {
    /// Each service and the provider, by name.
    pub services: BTreeMap<&'static str, Service>,
    /// Where the gateway listens.
    pub gateway: SocketAddr,
    /// What it sells.
    pub skus: Vec<String>,
    /// File that says where databases, broker and provider are; only its owner may read it.
    pub places: PathBuf,
    /// What everybody is told.
    pub wiring: Wiring,
    /// The proxy in each link; none where they are not wanted.
    pub links: BTreeMap<Link, ChaosProxy>,
    /// The broker.
    pub nats: Nats,
    /// The database server.
    pub postgres: Postgres,
}

impl Shop {
    /// Opens it: some seconds on a machine that has done it before.
    ///
    /// # Errors
    /// Where a part is missing or does not become ready, in its own words.
    pub async fn open(options: Options, say: Say<'_>) -> anyhow::Result<Self> {
        let since = Instant::now();
        let step = |what: String| say(format!("{:>5.1} s  {what}", since.elapsed().as_secs_f64()));
        let Options { program, listen, products, secrets, certificates, fronts, mut flags, proxied } = options;
        let gateway = vacant(listen).await?;
        let (postgres, nats) = tokio::try_join!(Postgres::start(), Nats::start())?;
        step("PostgreSQL and NATS answer".to_owned());
        let databases = secrets.databases(&postgres).await?;
        step(format!("{} databases, each with an owner of its own", databases.len()));

        let mut wiring = Wiring::new(nats.url(), secrets);
        wiring.certificates = certificates;
        for name in NAMES[1..].iter().chain(&["psp-sim"]) {
            let place = fronts.get(name).copied().map_or_else(free_address, Ok)?;
            wiring.places.insert((*name).to_owned(), place);
        }
        wiring.places.insert("gateway".to_owned(), gateway);
        let proxies = if proxied { proxies(&wiring, &postgres.url()).await? } else { BTreeMap::new() };
        for (link, proxy) in &proxies {
            wiring.detours.insert(*link, proxy.address().parse().context("the address of a proxy")?);
        }
        let folder = scratch_folder("gateway-tables")?;
        let endpoints = folder.join("endpoints.toml");
        std::fs::write(&endpoints, wiring.endpoints()).context("write the gateway's endpoints")?;
        wiring.tables = Some([routes(), endpoints]);
        let mut addresses = wiring.places.clone();
        for name in fronts.keys() {
            addresses.insert((*name).to_owned(), free_address()?);
        }
        let starting = NAMES.iter().chain(&["psp-sim"]).map(|name| {
            let mut launch = Launch {
                program: &program,
                name,
                address: addresses[*name],
                database: databases.get(name).map(|url| wiring.store(name, "postgres", url)),
                flags: own_flags(name),
            };
            let more = flags.remove(name).unwrap_or_default();
            let named = |flag: &str| flag.split('=').next().map(str::to_owned);
            launch.flags.retain(|own| !more.iter().any(|flag| named(flag) == named(own)));
            launch.flags.extend(more);
            let (wiring, step) = (&wiring, &step);
            async move {
                let service = Service::start(launch, wiring).await?;
                step(format!("{name} is ready"));
                anyhow::Ok((*name, service))
            }
        });
        let services: BTreeMap<&'static str, Service> =
            try_join_all(starting.collect::<Vec<_>>()).await?.into_iter().collect();
        goods::seed(&program, products, &services["catalog"].database()).await?;
        let [catalog, pricing, inventory] = ["catalog", "pricing", "inventory"].map(|name| &services[name].client);
        let skus = goods::deliver(Sellers { catalog, pricing, inventory }, &wiring.secrets.admin).await?;
        step(format!("{products} products, {} prices, {} units of each on the shelf", skus.len(), goods::STOCK));
        let places = write_places(&wiring, &databases)?;
        Ok(Self { services, gateway, skus, places, wiring, links: proxies, nats, postgres })
    }

    /// Closes it: whoever is being served is served to the end, then no process is left. Its folders go with this one.
    ///
    /// # Errors
    /// Names who had to be killed; everything is gone all the same.
    pub async fn close(self) -> anyhow::Result<()> {
        let Self { mut services, nats, postgres, .. } = self;
        let mut ended: Vec<_> = join_all(services.values_mut().map(|service| service.stop(STOPS))).await;
        ended.extend([postgres.stop().await, nats.stop().await]);
        drop((services, postgres, nats));
        for outcome in ended {
            outcome?;
        }
        Ok(())
    }
}

/// A loopback address that nobody listens to.
async fn vacant(listen: SocketAddr) -> anyhow::Result<SocketAddr> {
    ensure!(listen.ip().is_loopback(), "{listen} is not on loopback: pass 127.0.0.1:PORT");
    if listen.port() == 0 {
        return Ok(free_address()?);
    }
    let taken = || format!("nobody can listen on {listen}: pass --listen 127.0.0.1:0 for a free port");
    TcpListener::bind(listen).await.with_context(taken)?;
    Ok(listen)
}

/// A proxy for each link.
async fn proxies(wiring: &Wiring, postgres: &str) -> anyhow::Result<BTreeMap<Link, ChaosProxy>> {
    let mut proxies = BTreeMap::new();
    for (from, to) in links() {
        let server = match to {
            "postgres" => authority(postgres).to_owned(),
            "nats" => authority(&wiring.nats).to_owned(),
            service => wiring.places[service].to_string(),
        };
        proxies.insert((from, to), ChaosProxy::before(&server).await?);
    }
    Ok(proxies)
}

/// What each service does otherwise than in a cluster: nobody balances in front, and a developer does not wait.
fn own_flags(name: &str) -> Vec<String> {
    let flags: &[&str] = match name {
        "psp-sim" => &["--books=books.jsonl"],
        "accounts" => &["--drain-delay=0s", "--trusted-hops=1"],
        "gateway" => &["--drain-delay=0s", "--watch-period=200ms"],
        "recommendations" => &["--drain-delay=0s", "--train-period=20s", "--train-check-period=1s"],
        _ => &["--drain-delay=0s"],
    };
    flags.iter().map(|flag| (*flag).to_owned()).collect()
}

/// Writes for the audit where everything is.
fn write_places(wiring: &Wiring, databases: &BTreeMap<&'static str, String>) -> anyhow::Result<PathBuf> {
    let places = Places {
        gateway: wiring.url("gateway"),
        broker: &wiring.nats,
        provider: wiring.url("psp-sim"),
        databases,
        services: NAMES[1..].iter().map(|name| (*name, wiring.url(name))).collect(),
    };
    places.write()
}

/// The table of routes that the shop is shipped with.
fn routes() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shop-services/gateway/routes.toml")
}
