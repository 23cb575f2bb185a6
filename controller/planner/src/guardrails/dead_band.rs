//! Dead-band: changes too small to be worth an action are left out, unless live load or a promotion asks for them.

use crate::{
    Reason,
    course::Course,
    facts::{Facts, count},
    floors::{Floors, reactive},
    guardrails::{bounds, descent},
};

/// Smallest share worth raising by.
const UP: f64 = 0.03;
/// Replicas go only where this share more of the load, now and foreseen, would do without them too: what the load's noise
/// asks back at once is a pod start for nothing.
const DOWN: f64 = 0.06;

/// Leaves the count at `current` where the change is smaller than the band; reaching the lower bound is always worth it.
pub(crate) fn apply(course: &mut Course, facts: &Facts<'_>, floors: &Floors) {
    let (min, current, wish) = (bounds::of(&facts.input.policy).0, facts.current, course.count);
    let small = if wish > current {
        wish - current < band(current, UP)
    } else {
        wish > min && with_more(facts).is_some_and(|needed| needed >= current)
    };
    if small && wish != current {
        let asked = floors.reactive.max(floors.promotion).unwrap_or(0).min(wish);
        course.to(current.max(asked), Reason::DeadBand);
    }
}

/// Replicas for a little more than the load, now and foreseen; `None` where neither is known.
fn with_more(facts: &Facts<'_>) -> Option<u32> {
    let more = 1.0 + DOWN;
    let now = facts.load_at_least.and_then(|load| facts.replicas_for(more * load / reactive::fill(facts)));
    now.max(descent::foreseen(facts, more))
}

/// Changes of at least this many replicas pass.
pub(crate) fn band(current: u32, share: f64) -> u32 {
    count((f64::from(current) * share).floor()).max(1)
}
