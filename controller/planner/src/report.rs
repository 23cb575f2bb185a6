//! The decision in words and records: outcome, the sentence for people, every input with its state.

mod inputs;
mod sentence;

use jiff::SignedDuration;

use crate::{
    Decision, Outcome, Reason,
    course::Course,
    facts::Facts,
    floors::Floors,
    guardrails::{signal, writing::Held},
    next,
    reserve::Split,
};

/// When to look again at the latest while something is on its way.
const SOON: SignedDuration = SignedDuration::from_secs(15);
/// When to look again at the latest at rest.
const REST: SignedDuration = SignedDuration::from_secs(30);

/// Puts the pieces of a finished course together.
pub(crate) fn decision(facts: &Facts<'_>, floors: &Floors, recommendation: u32, split: Split) -> Decision {
    let Split { course, held, reserve } = split;
    let moves = course.count != facts.current || reserve.is_some_and(|r| r.replicas != r.warm);
    let outcome = outcome(facts, &course, held);
    let reason = reason(facts, &course, outcome);
    Decision {
        at: facts.now,
        outcome,
        reason,
        message: sentence::of(facts, floors, &course, outcome, reason),
        current: facts.current,
        desired: course.count,
        reserve,
        recommendation,
        forecast_floor: floors.forecast_shown,
        reactive_floor: floors.reactive,
        promotion_floor: floors.promotion,
        write: held == Held::No && moves,
        inputs: inputs::states(facts, reserve),
        next: next::change(facts, course.count + reserve.map_or(0, |r| r.replicas)),
        next_check: next_check(facts, &course),
        clamps: course.clamps,
    }
}

fn outcome(facts: &Facts<'_>, course: &Course, held: Held) -> Outcome {
    match held {
        Held::Still(Reason::Conflict) => return Outcome::ErrorBlocked,
        Held::Still(_) => return Outcome::Suppressed,
        Held::Shown if course.count != facts.current => return Outcome::Suppressed,
        Held::Shown | Held::No => {}
    }
    match course.count.cmp(&facts.current) {
        std::cmp::Ordering::Greater => Outcome::ScaledUp,
        std::cmp::Ordering::Less => Outcome::ScaledDown,
        std::cmp::Ordering::Equal => at_rest(facts, course),
    }
}

/// Why the count stays.
fn at_rest(facts: &Facts<'_>, course: &Course) -> Outcome {
    match course.reason {
        Reason::MaxReplicas | Reason::PromotionCeiling | Reason::StepLimit => Outcome::Limited,
        Reason::Stabilization | Reason::DeadBand | Reason::HandScaled => Outcome::Stabilized,
        Reason::SignalUnavailable | Reason::CapacityUnknown => Outcome::ErrorBlocked,
        // A descent that the forecast or a promotion held back, as opposed to a term that asks for what runs.
        Reason::Forecast | Reason::Promotion if course.clamps.iter().any(|c| c.by == course.reason) => {
            Outcome::Stabilized
        }
        _ if signal::blind(facts).is_some() && course.reason != Reason::Pinned => Outcome::ErrorBlocked,
        _ => Outcome::NoScale,
    }
}

/// The clamp or term that won; while facts are missing and the count stays, what is missing.
fn reason(facts: &Facts<'_>, course: &Course, outcome: Outcome) -> Reason {
    match (outcome, course.reason, signal::blind(facts)) {
        (Outcome::ErrorBlocked, Reason::Conflict, _) => Reason::Conflict,
        (Outcome::ErrorBlocked, _, Some(missing)) => missing,
        (_, reason, _) => reason,
    }
}

/// Sooner while pods are starting or the count is moving; never later than a promotion's next step.
fn next_check(facts: &Facts<'_>, course: &Course) -> SignedDuration {
    let moving = course.count != facts.current || facts.input.replicas.starting > 0 || !course.clamps.is_empty();
    let usual = if moving { SOON } else { REST };
    next::promotion_step(facts)
        .map_or(usual, |t| t.duration_since(facts.now).clamp(SignedDuration::from_secs(1), usual))
}
