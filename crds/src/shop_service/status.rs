//! What the operator reports about a service. Nothing in it ages, so that nothing is written at rest.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{DurationText, Mode, Quantity};

/// What the operator sees and has decided.
#[derive(KubeSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct ShopServiceStatus {
    /// Generation of the spec that this status was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Mode in force, operator's defaults and pause annotations included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// Label selector of the service's pods, in text form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
    /// Replicas in the target's spec, the warm reserve left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<u32>,
    /// Pods that are Ready, the warm reserve left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_replicas: Option<u32>,
    /// Pods that were created and are not Ready yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starting_replicas: Option<u32>,
    /// The warm reserve; absent where the service has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reserve: Option<ReserveStatus>,
    /// Replicas that the last decision asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired_replicas: Option<u32>,
    /// The last decision that differed from the one before, with what led to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_decision: Option<LastDecision>,
    /// The largest change coming within the hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<NextChange>,
    /// Promotion in force or next, with its phase, such as "black-friday (Scheduled)".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promotion: Option<String>,
    /// The forecast behind decisions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forecast: Option<ForecastStatus>,
    /// What was learned about the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learned: Option<Learned>,
    /// Health of the pods against each other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<HealthStatus>,
    /// Conditions by type: Ready, `MetricsAvailable`, `ForecastTrusted`, `ScalingLimited`, `CapacityBlocked`, Healthy,
    /// Progressing, Conflict, Paused, `ReserveHeld`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

/// Pods of the warm reserve.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct ReserveStatus {
    /// Pods that the last decision wants in reserve.
    pub wanted: u32,
    /// Pods cut off from traffic that can be put back in service within a second.
    pub warm: u32,
    /// Those of them that run on the resources of the reserve.
    pub shrunk: u32,
    /// Pods whose growth the node defers or refuses: they are no capacity.
    pub deferred: u32,
}

/// A decision and what led to it.
#[derive(KubeSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct LastDecision {
    /// What it comes to: `ScaledUp`, `ScaledDown`, `NoScale`, Limited, Stabilized, Suppressed or `ErrorBlocked`.
    pub outcome: String,
    /// The term that won, such as Forecast, Reactive, Promotion or `MinReplicas`.
    pub reason: String,
    /// The decision in one sentence.
    pub message: String,
    /// Replicas in the target's spec at that time.
    pub current: u32,
    /// Replicas asked for.
    pub desired: u32,
    /// Replicas that the forecast asks for; absent where there is none that may act.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forecast_floor: Option<u32>,
    /// Replicas that the load of the moment asks for; absent where it is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reactive_floor: Option<u32>,
    /// Replicas that promotions ask for; absent where none is near.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promotion_floor: Option<u32>,
    /// What cut or held the wish, in the order in which it did, such as `MaxReplicas` or `StepLimit`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limited_by: Vec<String>,
    /// When it was made.
    pub at: Time,
    /// Facts that it rests on and their state.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<DecisionInput>,
}

/// One fact and its state.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct DecisionInput {
    /// Name of the fact, such as load, latency or forecast.
    pub name: String,
    /// Its state: Fresh, Stale, Empty, Zero, `NaN`, Partial, Error; for a forecast also why there is none.
    pub state: String,
}

/// The largest change coming within the hour.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct NextChange {
    /// Replicas then.
    pub replicas: u32,
    /// When.
    pub at: Time,
    /// Both in short, such as "19 @19:40"; the NEXT column.
    pub summary: String,
}

/// The forecast behind decisions.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ForecastStatus {
    /// Name of the model, such as seasonal-naive or regression.
    pub model: String,
    /// When it was trained.
    pub trained_at: Time,
    /// Highest load within the horizon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak: Option<ForecastPeak>,
    /// Weighted quantile loss on the past relative to weekly seasonal naive; below 1 is better than it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relative_wql: Option<Quantity>,
    /// Share of the past that lay below the 95 % quantile; 0.95 is ideal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage95: Option<Quantity>,
    /// Whether it may act.
    pub trusted: bool,
}

/// Highest load within the horizon.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ForecastPeak {
    /// Median, in the signal's unit (requests per second).
    pub p50: Quantity,
    /// 95 % quantile, in the signal's unit (requests per second).
    pub p95: Quantity,
    /// When.
    pub at: Time,
}

/// What was learned about the service.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct Learned {
    /// Time from decision to Ready pod, 95 % quantile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lead_time: Option<DurationText>,
    /// Load that one Ready replica serves within its latency target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_replica: Option<LearnedRequests>,
    /// Image that this was learned on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
}

/// Load that one Ready replica serves, in the signal's unit (requests per second).
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct LearnedRequests {
    /// Cautious: 10 % quantile; plans use it.
    pub p10: Quantity,
    /// Median.
    pub p50: Quantity,
}

/// Health of the pods against each other.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct HealthStatus {
    /// Well, Sick (some pods are), Overloaded (all are slow) or Unknown (no readings).
    pub state: HealthState,
    /// Pods that are sick now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sick_pods: Vec<SickPod>,
    /// The last thing done about a sick pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_remediation: Option<RemediationRecord>,
}

/// Verdict over the pods of one service.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[schemars(inline, transform = crate::validation::described_by_field)]
pub enum HealthState {
    /// No outlier.
    Well,
    /// Some pods are outliers.
    Sick,
    /// All are slow: a matter of scaling.
    Overloaded,
    /// No readings.
    Unknown,
}

/// A pod that is an outlier.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct SickPod {
    /// Name of the pod.
    pub name: String,
    /// What it is an outlier in: Errors, Latency or Restarts.
    pub cause: String,
    /// Since when.
    pub since: Time,
}

/// Something that was done about a sick pod.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct RemediationRecord {
    /// Name of the pod.
    pub pod: String,
    /// What it was an outlier in: Errors, Latency or Restarts.
    pub cause: String,
    /// What was done or held, such as Evicted, Recommended, `BudgetSpent` or `BreakerOpen`.
    pub action: String,
    /// When.
    pub at: Time,
}
