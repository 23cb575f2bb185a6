//! Safe descent: never below a count that is planned for the near future, never near a promotion's start.

use jiff::{SignedDuration, Timestamp};

use crate::{
    Reason,
    course::Course,
    facts::Facts,
    floors::{forecast, promotion},
};

/// How many lead times ahead a pod must be unneeded before it may go.
const LEADS_AHEAD: i32 = 2;
/// No descent this long before a promotion starts.
const BEFORE_START: SignedDuration = SignedDuration::from_mins(30);
/// No descent this long after a promotion started: its load is just being learned.
const AFTER_START: SignedDuration = SignedDuration::from_mins(10);

/// Holds pods that will be needed again before new ones could start.
pub(crate) fn apply(course: &mut Course, facts: &Facts<'_>) {
    if course.count >= facts.current {
        return;
    }
    if near_a_start(facts) {
        course.to(facts.current, Reason::Promotion);
        return;
    }
    if let Some(planned) = foreseen(facts, 1.0) {
        course.at_least(planned.min(facts.current), Reason::Forecast);
    }
    if let Some(planned) = promotion::highest(facts.input, facts.now, end(facts)) {
        course.at_least(planned.min(facts.current), Reason::Promotion);
    }
}

/// Highest count that a trusted forecast plans within two lead times, were the load `times` what is forecast; `None` if
/// none covers them.
pub(crate) fn foreseen(facts: &Facts<'_>, times: f64) -> Option<u32> {
    forecast::highest(facts, facts.forecast?, (facts.now, end(facts)), times)
}

fn end(facts: &Facts<'_>) -> Timestamp {
    facts.at(facts.lead.saturating_mul(LEADS_AHEAD))
}

/// Whether a promotion starts soon or has just started.
fn near_a_start(facts: &Facts<'_>) -> bool {
    facts.input.promotions.iter().filter(|p| !p.floors.is_empty()).any(|p| {
        let before = p.starts.duration_since(facts.now);
        let running = facts.now < p.ends && -before <= AFTER_START;
        running && before <= BEFORE_START
    })
}
