//! Everything a decision depends on, as plain values: the same input gives the same decision, byte for byte.

use jiff::{SignedDuration, Timestamp};
use presale_models::{QuantileForecast, Reading, Series};
use serde::{Deserialize, Serialize};

use crate::{Policy, PromotionFloor, ReserveInput};

/// The facts of one service at one instant. Written to the ledger as is, so that any decision can be replayed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanInput {
    /// The one clock reading of this decision.
    pub now: Timestamp,
    /// What the humans want.
    pub policy: Policy,
    /// What runs.
    pub replicas: ReplicaCounts,
    /// Offered load of the whole service now. Unit: the signal's (requests/s).
    pub load: Reading,
    /// Offered load of the last 15–30 minutes, evenly spaced (for slope and descent); may be empty.
    pub recent: Series,
    /// Latency and queueing: whether what runs is overloaded.
    pub saturation: Saturation,
    /// What is expected.
    pub forecast: ForecastInput,
    /// Load that one ready replica serves within its SLO, cautious (P10 of the posterior). Unit: the signal's. > 0, or
    /// `None` where neither declared nor learned.
    pub capacity_p10: Option<f64>,
    /// The same, median.
    pub capacity_p50: Option<f64>,
    /// Decision → ready pod, p95.
    pub lead_time: SignedDuration,
    /// Floors and ceilings of promotions in force or near; any order.
    pub promotions: Vec<PromotionFloor>,
    /// Wishes of the past decisions before stabilization, oldest first. A window that they do not yet cover in full holds
    /// the count, so an operator that just started lowers nothing at once. Kept by [`crate::Memory`].
    pub history: Vec<Recommendation>,
    /// Changes of replicas that we wrote, oldest first; at least the longest policy period of `behavior`. Kept by
    /// [`crate::Memory`].
    pub changes: Vec<ReplicaChange>,
    /// A human scaled the target by hand and we hold it as a floor for a while.
    pub hand_scaled: Option<HandScaled>,
    /// Another owner writes the same target (a foreign HPA, an object that is not ours): its name.
    pub conflict: Option<String>,
    /// The warm reserve; `None` = the service has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reserve: Option<ReserveInput>,
}

/// Replicas of the target that are in service or on their way into it: all of them, less the warm ones where there is a reserve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ReplicaCounts {
    /// In the target's spec, less the warm ones.
    pub current: u32,
    /// Ready pods.
    pub ready: u32,
    /// Pods created and not ready yet.
    pub starting: u32,
}

/// Signs that what runs cannot serve its load.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Saturation {
    /// Latency at the policy's quantile, seconds.
    pub latency: Reading,
    /// Limit of that latency in seconds; `None` = not stated.
    pub latency_limit: Option<f64>,
    /// Since when latency has been over its limit without a break.
    pub over_since: Option<Timestamp>,
}

/// The forecast as the decision sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state")]
pub enum ForecastInput {
    /// There is one.
    Available {
        /// [`presale_models::Target::Maximum`] per row: row i bounds the load that a decision at `time_of(i)` must serve.
        /// Covers at least now … now + 2 × lead time; up to the horizon for `next`.
        maximum: QuantileForecast,
        /// Whether it has earned (or was given) the right to act.
        trusted: bool,
        /// End of the data behind it.
        data_until: Timestamp,
        /// Whether the load bursts within a lead time as no forecast foresees.
        #[serde(default)]
        bursty: bool,
    },
    /// There is none, and why (a stable word: `not_enough_history`, `fit`, `artifact_corrupt`, `disabled`).
    Unavailable {
        /// The stable word.
        reason: String,
    },
}

/// A replica count at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recommendation {
    /// When.
    pub at: Timestamp,
    /// How many.
    pub replicas: u32,
}

/// A change of replicas that took effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicaChange {
    /// When.
    pub at: Timestamp,
    /// Replicas before.
    pub from: u32,
    /// Replicas after.
    pub to: u32,
}

/// A human's `kubectl scale`, seen and respected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandScaled {
    /// The count the human set.
    pub replicas: u32,
    /// When it was seen.
    pub at: Timestamp,
}
