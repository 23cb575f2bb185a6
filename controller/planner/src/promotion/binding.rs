//! What keeps a plan from what is wanted, by name.

use serde::{Deserialize, Serialize};

use super::plan::TargetFacts;

/// The binding constraint of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Binding {
    /// The budget of replica-hours.
    Budget,
    /// The promotion's ceiling.
    Ceiling,
    /// The service's upper bound.
    MaxReplicas,
    /// The service's rules forbid going up, or allow it too slowly to ever arrive.
    StepLimit,
    /// Requests per replica are unknown; only stated floors and earlier plans count.
    CapacityUnknown,
    /// The normal load is unknown; only stated floors and earlier plans count.
    LoadUnknown,
    /// It is too late for all replicas to be ready in time; what can be done is done at once.
    LeadTime,
}

impl Binding {
    /// What cut `wanted` to `granted`; `None` if nothing did.
    pub(super) fn of(wanted: u32, granted: u32, ceiling: Option<u32>, facts: &TargetFacts<'_>) -> Option<Self> {
        let max = facts.max.max(facts.min);
        (wanted > granted).then(|| if ceiling.is_some_and(|c| c < max) { Self::Ceiling } else { Self::MaxReplicas })
    }

    /// Which of the two facts behind a plan is missing.
    pub(super) fn unknown(facts: &TargetFacts<'_>) -> Self {
        if facts.capacity_p10.is_none() { Self::CapacityUnknown } else { Self::LoadUnknown }
    }

    /// The word, stable across releases.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Budget => "Budget",
            Self::Ceiling => "Ceiling",
            Self::MaxReplicas => "MaxReplicas",
            Self::StepLimit => "StepLimit",
            Self::CapacityUnknown => "CapacityUnknown",
            Self::LoadUnknown => "LoadUnknown",
            Self::LeadTime => "LeadTime",
        }
    }
}
