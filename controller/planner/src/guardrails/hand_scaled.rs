//! A count that a human set by hand is held as a floor for a while.

use crate::{Reason, course::Course, facts::Facts};

/// Holds up to the hand-set count; never raises above what runs, since the human may have thought again.
pub(crate) fn apply(course: &mut Course, facts: &Facts<'_>) {
    if let Some(hand) = facts.input.hand_scaled
        && facts.now.duration_since(hand.at) < facts.input.policy.hand_hold
    {
        course.at_least(hand.replicas.min(facts.current), Reason::HandScaled);
    }
}
