//! Two versions of every service beside each other, under load: the newer says more in every answer, event and token,
//! keeps more in every table, and neither fails for the other, on the way there and back.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "rolling/front.rs"]
mod front;
#[path = "whole/journeys/plan.rs"]
mod plan;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use loadgen::audit::{Places, Terms, audit};
use loadgen::journey::run::run;
use loadgen::progress::Progress;
use presale_shop::{Launch, NAMES, Options, Secrets, Service, Shop};
use sqlx::{Connection, PgConnection};
use test_kit::free_address;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::front::Front;
use crate::plan::{PRODUCTS, failures, steady};

/// How long both versions serve.
const BESIDE: Duration = Duration::from_secs(4);
/// Long enough for every client to learn that a connection ends, for what is in flight, and for a busy machine.
const DRAIN: [&str; 3] = ["--drain-delay=1s", "--drain-timeout=30s", "--database-acquire-timeout=30s"];
/// Longest that a service takes to end.
const ENDS: Duration = Duration::from_secs(60);

/// The program of this name of the same build.
fn program(name: &str, built_by: &str) -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_presale-shop")).with_file_name(name);
    assert!(program.is_file(), "{} is missing: run `{built_by}` and try again", program.display());
    program
}

/// Starts another replica of every service with this program, on the databases that there are.
async fn joined(shop: &Shop, program: &Path, fronts: &BTreeMap<&'static str, Front>) -> anyhow::Result<Vec<Service>> {
    let mut replicas = Vec::new();
    for name in &NAMES[1..] {
        let database = Some(shop.services[name].database());
        let flags = DRAIN.map(str::to_owned).into();
        let launch = Launch { program, name, address: free_address()?, database, flags };
        let replica = Service::start(launch, &shop.wiring).await?;
        fronts[name].also(replica.address);
        replicas.push(replica);
    }
    Ok(replicas)
}

/// Ends these replicas, as a rolling update does: no new connections, the signal, what is in flight.
async fn gone<'a>(
    replicas: impl IntoIterator<Item = &'a mut Service>,
    fronts: &BTreeMap<&'static str, Front>,
) -> anyhow::Result<()> {
    for replica in replicas {
        if let Some(front) = fronts.get(replica.name()) {
            front.without(replica.address);
            replica.stop(ENDS).await?;
        }
    }
    Ok(())
}

/// Events of orders that have the field of the next version, and those that have not.
async fn events(shop: &Shop) -> anyhow::Result<(i64, i64)> {
    let mut connection = PgConnection::connect(&shop.services["orders"].database()).await?;
    let statement = "SELECT count(*) FILTER (WHERE body->'data' ? 'of_the_next_version'),
        count(*) FILTER (WHERE NOT body->'data' ? 'of_the_next_version') FROM outbox";
    Ok(sqlx::query_as(statement).fetch_one(&mut connection).await?)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_versions_beside_each_other_fail_no_request_and_lose_no_event_there_and_back() -> anyhow::Result<()> {
    let today = program("shop", "cargo build -p shop");
    let next = program("shop-next", "cargo build --workspace --features shop/next --bin shop-next");
    let mut fronts = BTreeMap::new();
    for name in &NAMES[1..] {
        fronts.insert(*name, Front::open().await?);
    }
    let flags = NAMES[1..].iter().map(|name| (*name, DRAIN.map(str::to_owned).into())).collect();
    let options = Options {
        program: today.clone(),
        listen: ([127, 0, 0, 1], 0).into(),
        products: PRODUCTS,
        secrets: Secrets::known(),
        certificates: None,
        fronts: fronts.iter().map(|(name, front)| (*name, front.address)).collect(),
        flags,
        proxied: false,
    };
    let mut shop = Shop::open(options, &|_| {}).await?;
    for (name, front) in &fronts {
        front.also(shop.services[name].address);
    }
    let enough = CancellationToken::new();
    let load = tokio::spawn(run(steady(shop.gateway, 1_200.0), Progress::Silent, enough.clone()));
    sleep(BESIDE).await;

    let mut newer = joined(&shop, &next, &fronts).await?;
    sleep(BESIDE).await;
    gone(shop.services.values_mut(), &fronts).await?;
    sleep(BESIDE).await;
    let mut back = joined(&shop, &today, &fronts).await?;
    sleep(BESIDE).await;
    gone(&mut newer, &fronts).await?;
    enough.cancel();

    let verdict = load.await??;
    assert!(verdict.orders.accepted > 0 && failures(&verdict).is_empty(), "{}", verdict.table());
    assert_eq!(verdict.orders.lost, Vec::<String>::new());
    let (with_more, without) = events(&shop).await?;
    assert!(with_more > 0 && without > 0, "{with_more} events of the next version, {without} of this one");
    let terms = Terms { within: Duration::from_mins(1), deadline: Duration::from_mins(10), strangers: 3 };
    let report = audit(&Places::read(&shop.places)?, terms).await?;
    assert!(report.passed, "{:#?}", report.broken().collect::<Vec<_>>());
    gone(&mut back, &fronts).await?;
    shop.close().await
}
