//! Promotions: when they happen, what they ask for, and the floors that the decision sees of them.

mod baseline;
mod binding;
mod calendar;
mod event;
mod observe;
mod pace;
mod phase;
mod plan;
mod recurrence;
mod schedule;
mod spec;
mod takeover;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use baseline::Baseline;
pub use binding::Binding;
pub use calendar::windows;
pub use event::{PromotionPlan, plan_promotion};
pub use observe::observe;
pub use phase::Phase;
pub use plan::{PlannedBefore, TargetFacts, TargetPlan};
pub use recurrence::RecurrenceError;
pub use schedule::{Occurrence, Schedule, ScheduleError, ScheduleSpec};
pub use spec::{PromotionSpec, TargetSpec};

/// The replicas that one promotion asks of one service during a span of time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PromotionFloor {
    /// Name of the `PromotionEvent`.
    pub name: String,
    /// From when the floor holds (pre-scaling included).
    pub from: Timestamp,
    /// Until when (cooling down included).
    pub until: Timestamp,
    /// Start of the promotion itself.
    pub starts: Timestamp,
    /// End of the promotion itself.
    pub ends: Timestamp,
    /// Floor per time, ascending by `at`; each holds until the next. Empty = no floor, only a ceiling.
    pub floors: Vec<crate::Recommendation>,
    /// Most replicas allowed by this promotion.
    pub ceiling: Option<u32>,
}
