//! What humans want of a service's scaling, parsed and in range: built once from the custom resource.

use jiff::SignedDuration;
use presale_models::Level;
use serde::{Deserialize, Serialize};

/// How long a decision stands before the next one acts: over [now + lead time, now + lead time + hold) it must suffice.
/// Longer covers a rise that comes earlier than usual, shorter costs less. Against 5 min, 2 min saved 0.5 to 2 % of the
/// replica-hours on recorded traffic, at 0.01 % instead of 0.004 % of the requests unserved.
pub const HOLD: SignedDuration = SignedDuration::from_mins(2);

/// Scaling policy of one service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// Fewest replicas, ≥ 0.
    pub min: u32,
    /// Most replicas, ≥ `min`.
    pub max: u32,
    /// A human's pin; inside the bounds or clamped to them.
    pub fixed: Option<u32>,
    /// Whether decisions are carried out.
    pub mode: Mode,
    /// Level of the load's maximum that capacity must cover: 1 − accepted risk.
    pub level: Level,
    /// Whether the forecast must earn its right to act.
    pub trust: Trust,
    /// Rules for going up.
    pub up: Behavior,
    /// Rules for going down.
    pub down: Behavior,
    /// Humans forbade raising (annotation `presale.dev/paused-scale-out`, or `presale.dev/paused`).
    pub paused_out: bool,
    /// Humans forbade lowering (annotation `presale.dev/paused-scale-in`, or `presale.dev/paused`).
    pub paused_in: bool,
    /// How long a hand-set count is held as a floor.
    pub hand_hold: SignedDuration,
}

/// Whether decisions are carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    /// Decide and write.
    Auto,
    /// Decide, write nothing, show the decision in status.
    Recommend,
    /// Act on live load and promotions; the forecast is scored and shown, and does not act.
    Shadow,
    /// Hold everything.
    Paused,
}

/// When a forecast may act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Trust {
    /// Once its scores pass.
    Earned,
    /// At once.
    Always,
    /// Not at all.
    Never,
}

/// One direction's rules, as `autoscaling/v2` means them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Behavior {
    /// Going up: the lowest wish of this window wins; going down: the highest. `None` going up = no window; going down =
    /// as soon as a trusted forecast says that it is safe, and ten minutes without one.
    pub stabilization: Option<SignedDuration>,
    /// Step limits; empty = none.
    pub limits: Vec<StepLimit>,
    /// Which limit wins.
    pub select: Select,
}

/// At most this much change per period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum StepLimit {
    /// A number of pods.
    Pods {
        /// Pods per period.
        value: u32,
        /// The period.
        period: SignedDuration,
    },
    /// A share of the replicas at the period's start.
    Percent {
        /// Percent per period.
        value: u32,
        /// The period.
        period: SignedDuration,
    },
}

/// Which of several step limits wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Select {
    /// The one that allows most change.
    Max,
    /// The one that allows least change.
    Min,
    /// No change in this direction.
    Disabled,
}
