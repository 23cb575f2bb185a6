//! A promotion as the planner sees it: plain values, built by the adapter from the custom resource.

use jiff::{SignedDuration, Timestamp};
use presale_models::Expectation;
use serde::{Deserialize, Serialize};

use super::schedule::ScheduleSpec;

/// A planned rush.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PromotionSpec {
    /// Its name.
    pub name: String,
    /// Pooling key of what is learned.
    pub kind: String,
    /// When it happens.
    pub schedule: ScheduleSpec,
    /// The services it reaches, selectors resolved; empty = none found yet.
    pub targets: Vec<TargetSpec>,
    /// Decision → ready pod that plans count on; `None` = each service's own.
    pub lead_time: Option<SignedDuration>,
    /// How long before the start all capacity must be ready.
    pub ready_before: SignedDuration,
    /// Whether a human must agree and has not.
    pub awaits_approval: bool,
    /// Whether a human ended it.
    pub cancelled: bool,
    /// Most replica-hours above the replicas without it, per occurrence, over all targets.
    pub budget: Option<f64>,
    /// When it was created: an occurrence that was over by then is missed.
    pub created: Timestamp,
}

/// What a promotion asks of one service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TargetSpec {
    /// Name of the service.
    pub service: String,
    /// How much more load people expect.
    pub expectation: Option<Expectation>,
    /// Fewest replicas while it runs.
    pub floor: Option<u32>,
    /// Most replicas because of it.
    pub ceiling: Option<u32>,
}
