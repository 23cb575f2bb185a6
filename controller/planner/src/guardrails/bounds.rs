//! Hard bounds: min ≤ count ≤ max, and a promotion's ceiling; they hold whatever else is known or unknown.

use crate::{Policy, Reason, course::Course, facts::Facts, floors::promotion};

/// Clamps to the bounds. A ceiling below the lower bound counts as the lower bound.
pub(crate) fn apply(course: &mut Course, facts: &Facts<'_>) {
    let (min, max) = of(&facts.input.policy);
    if let Some(ceiling) = promotion::ceiling(facts.input, facts.now) {
        course.at_most(ceiling.max(min), Reason::PromotionCeiling);
    }
    course.at_most(max, Reason::MaxReplicas);
    course.at_least(min, Reason::MinReplicas);
}

/// The bounds, in order even where they were given crossed: the lower one wins, as more is safer.
pub(crate) fn of(policy: &Policy) -> (u32, u32) {
    (policy.min, policy.max.max(policy.min))
}
