//! Replicas for the load that is expected when a pod ordered now could be ready.

use jiff::Timestamp;
use presale_models::{Level, QuantileForecast};

use crate::facts::{Facts, replicas};

/// Share of all requests that may be expected lost, per accepted risk.
const LOST: f64 = 0.1;
/// Share of the accepted risk that is left while a promotion runs.
const DEAR: f64 = 0.2;

/// Fewest replicas for the maximum load over [now + L, now + L + hold), at the accepted risk r = 1 − level: the quantile at
/// the level, or fewer where r/10 of the requests at most is expected to be lost. From the moment on at which a promotion's
/// replicas are ordered until its end it is the quantile at 1 − r/5, since its minutes are the dear ones; and until its start
/// the most that will be asked for up to there, so that all of it stands ready before. `None` outside of the forecast's rows
/// or where the capacity is unknown.
///
/// A quantile asks how often there are too few, not by how many: on a smooth load the 95 % quantile lies a percent above the
/// count that loses next to nothing.
///
/// **Source**: newsvendor with whole units, on the maximum over the lead time.
pub(crate) fn floor(facts: &Facts<'_>, maximum: &QuantileForecast) -> Option<u32> {
    let announced = facts.input.promotions.iter().filter(|p| p.from <= facts.now && facts.now < p.starts);
    let ahead = announced.filter_map(|p| highest(facts, maximum, (facts.now, p.starts), 1.0)).max();
    ahead.max(at(facts, maximum, facts.now))
}

/// The same floor for a decision taken at `t`.
pub(crate) fn at(facts: &Facts<'_>, maximum: &QuantileForecast, t: Timestamp) -> Option<u32> {
    of_row(facts, maximum, maximum.index_of(t)?, 1.0)
}

/// Highest floor of the decisions that will be taken in `[from, to]`, were the load `times` what is forecast; `None` unless
/// the rows cover that span.
pub(crate) fn highest(
    facts: &Facts<'_>,
    maximum: &QuantileForecast,
    (from, to): (Timestamp, Timestamp),
    times: f64,
) -> Option<u32> {
    let (first, last) = (maximum.index_of(from)?, maximum.index_of(to)?);
    (first..=last).filter_map(|row| of_row(facts, maximum, row, times)).max()
}

fn of_row(facts: &Facts<'_>, maximum: &QuantileForecast, row: usize, times: f64) -> Option<u32> {
    let (level, capacity) = (facts.level, facts.capacity? / times);
    let allowed = (1.0 - level.get()) * LOST * maximum.mean(row)?;
    if facts.input.promotions.iter().any(|p| p.from <= facts.now && facts.now < p.ends) {
        let dear = Level::new(1.0 - DEAR * (1.0 - level.get())).unwrap_or(level);
        return Some(replicas(maximum.value(row, dear)?, capacity));
    }
    let lost = |n: u32| maximum.shortage(row, f64::from(n) * capacity);
    let (mut too_few, mut enough) = (None, replicas(maximum.value(row, level)?, capacity));
    loop {
        let lowest = too_few.map_or(0, |n: u32| n + 1);
        if lowest >= enough {
            return Some(enough);
        }
        let middle = lowest + (enough - lowest) / 2;
        if lost(middle)? <= allowed { enough = middle } else { too_few = Some(middle) }
    }
}
