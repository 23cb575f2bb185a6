//! The reactive net: replicas for the load of this moment, its rise, and the latency of what runs.

use jiff::SignedDuration;
use presale_models::Sample;

use crate::facts::{Facts, count, replicas};

/// Share of a replica's capacity that the net fills.
pub(crate) const FILL: f64 = 0.95;
/// Over which time a rise is measured.
const RISE_OVER: SignedDuration = SignedDuration::from_mins(2);
/// A rise by this ratio within [`RISE_OVER`] is carried on over the lead time.
const RISE: f64 = 1.15;
/// A rise of less than this share of one replica is noise.
const RISE_WORTH: f64 = 0.1;
/// A rise is carried on to at most this multiple of the load.
const RISE_MOST: f64 = 2.0;
/// How long latency must be over its limit before it counts.
pub(crate) const SATURATED_FOR: SignedDuration = SignedDuration::from_mins(2);
/// Growth on saturation.
const SATURATED_GROWTH: f64 = 1.25;
/// Saturation asks for at most this multiple of what the load explains: a slow dependency is not cured by replicas.
const SATURATED_MOST: f64 = 3.0;

/// max(⌈y / (0.95 c)⌉, rise, saturation); `None` where neither a live load with a capacity nor saturation says anything.
pub(crate) fn floor(facts: &Facts<'_>) -> Option<u32> {
    let level = facts.load_at_least.zip(facts.capacity).map(|(load, capacity)| {
        let now = replicas(load, FILL * capacity);
        now.max(replicas(rising_to(facts, load, capacity), capacity))
    });
    match (level, saturation(facts)) {
        (Some(level), Some(saturated)) => {
            let most = count((f64::from(level.max(1)) * SATURATED_MOST).ceil());
            Some(level.max(saturated.min(most)))
        }
        (level, saturated) => level.or(saturated),
    }
}

/// Load at the end of the lead time if the rise of the last two minutes goes on; never below `load`.
fn rising_to(facts: &Facts<'_>, load: f64, capacity: f64) -> f64 {
    let Some(before) = value_before(facts) else { return load };
    let rise = load - before;
    if load <= before * RISE || rise < RISE_WORTH * capacity {
        return load;
    }
    let spans = facts.lead.as_secs_f64() / RISE_OVER.as_secs_f64();
    (load + rise * spans).min(load * RISE_MOST).max(load)
}

/// Load two minutes ago, from the recent series; `None` where it is missing or only a bound.
fn value_before(facts: &Facts<'_>) -> Option<f64> {
    match facts.input.recent.at(facts.at(-RISE_OVER)) {
        Sample::Value(v) if v.is_finite() && v >= 0.0 => Some(v),
        _ => None,
    }
}

/// A quarter more than is ready once latency has been over its limit for two minutes; counts ready pods, so that it does
/// not compound while the pods it asked for are starting.
fn saturation(facts: &Facts<'_>) -> Option<u32> {
    let ready = facts.input.replicas.ready.max(1);
    facts.saturated_for(SATURATED_FOR).then(|| count((f64::from(ready) * SATURATED_GROWTH).ceil()))
}
