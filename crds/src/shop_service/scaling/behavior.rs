//! Stabilization and step limits, in the shape and meaning of `behavior` in `autoscaling/v2`.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Rules for each direction. Promotions and the bounds go before them.
#[derive(KubeSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct Behavior {
    /// Rules for going up. Default: no window, no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_up: Option<BehaviorRules>,
    /// Rules for going down. Default: a window that follows the forecast, no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_down: Option<BehaviorRules>,
}

/// Rules for one direction.
#[derive(KubeSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct BehaviorRules {
    /// Seconds over which wishes are remembered: going up the lowest of them wins, going down the highest.
    /// Range 0 to 3600. Default: 0 going up; going down, as long as the forecast asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 3600))]
    pub stabilization_window_seconds: Option<u32>,
    /// Which policy wins where there are several. Max: the one that allows most change. Min: least. Disabled: no change
    /// in this direction. Default Max.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub select_policy: Option<SelectPolicy>,
    /// Limits of how much may change per period; at most 16. Default none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub policies: Vec<ScalingPolicy>,
}

/// At most so much change per period.
#[derive(KubeSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ScalingPolicy {
    /// Pods: value counts pods. Percent: value is a percentage of the replicas at the period's start.
    #[serde(rename = "type")]
    pub type_: ScalingPolicyType,
    /// Most change per period, in pods or percent. Range 1 to 10000.
    #[schemars(range(min = 1, max = 10000))]
    pub value: u32,
    /// Length of the period in seconds. Range 1 to 1800.
    #[schemars(range(min = 1, max = 1800))]
    pub period_seconds: u32,
}

/// What a policy's value counts.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[schemars(inline, transform = crate::validation::described_by_field)]
pub enum ScalingPolicyType {
    /// Pods.
    Pods,
    /// Percent of the replicas at the period's start.
    Percent,
}

/// Which of several policies wins.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[schemars(inline, transform = crate::validation::described_by_field)]
pub enum SelectPolicy {
    /// The one that allows most change.
    #[default]
    Max,
    /// The one that allows least change.
    Min,
    /// No change in this direction.
    Disabled,
}
