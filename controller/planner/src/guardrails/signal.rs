//! Holds the count where facts are missing: only a fresh, complete load with a known capacity may lower it.

use crate::{Reason, course::Course, facts::Facts};

/// Never below what runs while the load or the capacity is unknown; missing is not zero.
pub(crate) fn apply(course: &mut Course, facts: &Facts<'_>) {
    if let Some(why) = blind(facts) {
        course.at_least(facts.current, why);
    }
}

/// What keeps the count from being lowered; `None` if nothing is missing.
pub(crate) fn blind(facts: &Facts<'_>) -> Option<Reason> {
    if facts.load.is_none() {
        Some(Reason::SignalUnavailable)
    } else if facts.capacity.is_none() {
        Some(Reason::CapacityUnknown)
    } else {
        None
    }
}
