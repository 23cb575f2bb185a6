//! The decision, as a recipe: ask each term for its floor, take the highest, walk it through the guardrails, say why.

use crate::{Decision, PlanInput, facts::Facts, floors::Floors, guardrails, report, reserve};

/// Decides how many replicas a service should have.
///
/// Total and pure: it never fails, never panics, and the same input gives the same decision. Forecast and promotion only
/// raise the count; only a fresh, complete load with a known capacity lowers it; min ≤ desired ≤ max always. A service with a
/// warm reserve is planned as a whole, then split: those that the load of this moment needs in service, the others warm.
///
/// # Example
/// ```
/// # use jiff::{SignedDuration, Timestamp};
/// # use presale_models::{Level, Reading, Series};
/// # use presale_planner::*;
/// let now = Timestamp::from_second(1_800_000_000)?;
/// let step = SignedDuration::from_secs(30);
/// let free = Behavior { stabilization: None, limits: vec![], select: Select::Max };
/// let input = PlanInput {
///     now,
///     policy: Policy {
///         min: 2, max: 20, fixed: None, mode: Mode::Auto, level: Level::new(0.95)?, trust: Trust::Earned,
///         up: free.clone(), down: free, paused_out: false, paused_in: false, hand_hold: SignedDuration::from_mins(5),
///     },
///     replicas: ReplicaCounts { current: 2, ready: 2, starting: 0 },
///     load: Reading::Fresh { value: 300.0, at: now },
///     recent: Series::new(now, step, vec![])?,
///     saturation: Saturation { latency: Reading::Empty, latency_limit: None, over_since: None },
///     forecast: ForecastInput::Unavailable { reason: "not_enough_history".into() },
///     capacity_p10: Some(50.0),
///     capacity_p50: Some(60.0),
///     lead_time: SignedDuration::from_mins(3),
///     promotions: vec![], history: vec![], changes: vec![], hand_scaled: None, conflict: None, reserve: None,
/// };
/// let decision = decide(&input);
/// assert_eq!((decision.desired, decision.reason), (7, Reason::Reactive)); // ⌈300 × 1.05 / 50⌉
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn decide(input: &PlanInput) -> Decision {
    let in_service = Facts::of(input);
    let facts = reserve::all(&in_service);
    let floors = Floors::of(&facts);

    let mut course = reserve::wish(&in_service, &floors);
    guardrails::signal::apply(&mut course, &facts);
    guardrails::bounds::apply(&mut course, &facts);
    let recommendation = course.count;

    guardrails::stabilization::apply(&mut course, &facts, &floors);
    guardrails::descent::apply(&mut course, &facts);
    guardrails::hand_scaled::apply(&mut course, &facts);
    guardrails::dead_band::apply(&mut course, &facts, &floors);
    guardrails::step_limit::apply(&mut course, &facts);
    guardrails::pin::apply(&mut course, &facts);
    guardrails::bounds::apply(&mut course, &facts);
    let held = guardrails::writing::apply(&mut course, &facts);

    let split = reserve::split(course, held, &in_service, &floors);
    report::decision(&in_service, &floors, recommendation, split)
}
