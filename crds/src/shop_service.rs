//! `ShopService`: one service of the shop, what runs it, and how its replicas are decided.

mod expose;
mod health;
mod pods;
mod scaling;
mod status;

use k8s_openapi::api::core::v1::EnvVar;
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

pub use expose::{Audience, Expose, Method, Priority, RequestRate, Route, RouteLimits};
pub use health::{Health, Remediation, RestartBudget};
pub use pods::{PodTemplate, Probes, ResourceAmount, Resources};
pub use scaling::{
    Behavior, BehaviorRules, COUNTRIES, Calendar, Capacity, Forecast, Guarantee, LatencyTarget, Mode, Prices, Reserve,
    ReserveResources, ReserveSize, Scaling, ScalingPolicy, ScalingPolicyType, SelectPolicy, Signal, SignalSource,
    SignalType, Tier, Trust,
};
pub use status::{
    DecisionInput, ForecastPeak, ForecastStatus, HealthState, HealthStatus, LastDecision, Learned, LearnedRequests,
    NextChange, RemediationRecord, ReserveStatus, ShopServiceStatus, SickPod,
};

use crate::validation::object_name;

/// A service of the shop whose replicas Presale decides: from a forecast learned from its traffic, from planned
/// promotions, and from the load of the moment. Say either `image` (Presale owns Deployment, Service, `ServiceAccount`
/// and `PodDisruptionBudget`) or `workloadRef` (Presale writes only the scale of what already runs).
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Debug, Clone, PartialEq)]
#[kube(
    group = "presale.dev",
    version = "v1alpha1",
    kind = "ShopService",
    namespaced,
    status = "ShopServiceStatus",
    derive = "PartialEq",
    shortname = "shop",
    category = "presale",
    doc = "ShopService is one service of the shop: what runs it, and how its replicas are decided.",
    printcolumn(
        name = "Mode",
        type_ = "string",
        json_path = ".status.mode",
        description = "Auto, Recommend, Shadow or Paused: the mode in force, defaults and annotations included"
    ),
    printcolumn(name = "Min", type_ = "integer", json_path = ".spec.replicas.min", description = "Fewest replicas"),
    printcolumn(
        name = "Now",
        type_ = "integer",
        json_path = ".status.replicas",
        description = "Replicas in the target's spec"
    ),
    printcolumn(
        name = "Next",
        type_ = "string",
        json_path = ".status.next.summary",
        description = "Largest change coming within the hour: replicas and time"
    ),
    printcolumn(name = "Max", type_ = "integer", json_path = ".spec.replicas.max", description = "Most replicas"),
    printcolumn(name = "Ready", type_ = "integer", json_path = ".status.readyReplicas", description = "Ready pods"),
    printcolumn(
        name = "Forecast",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"ForecastTrusted\")].reason",
        description = "Whether the forecast acts, and why"
    ),
    printcolumn(
        name = "Promo",
        type_ = "string",
        json_path = ".status.promotion",
        description = "Promotion in force or next, with its phase"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "P95-Peak",
        type_ = "string",
        json_path = ".status.forecast.peak.p95",
        priority = 1,
        description = "95 % quantile of the forecast's peak, requests per second"
    ),
    printcolumn(
        name = "Lead",
        type_ = "string",
        json_path = ".status.learned.leadTime",
        priority = 1,
        description = "Learned time from decision to Ready pod (p95)"
    ),
    printcolumn(name = "Image", type_ = "string", json_path = ".spec.image", priority = 1, description = "Image run"),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.lastDecision.reason",
        priority = 1,
        description = "Why the replicas are what they are"
    )
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.image) != has(self.workloadRef)")
        .message("write exactly one of image (Presale owns the Deployment) and workloadRef (Presale scales what already runs)"),
    validation = Rule::new("has(self.workloadRef) == has(oldSelf.workloadRef)")
        .message("image and workloadRef cannot be exchanged: delete this ShopService and create one with the other field"),
    validation = Rule::new("!has(self.workloadRef) || !(has(self.port) || has(self.env) || has(self.resources) || has(self.probes) || has(self.podTemplate))")
        .message("port, env, resources, probes and podTemplate belong to the adopted workload: set them there and remove them here, or use image instead of workloadRef"),
)]
pub struct ShopServiceSpec {
    /// Container image to run. Presale then owns a Deployment, Service, `ServiceAccount` and `PodDisruptionBudget` of
    /// this object's name. Exactly one of image and workloadRef.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    #[x_kube(validation = Rule::new("self.matches('^[^ \\t\\r\\n]+$')")
        .message("image must be an image reference without blanks, such as \"registry.example/shop/orders:1.4.2\""))]
    pub image: Option<String>,
    /// Workload to adopt: anything with a scale subresource, such as a Deployment that Helm runs. Presale
    /// owns nothing of it and writes only its scale. Exactly one of image and workloadRef.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("self == oldSelf")
        .message("workloadRef is immutable: delete this ShopService (the workload keeps its replicas) and create one for the other workload"))]
    pub workload_ref: Option<WorkloadRef>,
    /// TCP port on which the container serves HTTP; the Service offers the same. Range 1 to 65535. Default 8080.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<u16>,
    /// Environment of the container, by name, as in a Pod. Default empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub env: Vec<EnvVar>,
    /// Compute resources of the container. Default none, which makes capacity hard to learn: state at least requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// HTTP paths that tell whether a pod is started, alive and ready. Default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probes: Option<Probes>,
    /// Any field of a pod template, merged over what Presale generates; checked by a server-side dry-run, whose errors
    /// become the condition Progressing with the path of the field. Default empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_template: Option<PodTemplate>,
    /// Ways into the service from outside, served by Presale's shop gateway. Default none: not reachable from outside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expose: Option<Expose>,
    /// Bounds of the replicas, and a human's pin.
    pub replicas: Replicas,
    /// How replicas are decided. Default: the operator's defaults throughout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scaling: Option<Scaling>,
    /// What happens to pods that are sick while their peers are well. Default: remediation Auto.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
}

