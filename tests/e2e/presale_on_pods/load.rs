//! Constant load at one service's way in, from this machine.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::Context;
use jiff::Timestamp;
use loadgen::ledger::Summary;
use loadgen::progress::Progress;
use loadgen::rate::{Level, RateModel};
use loadgen::run::{Plan, RunError, Surroundings, Verdict, run};
use loadgen::session::{Assortment, Visitors};
use loadgen::target::Target;
use test_kit::Node;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::release::now;
use crate::stage::Shop;

/// Products in the shop.
pub(crate) const PRODUCTS: u32 = 2_000;
/// No check takes longer.
const LONGEST: Duration = Duration::from_mins(15);

/// Visitors that keep coming until it is ended.
pub(crate) struct Load {
    stop: CancellationToken,
    running: JoinHandle<Result<Verdict, RunError>>,
}

/// How it went.
#[derive(Debug)]
pub(crate) struct Served {
    /// Requests.
    pub(crate) offered: u64,
    summary: Summary,
}

impl Load {
    /// Sends `times` the service's usual load, once its way in is open.
    pub(crate) async fn start(shop: &Shop, times: f64) -> anyhow::Result<Self> {
        Node::opened(shop.node_port).await?;
        let plan = Plan {
            visitors: visitors(shop.rate * times),
            assortment: Assortment::new(PRODUCTS, 1.0).context("products")?,
            targets: vec![Target { name: shop.name.into(), address: (Ipv4Addr::LOCALHOST, shop.node_port).into() }],
            duration: LONGEST,
            timeout: Duration::from_secs(10),
            slo: Duration::from_millis(250),
        };
        let stop = CancellationToken::new();
        let around = Surroundings {
            now: now(),
            stop: stop.clone(),
            records: std::io::sink(),
            progress: Progress::Silent,
            exposition: None,
        };
        Ok(Self { stop, running: tokio::spawn(run(plan, around)) })
    }

    /// Ends it.
    pub(crate) async fn end(mut self) -> anyhow::Result<Served> {
        self.stop.cancel();
        let verdict = (&mut self.running).await.context("the load died")??;
        let summary = verdict.targets.into_iter().next().context("one target")?;
        Ok(Served { offered: summary.offered, summary })
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Served {
    /// Requests that failed.
    pub(crate) fn failures(&self) -> u64 {
        self.summary.failed.values().sum()
    }
}

/// The same every day, live and in the past.
pub(crate) fn visitors(rate: f64) -> Visitors {
    let rate = RateModel {
        level: Level::Flat(rate),
        rises: Vec::new(),
        events: Vec::new(),
        anchor: Timestamp::UNIX_EPOCH.as_second() as f64,
        crawlers: 0.0,
        variation: 0.05,
    };
    Visitors { rate, seed: 15, think: 2.0 }
}
