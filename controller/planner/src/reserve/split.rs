//! Two capacities, two quantiles: what serves the next seconds is in service, what the lead time may bring is warm.

use jiff::SignedDuration;
use presale_models::Level;

use crate::{
    PlanInput, Reason, Reserve, ReservePolicy, ReserveSize,
    course::Course,
    facts::{Facts, replicas},
    floors::{Floors, reactive},
    guardrails::{bounds, hand_scaled, pin, signal, writing, writing::Held},
};

/// Share of the accepted risk that is left where replicas beyond the load of this moment are warm: what is held cheaply is
/// held further into the tail.
const TAIL: f64 = 0.25;
/// A replica stays in service so long after it was needed: an undo is cheap, and is two writes all the same.
const LINGER: SignedDuration = SignedDuration::from_mins(1);
/// From so long before a promotion's start on its replicas are in service.
const BEFORE_START: SignedDuration = SignedDuration::from_mins(1);

/// What is to be in service, and what beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Split {
    /// The way to the count in service.
    pub(crate) course: Course,
    /// What keeps it from being carried out.
    pub(crate) held: Held,
    /// The warm replicas; `None` without a reserve.
    pub(crate) reserve: Option<Reserve>,
}

/// The facts for replicas in service and warm ones together; without a reserve as they are. What cannot grow is no capacity.
pub(crate) fn all<'a>(in_service: &Facts<'a>) -> Facts<'a> {
    let Some(reserve) = in_service.input.reserve else { return *in_service };
    let risk = TAIL * (1.0 - in_service.level.get());
    Facts {
        current: in_service.current.saturating_add(reserve.usable()),
        level: Level::new(1.0 - risk).unwrap_or(in_service.level),
        ..*in_service
    }
}

/// What is wanted of all replicas: the highest floor, and where the humans fixed the reserve's size that many beside the
/// ones that serve.
pub(crate) fn wish(in_service: &Facts<'_>, floors: &Floors) -> Course {
    let (highest, term) = floors.highest();
    let fixed = match in_service.input.reserve {
        Some(reserve) if reserve.policy.size != ReserveSize::Auto => {
            serving(in_service, floors).0.saturating_add(most(reserve.policy))
        }
        _ => 0,
    };
    Course::start(highest.max(fixed), term)
}

/// Splits the count for all replicas; without a reserve all of them are in service. What does not fit into the reserve stays
/// in service.
pub(crate) fn split(whole: Course, held: Held, in_service: &Facts<'_>, floors: &Floors) -> Split {
    let Some(reserve) = in_service.input.reserve else { return Split { course: whole, held, reserve: None } };
    let (count, reason) = serving(in_service, floors);
    let mut course = Course::start(count, reason);
    signal::apply(&mut course, in_service);
    hand_scaled::apply(&mut course, in_service);
    pin::apply(&mut course, in_service);
    course.at_least(whole.count.saturating_sub(most(reserve.policy)), whole.reason);
    course.at_most(whole.count, whole.reason);
    bounds::apply(&mut course, in_service);
    let still = writing::apply(&mut course, in_service);
    let wanted = Reserve { replicas: beside(&course, &whole, in_service.input), warm: reserve.warm };
    // Pods are ordered or deleted although those in service stay as they are.
    let held = if held == Held::No && wanted.replicas != wanted.warm { held } else { still };
    Split { course, held, reserve: Some(wanted) }
}

/// Warm replicas beside `service`, within the upper bound together with it. What cannot grow comes on top, so that cold starts
/// take its place; what is paused in one direction does not go that way as a whole.
fn beside(service: &Course, whole: &Course, input: &PlanInput) -> u32 {
    let (policy, Some(reserve)) = (&input.policy, input.reserve) else { return 0 };
    let before = input.replicas.current.saturating_add(reserve.warm);
    let mut total = whole.count.max(service.count).saturating_add(reserve.deferred.min(reserve.warm));
    if policy.paused_in {
        total = total.max(before);
    }
    if policy.paused_out {
        total = total.min(before);
    }
    total.min(bounds::of(policy).1).saturating_sub(service.count)
}

/// Replicas that serve the next seconds, and the term they are owed to.
fn serving(facts: &Facts<'_>, floors: &Floors) -> (u32, Reason) {
    let (now, due) = (now(facts).unwrap_or(0), due(facts.input, floors));
    if due > now { (due, Reason::Promotion) } else { (now, Reason::Reactive) }
}

/// Replicas for the load of this moment and of the last minute; what comes beyond is back before its queue is full.
fn now(facts: &Facts<'_>) -> Option<u32> {
    let level = facts.load_at_least.zip(facts.capacity).map(|(load, capacity)| {
        let recent = lately(facts);
        replicas(load.max(recent), capacity)
    });
    reactive::with_saturation(facts, level)
}

/// Highest load of the steps that [`LINGER`] reaches; 0 where none is known.
fn lately(facts: &Facts<'_>) -> f64 {
    let (recent, from) = (&facts.input.recent, facts.at(-LINGER));
    if recent.end() <= from {
        return 0.0;
    }
    let reached = recent.samples().iter().skip(recent.index_of(from).unwrap_or(0));
    reached.filter_map(|s| s.value()).filter(|v| v.is_finite()).fold(0.0, f64::max)
}

/// Replicas of promotions that run or are about to start.
fn due(input: &PlanInput, floors: &Floors) -> u32 {
    let near = |at| input.now.saturating_add(BEFORE_START).is_ok_and(|soon| at <= soon);
    let any = input.promotions.iter().any(|p| near(p.starts) && input.now < p.ends);
    if any { floors.promotion.unwrap_or(0) } else { 0 }
}

/// Most replicas that may be warm.
fn most(policy: ReservePolicy) -> u32 {
    match policy.size {
        ReserveSize::Auto => policy.max,
        ReserveSize::Replicas(n) => n.min(policy.max),
    }
}
