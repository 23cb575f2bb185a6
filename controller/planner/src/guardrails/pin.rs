//! A human's pin wins over every term and window; only the hard bounds stand above it.

use crate::{Reason, course::Course, facts::Facts};

/// Sets the count to the pin, if there is one.
pub(crate) fn apply(course: &mut Course, facts: &Facts<'_>) {
    if let Some(pin) = facts.input.policy.fixed {
        course.to(pin, Reason::Pinned);
        course.reason = Reason::Pinned;
    }
}