/// Reference to a workload with a scale subresource in the same namespace.
#[derive(KubeSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!self.apiVersion.startsWith('presale.dev/') && !self.apiVersion.startsWith('autoscaling/')")
    .message("workloadRef must name a workload such as {apiVersion: apps/v1, kind: Deployment}, not another autoscaler"))]
pub struct WorkloadRef {
    /// API group and version of the workload, such as `apps/v1`.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new("self.matches('^([a-z0-9][-a-z0-9.]*/)?v[0-9][a-z0-9]*$')")
        .message("apiVersion must be group/version, such as \"apps/v1\""))]
    pub api_version: String,
    /// Kind of the workload, such as Deployment or `StatefulSet`.
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Z][A-Za-z0-9]*$')")
        .message("kind must be the CamelCase kind of the workload, such as \"Deployment\""))]
    pub kind: String,
    /// Name of the workload, in this namespace.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = object_name("workloadRef.name"))]
    pub name: String,
}

/// Bounds of the replicas. Every decision stays within them.
#[derive(KubeSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.min <= self.max")
        .message("replicas.min must not exceed replicas.max: lower min or raise max"),
    validation = Rule::new("!has(self.fixed) || self.fixed >= self.min && self.fixed <= self.max")
        .message("replicas.fixed must lie within replicas.min and replicas.max: pin within the bounds or widen them"),
)]
pub struct Replicas {
    /// Fewest replicas. Range 1 to 10000, at most max.
    #[schemars(range(min = 1, max = 10000))]
    pub min: u32,
    /// Most replicas. Range 1 to 10000, at least min.
    #[schemars(range(min = 1, max = 10000))]
    pub max: u32,
    /// A human's pin: exactly this many replicas, whatever load, forecast or promotions say, until it is removed
    /// (`presale pin`, `presale unpin`). Range min to max. Default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10000))]
    pub fixed: Option<u32>,
}
