//! Where a promotion stands.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{PromotionSpec, schedule::Occurrence};

/// Shortest time that a promotion cools down.
const LEAST_COOLING: SignedDuration = SignedDuration::from_mins(10);
/// Longest time that it does.
const MOST_COOLING: SignedDuration = SignedDuration::from_mins(60);

/// Where a promotion stands; of a repeating one, its current or next occurrence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Phase {
    /// Seen, and no service is found that it reaches.
    Draft,
    /// Waits for a human.
    PendingApproval,
    /// Planned.
    Scheduled,
    /// Capacity is being raised.
    PreScaling,
    /// It runs.
    Active,
    /// It is over and ramps down.
    CoolingDown,
    /// All of it is past.
    Completed,
    /// A human ended it.
    Cancelled,
    /// Its end was past before it was ever acted on.
    Missed,
}

/// The phase at `now` of the promotion whose current, next or else last occurrence is `occurrence`; `scale_up_at` is the
/// earliest over its targets. `before` is the phase last shown: a missed promotion stays missed.
pub(super) fn phase(
    spec: &PromotionSpec,
    occurrence: Option<Occurrence>,
    scale_up_at: Option<Timestamp>,
    before: Option<Phase>,
    now: Timestamp,
) -> Phase {
    if spec.cancelled {
        return Phase::Cancelled;
    }
    let Some(occurrence) = occurrence else { return Phase::Draft };
    let over = now >= occurrence.end;
    let unacted = spec.created >= occurrence.end || spec.awaits_approval;
    if over && (unacted || before == Some(Phase::Missed)) {
        return Phase::Missed;
    }
    if spec.awaits_approval {
        return Phase::PendingApproval;
    }
    if over {
        return if now < cooled(occurrence) { Phase::CoolingDown } else { Phase::Completed };
    }
    match scale_up_at {
        _ if spec.targets.is_empty() => Phase::Draft,
        _ if now >= occurrence.start => Phase::Active,
        Some(at) if now >= at => Phase::PreScaling,
        Some(_) | None => Phase::Scheduled,
    }
}

/// When an occurrence has cooled down: a quarter of its length after its end, within 10 … 60 min.
pub(super) fn cooled(occurrence: Occurrence) -> Timestamp {
    let quarter = occurrence.end.duration_since(occurrence.start) / 4;
    occurrence.end.saturating_add(quarter.clamp(LEAST_COOLING, MOST_COOLING)).unwrap_or(Timestamp::MAX)
}

/// The occurrence that counts at `now`: the first that has not cooled down, else the last.
pub(super) fn current(occurrences: &[Occurrence], now: Timestamp) -> Option<Occurrence> {
    occurrences.iter().find(|o| now < cooled(**o)).or(occurrences.last()).copied()
}
