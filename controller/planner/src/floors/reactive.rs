//! The reactive net: replicas for the load of this moment, its rise, and the latency of what runs.

use jiff::SignedDuration;
use presale_models::Sample;

use crate::facts::{Facts, count, replicas};

/// Least and most headroom over the load of this moment, as shares of it; the most also where its noise is not known.
const HEADROOM: (f64, f64) = (0.02, 0.05);
/// Steps of the recent past without which its noise is not known.
const FEWEST: usize = 5;
/// Over which time the noise is measured: a rate is the mean of about a minute, closer readings share most of it.
const NOISE_OVER: SignedDuration = SignedDuration::from_mins(1);
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

/// max(⌈y (1 + noise) / c⌉, rise, saturation); `None` where neither a live load with a capacity nor saturation says anything.
pub(crate) fn floor(facts: &Facts<'_>) -> Option<u32> {
    let level = facts.load_at_least.zip(facts.capacity).map(|(load, capacity)| {
        let now = replicas(load, fill(facts) * capacity);
        now.max(replicas(rising_to(facts, load, capacity), capacity))
    });
    with_saturation(facts, level)
}

/// `level` or what saturation asks for, within what the level explains.
pub(crate) fn with_saturation(facts: &Facts<'_>, level: Option<u32>) -> Option<u32> {
    match (level, saturation(facts)) {
        (Some(level), Some(saturated)) => {
            let most = count((f64::from(level.max(1)) * SATURATED_MOST).ceil());
            Some(level.max(saturated.min(most)))
        }
        (level, saturated) => level.or(saturated),
    }
}

/// Share of a replica's capacity that the net fills: what is left free is one deviation of the load's noise from minute to
/// minute, from 2 to 5 %. A trend is not noise.
///
/// **Source**: the median of second differences, which for white noise is 0.826 deviations (0.6745 · √1.5).
pub(crate) fn fill(facts: &Facts<'_>) -> f64 {
    let recent = &facts.input.recent;
    let stride = usize::try_from(NOISE_OVER.as_nanos() / recent.step().as_nanos().max(1)).unwrap_or(1).max(1);
    let minutes: Vec<f64> =
        recent.samples().iter().rev().step_by(stride).map(|s| known(*s).unwrap_or(f64::NAN)).collect();
    let bends = minutes.windows(3).map(|w| (w[1] - f64::midpoint(w[0], w[2])).abs() / w[1]);
    let mut bends: Vec<f64> = bends.filter(|b| b.is_finite()).collect();
    if bends.len() < FEWEST {
        return 1.0 / (1.0 + HEADROOM.1);
    }
    bends.sort_by(f64::total_cmp);
    1.0 / (1.0 + (bends[bends.len() / 2] / 0.826).clamp(HEADROOM.0, HEADROOM.1))
}

fn known(sample: Sample) -> Option<f64> {
    match sample {
        Sample::Value(v) if v.is_finite() && v >= 0.0 => Some(v),
        _ => None,
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
    known(facts.input.recent.at(facts.at(-RISE_OVER)))
}

/// A quarter more than is ready once latency has been over its limit for two minutes; counts ready pods, so that it does
/// not compound while the pods it asked for are starting.
fn saturation(facts: &Facts<'_>) -> Option<u32> {
    let ready = facts.input.replicas.ready.max(1);
    facts.saturated_for(SATURATED_FOR).then(|| count((f64::from(ready) * SATURATED_GROWTH).ceil()))
}
