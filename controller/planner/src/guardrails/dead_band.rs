//! Dead-band: changes too small to be worth an action are left out, unless live load or a promotion asks for them.

use crate::{
    Reason,
    course::Course,
    facts::{Facts, count},
    floors::Floors,
    guardrails::bounds,
};

/// Smallest share worth raising by.
const UP: f64 = 0.03;
/// Smallest share worth lowering by.
const DOWN: f64 = 0.05;

/// Leaves the count at `current` where the change is smaller than the band; reaching the lower bound is always worth it.
pub(crate) fn apply(course: &mut Course, facts: &Facts<'_>, floors: &Floors) {
    let (min, current, wish) = (bounds::of(&facts.input.policy).0, facts.current, course.count);
    let small = if wish > current {
        wish - current < band(current, UP)
    } else {
        current - wish < band(current, DOWN) && wish > min
    };
    if small && wish != current {
        let asked = floors.reactive.max(floors.promotion).unwrap_or(0).min(wish);
        course.to(current.max(asked), Reason::DeadBand);
    }
}

/// Changes of at least this many replicas pass.
pub(crate) fn band(current: u32, share: f64) -> u32 {
    count((f64::from(current) * share).floor()).max(1)
}
