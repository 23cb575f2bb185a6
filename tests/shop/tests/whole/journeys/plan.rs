//! What comes to the shop in tests, and what may not have gone wrong.

use std::net::SocketAddr;
use std::time::Duration;

use loadgen::journey::preset::Preset;
use loadgen::journey::run::Plan;
use loadgen::journey::verdict::Verdict;
use loadgen::journey::visit::Arrivals;
use loadgen::session::Assortment;

/// Products that it sells.
pub(crate) const PRODUCTS: u32 = 20;

/// A flash sale of some seconds.
pub(crate) fn flash(gateway: SocketAddr, seconds: f64, settle: Duration) -> Plan {
    Plan {
        arrivals: Arrivals { preset: Preset::Flash, rate: 2.0, duration: seconds, variation: 0.0, seed: 5 },
        assortment: Assortment::new(PRODUCTS, 1.0).unwrap(),
        target: gateway,
        customers: 12,
        think: 0.1,
        timeout: Duration::from_secs(10),
        settle,
    }
}

/// Some seconds in which every fifth call orders, with time for the orders to come to rest.
pub(crate) fn steady(gateway: SocketAddr, seconds: f64) -> Plan {
    let arrivals = Arrivals { preset: Preset::TpcW, rate: 15.0, duration: seconds, variation: 0.0, seed: 7 };
    Plan { arrivals, ..flash(gateway, seconds, Duration::from_mins(1)) }
}

/// Calls that came to nothing and were neither too many nor, on a busy machine, too late.
pub(crate) fn failures(verdict: &Verdict) -> Vec<(&'static str, &'static str, u64)> {
    let all = verdict
        .classes
        .iter()
        .flat_map(|(class, judged)| judged.failed.iter().map(move |(kind, n)| (*class, *kind, *n)));
    all.filter(|(_, kind, _)| !["limited", "shed", "timeout"].contains(kind)).collect()
}
