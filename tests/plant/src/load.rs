//! Load on the pods: Poisson arrivals that wait for nobody, and as many as the pods can take.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, ensure};
use loadgen::connection::{Connection, Outcome};
use loadgen::progress::Progress;
use loadgen::rate::{Level, RateModel};
use loadgen::run::{Plan, Surroundings, run};
use loadgen::session::{Assortment, Call, Visitors};
use loadgen::target::Target;
use presale_backtest::plant::TICK;
use serde::Serialize;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::stage::{NODE_PORT, PRODUCTS};

/// Longest wait for an answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Model time at which every run begins: seconds since 1970.
const START: i64 = 1_790_000_000 / 60 * 60;

/// One load.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    /// Requests per second, on average.
    pub(crate) rate: f64,
    /// How long.
    pub(crate) seconds: u32,
    /// The same seed brings the same arrivals.
    pub(crate) seed: u64,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Measured {
    /// Requests/s that were offered in each of the plant's ticks.
    pub(crate) ticks: Vec<f64>,
    /// Requests that were offered.
    pub(crate) offered: u64,
    /// Requests/s that were answered well.
    pub(crate) served: f64,
    /// Latency from the intended start, milliseconds.
    pub(crate) p50_ms: f64,
    /// 90th percentile.
    pub(crate) p90_ms: f64,
    /// 99th percentile.
    pub(crate) p99_ms: f64,
}

/// Every request is a visitor of its own on a connection of its own, so that nothing but chance joins two arrivals.
fn visitors(rate: f64, seed: u64) -> Visitors {
    let rate = RateModel {
        level: Level::Flat(rate),
        rises: Vec::new(),
        events: Vec::new(),
        anchor: 0.0,
        crawlers: 1.0,
        variation: 0.0,
    };
    Visitors { rate, seed, think: 1.0 }
}

fn assortment() -> anyhow::Result<Assortment> {
    Assortment::new(PRODUCTS, 1.0).context("an assortment of products")
}

/// Offers a load to the pods' Service, whether they keep up or not.
pub(crate) async fn offer(span: Span) -> anyhow::Result<Measured> {
    let Span { rate, seconds, seed } = span;
    let records = Records::default();
    let plan = Plan {
        visitors: visitors(rate, seed),
        assortment: assortment()?,
        targets: vec![Target { name: "catalog".into(), address: (Ipv4Addr::LOCALHOST, NODE_PORT).into() }],
        duration: Duration::from_secs(seconds.into()),
        timeout: TIMEOUT,
        slo: TIMEOUT,
    };
    let around = Surroundings {
        now: jiff::Timestamp::from_second(START)?,
        stop: CancellationToken::new(),
        records: records.clone(),
        progress: Progress::Silent,
        exposition: None,
    };
    let verdict = run(plan, around).await?;
    let summary = verdict.targets.first().context("one target")?;
    let answered = "at least one answer";
    Ok(Measured {
        ticks: records.ticks(seconds)?,
        offered: summary.offered,
        served: summary.ok as f64 / f64::from(seconds),
        p50_ms: summary.p50_ms.context(answered)?,
        p90_ms: summary.p90_ms.context(answered)?,
        p99_ms: summary.p99_ms.context(answered)?,
    })
}

/// Keeps `at_once` requests under way at each of the pods and returns how many requests/s they answered together in
/// `lasts`, after they did so for `before`.
pub(crate) async fn saturate(
    pods: &[SocketAddr],
    at_once: usize,
    before: Duration,
    lasts: Duration,
) -> anyhow::Result<f64> {
    let assortment = assortment()?;
    let all: Vec<Call> =
        visitors(5_000.0, 0).sessions(START / 60).into_iter().flat_map(|session| session.calls).collect();
    let calls: Arc<[Call]> = all.into();
    let begins = Instant::now() + before;
    let ends = begins + lasts;
    let mut workers = JoinSet::new();
    for worker in 0..pods.len() * at_once {
        let (pod, calls) = (pods[worker % pods.len()], Arc::clone(&calls));
        workers.spawn(async move {
            let mut answered = 0_u32;
            // Workers begin at places of their own.
            for call in calls.iter().cycle().skip(worker * 997) {
                let outcome = Connection::new(pod).get(&assortment.path(call), Instant::now() + TIMEOUT).await;
                ensure!(outcome == Outcome::Ok, "{pod} answered a request with {}", outcome.label());
                let now = Instant::now();
                if now >= ends {
                    break;
                }
                answered += u32::from(now >= begins);
            }
            Ok(answered)
        });
    }
    let mut answered = 0.0;
    while let Some(worker) = workers.join_next().await {
        answered += f64::from(worker??);
    }
    Ok(answered / lasts.as_secs_f64())
}

/// The run's records, a line of JSON per second.
#[derive(Debug, Clone, Default)]
struct Records(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Records {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Records {
    /// Requests/s that were offered in each of the plant's ticks; what is left of the last one is left out.
    fn ticks(&self, seconds: u32) -> anyhow::Result<Vec<f64>> {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut ticks = vec![0.0; usize::try_from(i64::from(seconds) / TICK)?];
        for line in String::from_utf8(bytes)?.lines() {
            let record: serde_json::Value = serde_json::from_str(line)?;
            let field = |name: &str| {
                record.get(name).and_then(serde_json::Value::as_i64).with_context(|| format!("{name} in {line}"))
            };
            let tick = usize::try_from((field("t")? - START) / TICK)?;
            if let Some(rate) = ticks.get_mut(tick) {
                *rate += field("offered")? as f64 / TICK as f64;
            }
        }
        Ok(ticks)
    }
}
