//! The whole shop, in a namespace of its own: ten services behind their gateway, visited and promoted with the catalog.

use std::time::Duration;

use anyhow::Context;
use jiff::Timestamp;
use loadgen::audit::Report;
use loadgen::journey::run::run;
use loadgen::journey::verdict::Verdict;
use loadgen::progress::Progress;
use presale_shop::{Day, FLOOR, Lot, NAMES, PROMOTED, PodShop, Secrets, arrive, audited, failed, small};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::Serialize;
use test_kit::Node;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::play::now;
use crate::scenario::Schedule;
use crate::verdict::Promise;

/// Namespace that the demonstration makes and removes.
pub(crate) const NAMESPACE: &str = "presale-demo-shop";
/// Services that it has.
pub(crate) const SERVICES: usize = NAMES.len();
/// The operator as the API server knows it.
const ACCOUNT: &str = "system:serviceaccount:presale-system:presale";
const NODE_PORT: u16 = 30_283;
const PRODUCTS: u32 = 60;

/// A shop that is open.
#[derive(Debug)]
pub(crate) struct Whole {
    shop: PodShop,
}

impl Whole {
    /// Opens it and its customers' accounts.
    pub(crate) async fn open(node: &Node) -> anyhow::Result<Self> {
        let secrets = Secrets::drawn(&mut ChaCha8Rng::from_os_rng());
        let lot = Lot {
            node,
            namespace: NAMESPACE,
            node_port: NODE_PORT,
            products: PRODUCTS,
            secrets: &secrets,
            values: small(),
        };
        let shop = PodShop::install(lot).await?;
        arrive(&shop).await?;
        Ok(Self { shop })
    }

    /// Lets the visitors of the promotion's day come, and looks into the books when the last order has come to its end.
    pub(crate) fn visits(&self, schedule: &Schedule, seed: u64) -> anyhow::Result<Visits> {
        let (day, start) = (day(schedule, seed), Timestamp::from_second(schedule.promotion)?);
        let (plan, places, stop) = (day.plan(&self.shop)?, self.shop.places.clone(), CancellationToken::new());
        let left = Duration::try_from(start.duration_since(now())).unwrap_or_default();
        let stopped = stop.clone();
        let running = tokio::spawn(async move {
            tokio::time::sleep(left.saturating_sub(day.morning())).await;
            let verdict = run(plan, Progress::Silent, stopped).await?;
            Ok((verdict, audited(&places).await?))
        });
        Ok(Visits { stop, running })
    }

    /// Seconds by which each promoted service had its capacity before the promotion: to be asked at its start.
    pub(crate) async fn ready(&self, schedule: &Schedule) -> anyhow::Result<[Option<i64>; PROMOTED.len()]> {
        of_each(self.shop.ready_before(FLOOR, Timestamp::from_second(schedule.promotion)?).await?)
    }

    /// Waits for the last orders and for the books.
    pub(crate) async fn judged(
        &self,
        visits: Visits,
        schedule: &Schedule,
        ready: [Option<i64>; PROMOTED.len()],
    ) -> anyhow::Result<Seen> {
        let (verdict, report) = visits.end().await?;
        let since = Timestamp::from_second(schedule.announced)?;
        let ordered = self.shop.ordered(ACCOUNT, since)?.into_iter();
        let ordered = of_each(ordered.map(|at| Some(schedule.promotion - at?.as_second())).collect())?;
        Ok(Seen::of(ready, ordered, &verdict, &report))
    }
}

/// The day whose promotion this is.
pub(crate) fn day(schedule: &Schedule, seed: u64) -> Day {
    let lasts = u64::try_from(schedule.promotion_over - schedule.promotion).unwrap_or(0);
    Day { promotion: Duration::from_secs(lasts), seed }
}

fn of_each(seconds: Vec<Option<i64>>) -> anyhow::Result<[Option<i64>; PROMOTED.len()]> {
    seconds.try_into().ok().context("a figure for each promoted service")
}

/// Visitors on their way.
#[derive(Debug)]
pub(crate) struct Visits {
    stop: CancellationToken,
    running: JoinHandle<anyhow::Result<(Verdict, Report)>>,
}

impl Visits {
    async fn end(mut self) -> anyhow::Result<(Verdict, Report)> {
        (&mut self.running).await.context("the visits of the whole shop died")?
    }
}

