//! What happens to pods that are sick while their peers are well.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Treatment of sick pods. A pod is sick if it is an outlier in errors, latency or restarts against its peers at the
/// same load; where all are slow the service is overloaded and is scaled instead.
#[derive(KubeSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// Auto: sick pods are evicted (Eviction API, so `PodDisruptionBudgets` hold). Recommend: they are shown in status
    /// and events only. Off: nobody looks. Default Auto.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remediation: Option<Remediation>,
    /// Share of the desired replicas that must be Ready and well for an eviction to happen, in percent.
    /// Range "0%" to "100%". Default "60%".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 4))]
    #[x_kube(validation = Rule::new("self.matches('^(100|[1-9]?[0-9])%$')")
        .message("health.minHealthy must be a percentage from \"0%\" to \"100%\", such as \"60%\""))]
    pub min_healthy: Option<String>,
    /// Limit of evictions for health.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart_budget: Option<RestartBudget>,
}

/// What is done about a sick pod.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[schemars(inline, transform = crate::validation::described_by_field)]
pub enum Remediation {
    /// Evict it.
    #[default]
    Auto,
    /// Show it.
    Recommend,
    /// Do not look.
    Off,
}

/// Limit of evictions for health, per service.
#[derive(KubeSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct RestartBudget {
    /// Most pods evicted for health within any hour. Range 0 (none) to 1000. Default 6.
    #[schemars(range(min = 0, max = 1000))]
    pub per_hour: u32,
}
