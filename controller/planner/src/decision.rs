//! One decision: the count, its reason, every input and every clamp, so that nothing after it has to choose.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Outcome, Reason, Reserve};

/// What to do, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// The clock reading it was taken at.
    pub at: Timestamp,
    /// Its kind.
    pub outcome: Outcome,
    /// The term or clamp that won.
    pub reason: Reason,
    /// One sentence for people, with numbers.
    pub message: String,
    /// Replicas in the target's spec, less the warm ones.
    pub current: u32,
    /// Replicas that should be in service, always within min and max; carried out only where `write` says so.
    pub desired: u32,
    /// Warm replicas that should be beside them, within max together with `desired`; `None` = the service has no reserve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reserve: Option<Reserve>,
    /// What would be right without windows, limits, pins and modes, warm replicas included; goes into the next input's
    /// `history`.
    pub recommendation: u32,
    /// Replicas for the forecast; `None` = no forecast.
    pub forecast_floor: Option<u32>,
    /// Replicas for the live load; `None` = no live signal.
    pub reactive_floor: Option<u32>,
    /// Replicas for promotions; `None` = none near.
    pub promotion_floor: Option<u32>,
    /// Whether the adapter shall carry it out: `desired`, with the warm replicas wanted, to the target's scale, and pods out
    /// of service or back into it.
    pub write: bool,
    /// Every clamp that changed the count, in order.
    pub clamps: Vec<Clamp>,
    /// Every input with its state.
    pub inputs: Vec<InputState>,
    /// The largest change coming within the hour.
    pub next: Option<NextChange>,
    /// When to decide again at the latest.
    pub next_check: SignedDuration,
}

/// One step that changed the count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clamp {
    /// Which.
    pub by: Reason,
    /// Count before.
    pub from: u32,
    /// Count after.
    pub to: u32,
}

/// One input's name and state (`load: Fresh`, `forecast: Trusted`, …).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputState {
    /// The input.
    pub name: String,
    /// Its state, a stable word.
    pub state: String,
    /// Its value in words, for people; may be empty.
    pub detail: String,
}

/// The largest change that is coming.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextChange {
    /// The count.
    pub replicas: u32,
    /// When.
    pub at: Timestamp,
    /// Which term asks for it.
    pub reason: Reason,
}
