//! What the operator reports about a promotion; what it learned there is the durable memory of uplift.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Quantity;

/// Where the event stands, what is planned and what was learned.
#[derive(KubeSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct PromotionEventStatus {
    /// Generation of the spec that this status was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Where the event stands; of a recurring one, its current or next occurrence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// Occurrences, oldest first: past ones with what was observed, and those planned next.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub occurrences: Vec<Occurrence>,
    /// Conditions by type: Approved, Feasible, Overlapping, Learned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

/// Where an event stands.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[schemars(inline, transform = crate::validation::described_by_field)]
pub enum Phase {
    /// Seen, not planned yet.
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

impl Phase {
    /// The word, as in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "Draft",
            Self::PendingApproval => "PendingApproval",
            Self::Scheduled => "Scheduled",
            Self::PreScaling => "PreScaling",
            Self::Active => "Active",
            Self::CoolingDown => "CoolingDown",
            Self::Completed => "Completed",
            Self::Cancelled => "Cancelled",
            Self::Missed => "Missed",
        }
    }
}

/// One time that the event happens.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Occurrence {
    /// Instant at which it starts.
    pub start: Time,
    /// Instant at which it ends.
    pub end: Time,
    /// What is planned, per service.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plan: Vec<OccurrencePlan>,
    /// What was observed, per service; filled when it is over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub observed_uplift: Vec<ObservedUplift>,
}

/// What one occurrence asks of one service.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct OccurrencePlan {
    /// Name of the `ShopService`.
    pub service: String,
    /// Most replicas asked for.
    pub peak_replicas: u32,
    /// When replicas are raised so that they are Ready in time.
    pub scale_up_at: Time,
}

/// Uplift that one occurrence brought to one service.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ObservedUplift {
    /// Name of the `ShopService`.
    pub service: String,
    /// Ratio of the load to the usual load at that time; 1 means none.
    pub mean: Quantity,
    /// Standard deviation of the ratio's natural logarithm.
    pub sd: Quantity,
    /// True where demand exceeded capacity, so that the ratio is a lower bound.
    pub censored: bool,
}
