//! Step limits with the meaning of `autoscaling/v2` policies and `selectPolicy`.
//!
//! **Source**: `calculateScaleUpLimitWithScalingRules` and `calculateScaleDownLimitWithBehaviors` in Kubernetes'
//! `podautoscaler/horizontal.go`: both directions' changes count towards the start of a period.

use jiff::{SignedDuration, Timestamp};

use crate::{
    Behavior, Reason, ReplicaChange, Select, StepLimit,
    course::Course,
    facts::{Facts, count},
};

/// Cuts the change to what the limits of its direction allow; never turns it around.
pub(crate) fn apply(course: &mut Course, facts: &Facts<'_>) {
    let (current, policy) = (facts.current, &facts.input.policy);
    let direction = if course.count > current { Direction::Up } else { Direction::Down };
    let rules = if direction == Direction::Up { &policy.up } else { &policy.down };
    let Some(limit) = limit(facts, rules, direction) else { return };
    if course.count > current {
        course.at_most(limit.max(current), Reason::StepLimit);
    } else if course.count < current {
        course.at_least(limit.min(current), Reason::StepLimit);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Up,
    Down,
}

/// The furthest count that the rules allow; `None` = no limit.
fn limit(facts: &Facts<'_>, rules: &Behavior, direction: Direction) -> Option<u32> {
    if rules.select == Select::Disabled {
        return Some(facts.current);
    }
    let furthest_is_highest = (direction == Direction::Up) == (rules.select == Select::Max);
    let proposals = rules.limits.iter().map(|l| proposal(facts, *l, direction));
    if furthest_is_highest { proposals.max() } else { proposals.min() }
}

/// The furthest count that one limit allows.
fn proposal(facts: &Facts<'_>, limit: StepLimit, direction: Direction) -> u32 {
    let (StepLimit::Pods { period, .. } | StepLimit::Percent { period, .. }) = limit;
    let start = period_start(facts.current, &facts.input.changes, facts.now, period);
    let exact = match (limit, direction) {
        (StepLimit::Pods { value, .. }, Direction::Up) => start + f64::from(value),
        (StepLimit::Pods { value, .. }, Direction::Down) => start - f64::from(value),
        (StepLimit::Percent { value, .. }, Direction::Up) => (start * (1.0 + f64::from(value) / 100.0)).ceil(),
        (StepLimit::Percent { value, .. }, Direction::Down) => start * (1.0 - f64::from(value) / 100.0),
    };
    count(exact)
}

/// Replicas at the start of the period: what runs, less what was added, plus what was removed within it.
fn period_start(current: u32, changes: &[ReplicaChange], now: Timestamp, period: SignedDuration) -> f64 {
    let net: f64 = changes
        .iter()
        .filter(|c| (SignedDuration::ZERO..period).contains(&now.duration_since(c.at)))
        .map(|c| f64::from(c.to) - f64::from(c.from))
        .sum();
    f64::from(current) - net
}
