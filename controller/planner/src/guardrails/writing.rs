//! Whether the decision is carried out: modes, pauses and other owners decide that, and nothing else does.

use crate::{Mode, Reason, course::Course, facts::Facts, guardrails::bounds};

/// What keeps a decision from being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Held {
    /// Nothing: it is written if it changes anything.
    No,
    /// Another owner of the target, or a pause: the count stays.
    Still(Reason),
    /// Mode `Recommend`: the decision is shown and not carried out.
    Shown,
}

/// Sets the count back to what runs where another owner, the mode or the pause of a direction forbids the change. The hard
/// bounds still hold in what is shown; nothing is written.
pub(crate) fn apply(course: &mut Course, facts: &Facts<'_>) -> Held {
    let held = held(course.count, facts);
    if let Held::Still(why) = held {
        let (min, max) = bounds::of(&facts.input.policy);
        course.to(facts.current.clamp(min, max), why);
        course.reason = why;
    }
    held
}

fn held(desired: u32, facts: &Facts<'_>) -> Held {
    let policy = &facts.input.policy;
    let paused = match desired.cmp(&facts.current) {
        std::cmp::Ordering::Greater => policy.paused_out,
        std::cmp::Ordering::Less => policy.paused_in,
        std::cmp::Ordering::Equal => policy.paused_out && policy.paused_in,
    };
    if facts.input.conflict.is_some() {
        Held::Still(Reason::Conflict)
    } else if policy.mode == Mode::Paused || paused {
        Held::Still(Reason::Paused)
    } else if policy.mode == Mode::Recommend {
        Held::Shown
    } else {
        Held::No
    }
}
