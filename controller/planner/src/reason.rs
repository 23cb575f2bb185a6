//! Closed vocabularies: why a decision is what it is, serving as event reason, condition reason and metric label alike.

use serde::{Deserialize, Serialize};

/// What a decision comes to (words of KEP-6107).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Outcome {
    /// More replicas.
    ScaledUp,
    /// Fewer replicas.
    ScaledDown,
    /// The same, since that is what is needed.
    NoScale,
    /// Bounds or step limits cut the wish.
    Limited,
    /// Held by a stabilization window, dead-band or hand-set floor.
    Stabilized,
    /// Decided but not written: mode, pause or pin.
    Suppressed,
    /// Held, since facts are missing or another owner is in the way.
    ErrorBlocked,
}

/// The term that won.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Reason {
    /// Forecast of the maximum load over the lead time.
    Forecast,
    /// Load now, its slope, or saturation.
    Reactive,
    /// A promotion's floor.
    Promotion,
    /// The lower bound.
    MinReplicas,
    /// The upper bound.
    MaxReplicas,
    /// A promotion's ceiling.
    PromotionCeiling,
    /// A human's pin.
    Pinned,
    /// A human's `kubectl scale`, held for a while.
    HandScaled,
    /// Paused by mode or annotation.
    Paused,
    /// Stabilization window or safe-descent rule.
    Stabilization,
    /// Step limit.
    StepLimit,
    /// Too small a change to be worth an action.
    DeadBand,
    /// No fresh, complete signal: nothing may be lowered.
    SignalUnavailable,
    /// Requests per replica neither declared nor learned.
    CapacityUnknown,
    /// Another owner of the target.
    Conflict,
}

impl Reason {
    /// Every reason, for metrics that export all labels from the start.
    pub const ALL: [Self; 15] = [
        Self::Forecast,
        Self::Reactive,
        Self::Promotion,
        Self::MinReplicas,
        Self::MaxReplicas,
        Self::PromotionCeiling,
        Self::Pinned,
        Self::HandScaled,
        Self::Paused,
        Self::Stabilization,
        Self::StepLimit,
        Self::DeadBand,
        Self::SignalUnavailable,
        Self::CapacityUnknown,
        Self::Conflict,
    ];

    /// The word, stable across releases.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Forecast => "Forecast",
            Self::Reactive => "Reactive",
            Self::Promotion => "Promotion",
            Self::MinReplicas => "MinReplicas",
            Self::MaxReplicas => "MaxReplicas",
            Self::PromotionCeiling => "PromotionCeiling",
            Self::Pinned => "Pinned",
            Self::HandScaled => "HandScaled",
            Self::Paused => "Paused",
            Self::Stabilization => "Stabilization",
            Self::StepLimit => "StepLimit",
            Self::DeadBand => "DeadBand",
            Self::SignalUnavailable => "SignalUnavailable",
            Self::CapacityUnknown => "CapacityUnknown",
            Self::Conflict => "Conflict",
        }
    }
}

impl Outcome {
    /// The word, stable across releases.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ScaledUp => "ScaledUp",
            Self::ScaledDown => "ScaledDown",
            Self::NoScale => "NoScale",
            Self::Limited => "Limited",
            Self::Stabilized => "Stabilized",
            Self::Suppressed => "Suppressed",
            Self::ErrorBlocked => "ErrorBlocked",
        }
    }
}