impl Drop for Visits {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// What was seen of the whole shop.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct Seen {
    /// Seconds by which each promoted service had its capacity Ready before the promotion, in the order of [`PROMOTED`].
    pub(crate) ready: [Option<i64>; PROMOTED.len()],
    /// Seconds before the promotion at which Presale scaled it.
    pub(crate) ordered: [Option<i64>; PROMOTED.len()],
    /// Calls of visitors.
    pub(crate) calls: u64,
    /// Calls that failed, but for those of who came too often.
    pub(crate) failed: u64,
    /// Orders that were accepted.
    pub(crate) orders: u64,
    /// Orders of which the end was not seen.
    pub(crate) lost: usize,
    /// Rules of the audit.
    pub(crate) rules: usize,
    /// Rules that did not hold.
    pub(crate) broken: Vec<String>,
}

impl Seen {
    fn of(
        ready: [Option<i64>; PROMOTED.len()],
        ordered: [Option<i64>; PROMOTED.len()],
        verdict: &Verdict,
        report: &Report,
    ) -> Self {
        Self {
            ready,
            ordered,
            calls: verdict.classes.values().map(|judged| judged.offered).sum(),
            failed: failed(verdict).values().sum(),
            orders: verdict.orders.accepted,
            lost: verdict.orders.lost.len(),
            rules: report.findings.len(),
            broken: report.broken().map(|finding| format!("{:?}: {}", finding.invariant, finding.rule)).collect(),
        }
    }
}

/// What was promised of it.
pub(crate) fn promises(seen: &Seen) -> [Promise; 4] {
    let Seen { ready, ordered, calls, failed, orders, lost, rules, broken } = seen;
    let promise = |what: &str, measured: String, kept| Promise { what: what.to_owned(), measured, kept };
    let agree = *rules > 0 && broken.is_empty();
    [
        promise(
            "whole shop: five services have their capacity Ready before the promotion",
            each(ready),
            ready.iter().all(|seconds| *seconds >= Some(0)),
        ),
        promise(
            "whole shop: those that are called were scaled before those that call them",
            each(ordered),
            ordered.iter().all(Option::is_some) && ordered.is_sorted_by(|earlier, later| earlier >= later),
        ),
        promise(
            "whole shop: no visitor's call failed and no order was lost",
            format!("{failed} of {calls} calls failed, {lost} of {orders} orders lost"),
            *calls > 0 && *failed == 0 && *orders > 0 && *lost == 0,
        ),
        promise(
            "whole shop: its books agree",
            if agree { format!("all {rules} rules of the audit hold") } else { format!("{rules} rules: {broken:?}") },
            agree,
        ),
    ]
}

/// Seconds before the promotion, of each promoted service.
pub(crate) fn each(seconds: &[Option<i64>; PROMOTED.len()]) -> String {
    let told = |seconds: Option<i64>| seconds.map_or("never".to_owned(), |seconds| format!("{seconds} s"));
    let all = PROMOTED.iter().zip(seconds).map(|((service, _), seconds)| format!("{service} {}", told(*seconds)));
    all.collect::<Vec<_>>().join(", ") + " before"
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A shop that kept its promises.
    pub(crate) fn good() -> Seen {
        Seen {
            ready: [33, 29, 25, 21, 12].map(Some),
            ordered: [40, 36, 32, 28, 24].map(Some),
            calls: 900,
            failed: 0,
            orders: 20,
            lost: 0,
            rules: 20,
            broken: Vec::new(),
        }
    }

    #[test]
    fn each_promise_of_the_whole_shop_can_be_broken() {
        assert!(promises(&good()).iter().all(|promise| promise.kept));
        let broken = [
            (0, Seen { ready: [20, 16, 12, 12, -1].map(Some), ..good() }),
            (0, Seen { ready: [Some(20), None, Some(12), Some(12), Some(4)], ..good() }),
            (1, Seen { ordered: [24, 36, 32, 28, 40].map(Some), ..good() }),
            (1, Seen { ordered: [Some(40), Some(36), Some(32), Some(28), None], ..good() }),
            (2, Seen { lost: 1, ..good() }),
            (2, Seen { failed: 1, ..good() }),
            (2, Seen { orders: 0, ..good() }),
            (2, Seen { calls: 0, ..good() }),
            (3, Seen { broken: vec!["I1".into()], ..good() }),
            (3, Seen { rules: 0, ..good() }),
        ];
        for (which, seen) in broken {
            let kept: Vec<bool> = promises(&seen).iter().map(|promise| promise.kept).collect();
            assert_eq!(kept, [0, 1, 2, 3].map(|one| one != which), "{seen:?}");
        }
    }

    #[test]
    fn what_was_never_ready_is_not_told_as_a_number() {
        let told = each(&[Some(33), None, Some(25), Some(21), Some(-2)]);
        assert_eq!(told, "payments 33 s, orders never, cart 25 s, catalog 21 s, gateway -2 s before");
    }
}
