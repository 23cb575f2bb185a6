//! The largest change that is coming within the hour, from what is already known: the forecast and the promotions.

use jiff::{SignedDuration, Timestamp};

use crate::{
    NextChange, Reason,
    facts::Facts,
    floors::{forecast, promotion},
    guardrails::{bounds, dead_band},
};

/// How far it looks.
const AHEAD: SignedDuration = SignedDuration::from_hours(1);
/// Smallest share of the count that is worth announcing.
const WORTH: f64 = 0.1;
/// Most times that are looked at, whatever the rows and promotions.
const MOST_TIMES: usize = 1_000;

/// The largest change against `desired`, the earliest of equal ones; `None` if nothing is known or none is worth a word.
pub(crate) fn change(facts: &Facts<'_>, desired: u32) -> Option<NextChange> {
    if facts.input.policy.fixed.is_some() {
        return None;
    }
    let mut largest: Option<NextChange> = None;
    for at in times(facts) {
        let Some((replicas, reason)) = planned(facts, at) else { continue };
        let size = replicas.abs_diff(desired);
        let best = largest.as_ref().map_or(0, |l| l.replicas.abs_diff(desired));
        if size >= dead_band::band(desired, WORTH) && size > best {
            largest = Some(NextChange { replicas, at, reason });
        }
    }
    largest
}

/// Earliest time at which a promotion's floor or ceiling changes; `None` if none will.
pub(crate) fn promotion_step(facts: &Facts<'_>) -> Option<Timestamp> {
    facts.input.promotions.iter().flat_map(promotion::steps).filter(|t| *t > facts.now).min()
}

/// Times at which a planned count may change, ascending.
fn times(facts: &Facts<'_>) -> Vec<Timestamp> {
    let end = facts.at(AHEAD);
    let rows = facts.forecast.map(|f| (0..f.rows().len().min(MOST_TIMES)).map(|i| f.time_of(i)));
    let mut times: Vec<_> = facts
        .input
        .promotions
        .iter()
        .flat_map(promotion::steps)
        .take(MOST_TIMES)
        .chain(rows.into_iter().flatten())
        .filter(|t| *t > facts.now && *t <= end)
        .collect();
    times.sort_unstable();
    times.dedup();
    times
}

/// The count planned for `t`; without a forecast only a promotion that raises is known.
fn planned(facts: &Facts<'_>, t: Timestamp) -> Option<(u32, Reason)> {
    let (min, max) = bounds::of(&facts.input.policy);
    let forecast = facts.forecast.and_then(|f| forecast::at(facts, f, t));
    let promotion = promotion::at(facts.input, t);
    let (count, reason) = match (forecast, promotion) {
        (Some(f), Some(p)) if p > f => (p, Reason::Promotion),
        (Some(f), _) => (f, Reason::Forecast),
        (None, Some(p)) => (p.max(facts.current), Reason::Promotion),
        (None, None) => return None,
    };
    let ceiling = promotion::ceiling(facts.input, t).map_or(max, |c| c.clamp(min, max));
    Some((count.clamp(min, ceiling), reason))
}
