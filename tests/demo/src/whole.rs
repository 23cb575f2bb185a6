//! The whole shop, in a namespace of its own: ten services behind their gateway, visited and promoted with the catalog.

use std::time::Duration;

use anyhow::Context;
use jiff::Timestamp;
use loadgen::audit::{Places, Terms, audit};
use loadgen::journey::people;
use loadgen::journey::preset::Preset;
use loadgen::journey::run::{JourneyError, Plan, run};
use loadgen::journey::verdict::Verdict;
use loadgen::journey::visit::Arrivals;
use loadgen::progress::Progress;
use loadgen::session::Assortment;
use presale_shop::{Lot, PROMOTED, PodShop, Secrets, small};
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
/// Replicas that the promotion asks of each promoted service.
pub(crate) const FLOOR: usize = 2;
const NODE_PORT: u16 = 30_283;
const PRODUCTS: u32 = 60;
/// Customers with accounts. All visitors have one address on this way in, which may open ten accounts at once.
const CUSTOMERS: u32 = 8;
/// Ordinary visitors per second; in the promotion three times as many come.
const VISITORS: f64 = 0.8;

/// A shop that is open.
#[derive(Debug)]
pub(crate) struct Whole {
    shop: PodShop,
}

impl Whole {
    /// Opens it and its customers' accounts. Half a minute.
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
        people::open(shop.gateway, CUSTOMERS).await?;
        Ok(Self { shop })
    }

    /// Visitors of a day of promotion, squeezed so that its promotion is the one that is announced.
    pub(crate) fn visits(&self, schedule: &Schedule, seed: u64) -> anyhow::Result<Visits> {
        // The preset's promotion begins after a sixth of its day and lasts two thirds.
        let day = (schedule.promotion_over - schedule.promotion) as f64 * 1.5;
        let plan = Plan {
            arrivals: Arrivals { preset: Preset::Promo, rate: VISITORS, duration: day, variation: 0.1, seed },
            assortment: Assortment::new(PRODUCTS, 1.0).context("products")?,
            target: self.shop.gateway,
            customers: CUSTOMERS,
            think: 0.7,
            timeout: Duration::from_secs(10),
            settle: Duration::from_mins(1),
        };
        let morning = Timestamp::from_second(schedule.promotion)?.duration_since(now()).as_secs_f64() - day / 6.0;
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let running = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs_f64(morning.max(0.0))).await;
            run(plan, Progress::Silent, stopped).await
        });
        Ok(Visits { stop, running })
    }

    /// Seconds by which each promoted service had its capacity before the start, in the order of [`PROMOTED`].
    pub(crate) async fn leads(&self, schedule: &Schedule) -> anyhow::Result<Vec<Option<i64>>> {
        self.shop.ready_before(FLOOR, Timestamp::from_second(schedule.promotion)?).await
    }

    /// Waits for the last orders, and looks into the books.
    pub(crate) async fn judged(&self, visits: Visits, leads: Vec<Option<i64>>) -> anyhow::Result<Seen> {
        let verdict = visits.end().await?;
        let terms = Terms { within: Duration::from_mins(1), deadline: Duration::from_mins(10), strangers: 3 };
        let report = audit(&Places::read(&self.shop.places)?, terms).await?;
        let failures = verdict.classes.values().flat_map(|judged| &judged.failed);
        Ok(Seen {
            leads,
            orders: verdict.orders.accepted,
            lost: verdict.orders.lost.len(),
            calls: verdict.classes.values().map(|judged| judged.offered).sum(),
            failed: failures.filter(|(kind, _)| **kind != "limited").map(|(_, count)| count).sum(),
            rules: report.findings.len(),
            broken: report.broken().map(|finding| format!("{:?} {}", finding.invariant, finding.rule)).collect(),
        })
    }
}

/// Visitors on their way.
#[derive(Debug)]
pub(crate) struct Visits {
    stop: CancellationToken,
    running: JoinHandle<Result<Verdict, JourneyError>>,
}

impl Visits {
    async fn end(mut self) -> anyhow::Result<Verdict> {
        (&mut self.running).await.context("the visits died")?.map_err(Into::into)
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
    /// Seconds by which each promoted service had its capacity before the start, in the order of [`PROMOTED`].
    pub(crate) leads: Vec<Option<i64>>,
    /// Orders that were accepted.
    pub(crate) orders: u64,
    /// Orders of which the end was not seen.
    pub(crate) lost: usize,
    /// Calls of visitors, but for those of nobody's objective.
    pub(crate) calls: u64,
    /// Calls that were failed, but for those that came too often.
    pub(crate) failed: u64,
    /// Rules that were looked at.
    pub(crate) rules: usize,
    /// Rules that did not hold.
    pub(crate) broken: Vec<String>,
}

/// What was promised of it.
pub(crate) fn promises(seen: &Seen) -> [Promise; 3] {
    let Seen { leads, orders, lost, calls, failed, rules, broken } = seen;
    let promise = |what: &str, measured: String, kept| Promise { what: what.to_owned(), measured, kept };
    let lead = |lead: &Option<i64>| lead.map_or("never".to_owned(), |lead| format!("{lead} s"));
    let told: Vec<String> =
        PROMOTED.iter().zip(leads).map(|((service, _), seconds)| format!("{service} {}", lead(seconds))).collect();
    let in_time = leads.len() == PROMOTED.len() && leads.iter().all(|lead| *lead >= Some(0));
    [
        promise(
            "whole shop: five services Ready before the promotion, those that are called first",
            told.join(", "),
            in_time && leads.is_sorted_by(|earlier, later| earlier >= later),
        ),
        promise(
            "whole shop: no visitor was failed and no order lost",
            format!("{calls} calls, {failed} failed; {orders} orders, {lost} lost"),
            *calls > 0 && *failed == 0 && *orders > 0 && *lost == 0,
        ),
        promise(
            "whole shop: its books agree (I1 to I7)",
            if broken.is_empty() { format!("{rules} rules hold") } else { broken.join("; ") },
            *rules > 0 && broken.is_empty(),
        ),
    ]
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A shop that kept its promises.
    pub(crate) fn good() -> Seen {
        let leads = [20, 16, 12, 12, 4].map(Some).to_vec();
        Seen { leads, orders: 20, lost: 0, calls: 900, failed: 0, rules: 20, broken: Vec::new() }
    }

    #[test]
    fn each_promise_of_the_whole_shop_can_be_broken() {
        assert!(promises(&good()).iter().all(|promise| promise.kept));
        let broken = [
            (0, Seen { leads: [20, 16, 12, 12, -1].map(Some).to_vec(), ..good() }),
            (0, Seen { leads: [4, 16, 12, 12, 20].map(Some).to_vec(), ..good() }),
            (0, Seen { leads: vec![Some(20), None, Some(12), Some(12), Some(4)], ..good() }),
            (1, Seen { lost: 1, ..good() }),
            (1, Seen { failed: 1, ..good() }),
            (1, Seen { orders: 0, ..good() }),
            (2, Seen { broken: vec!["I1".into()], ..good() }),
            (2, Seen { rules: 0, ..good() }),
        ];
        for (which, seen) in broken {
            let kept: Vec<bool> = promises(&seen).iter().map(|promise| promise.kept).collect();
            assert_eq!(kept, [0, 1, 2].map(|one| one != which), "{seen:?}");
        }
    }
}
