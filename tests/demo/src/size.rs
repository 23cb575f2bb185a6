//! How much load the play takes: measured on this machine, so that a pod's CPU means the same on a quick and on a slow one.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context, ensure};
use loadgen::ledger::Summary;
use loadgen::progress::Progress;
use loadgen::rate::{Level, RateModel};
use loadgen::run::{Plan, Surroundings, run};
use loadgen::session::{Assortment, Visitors};
use loadgen::target::Target;
use serde::Serialize;
use test_kit::Node;
use tokio_util::sync::CancellationToken;

use crate::play::now;
use crate::scenario::{self, CPU_MILLIS};

/// Requests per second of the measurement: as many as come in an act, since each costs more where few come.
const RATE: f64 = 150.0;
/// The pod warms up; then it is measured, several times, since machines are not equally quick at all
/// times: seconds of each.
const SECONDS: [u64; 8] = [4; 8];
/// Fewest and most requests per second of a pod: below, chance decides; above, this process is what is measured.
const BETWEEN: (f64, f64) = (12.0, 80.0);

/// What a pod can do here, and the load that follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Size {
    /// CPU time of one request. **Unit**: milliseconds.
    pub(crate) request_cpu_ms: f64,
    /// Requests per second that a replica is declared to serve; learning starts there.
    pub(crate) per_replica: u32,
}

impl Size {
    /// From the CPU seconds that so many requests took.
    pub(crate) fn of(cpu_seconds: f64, requests: u64) -> Self {
        let each = cpu_seconds / requests.max(1) as f64;
        let share = f64::from(CPU_MILLIS) / 1000.0;
        let serves = (share / each).clamp(BETWEEN.0, BETWEEN.1);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a small range")]
        let per_replica = serves as u32;
        Self { request_cpu_ms: each * 1000.0, per_replica }
    }

    /// Requests per second outside of acts: four fifths more than one replica serves. The minimum is twice what it needs,
    /// and far too little for the acts, which need more than seven replicas, whatever the measurement is off by.
    pub(crate) fn base(self) -> f64 {
        (f64::from(self.per_replica) * 1.8).round()
    }
}

/// Measures the pod `uid` behind `port` of this machine, which has no CPU limit. Several looks, the cheapest first; the
/// one in the middle counts: with a dearer one fewer visitors would come than make the twin grow as it does elsewhere,
/// with a cheaper one more than the pods can serve.
///
/// # Errors
/// Where a request fails, or the pod's control group is not found.
pub(crate) async fn measure(node: &Node, uid: &str, port: u16, seed: u64) -> anyhow::Result<Vec<Size>> {
    Node::opened(port).await?;
    let mut looks = Vec::new();
    for (i, lasts) in SECONDS.into_iter().enumerate() {
        let before = node.cpu_seconds(uid)?;
        let plan = Plan {
            visitors: Visitors {
                rate: RateModel {
                    level: Level::Flat(RATE),
                    rises: Vec::new(),
                    events: Vec::new(),
                    anchor: 0.0,
                    crawlers: 0.0,
                    variation: 0.05,
                },
                seed,
                think: 0.2,
            },
            assortment: Assortment::new(scenario::PRODUCTS, 1.0).context("products")?,
            targets: vec![Target { name: "measured".into(), address: (Ipv4Addr::LOCALHOST, port).into() }],
            duration: Duration::from_secs(lasts),
            timeout: Duration::from_secs(5),
            slo: scenario::SLO,
        };
        let around = Surroundings {
            now: now(),
            stop: CancellationToken::new(),
            records: std::io::sink(),
            progress: Progress::Silent,
            exposition: None,
        };
        let verdict = run(plan, around).await?;
        let summary = verdict.targets.first().context("one target")?;
        let Summary { offered, ok, failed, .. } = summary;
        ensure!(ok == offered, "of {offered} requests to one pod only {ok} were answered: {failed:?}");
        if i > 0 {
            looks.push(Size::of(node.cpu_seconds(uid)? - before, *ok));
        }
    }
    looks.sort_by(|a, b| a.request_cpu_ms.total_cmp(&b.request_cpu_ms));
    Ok(looks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_of_two_milliseconds_leaves_a_pod_of_forty_millicores_twenty_a_second() {
        let size = Size::of(0.8, 400);
        assert_eq!(size.per_replica, 20);
        assert!((size.base() - 36.0).abs() < 1e-9 && (size.request_cpu_ms - 2.0).abs() < 1e-9);
    }

    #[test]
    fn what_costs_nothing_or_everything_stays_in_bounds() {
        assert_eq!(Size::of(0.001, 400).per_replica, 80);
        assert_eq!(Size::of(400.0, 400).per_replica, 12);
    }
}
