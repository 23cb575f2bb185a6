//! What a pod of an owned service is made of: resources, probes and the free part of its template.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ResourceRequirements;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as PodQuantity;
use kube::KubeSchema;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::validation::http_path;

/// Compute resources of the container.
#[derive(KubeSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.requests) || !has(self.limits) || self.requests.all(r, !(r in self.limits) || \
    !isQuantity(string(self.requests[r])) || !isQuantity(string(self.limits[r])) || \
    !quantity(string(self.requests[r])).isGreaterThan(quantity(string(self.limits[r]))))")
    .message("resources.requests must not exceed resources.limits: lower the request or raise the limit"))]
pub struct Resources {
    /// What the scheduler sets aside, by resource name, such as {cpu: 250m, memory: 64Mi}. Default none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 32))]
    #[x_kube(validation = amounts("resources.requests"))]
    pub requests: BTreeMap<String, ResourceAmount>,
    /// What the container may use at most, by resource name, such as {memory: 128Mi}. Default none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 32))]
    #[x_kube(validation = amounts("resources.limits"))]
    pub limits: BTreeMap<String, ResourceAmount>,
}

/// Every amount of a resource map is a quantity that is not negative.
fn amounts(field: &str) -> kube::core::Rule {
    kube::core::Rule::new(
        "self.all(r, isQuantity(string(self[r])) && !quantity(string(self[r])).isLessThan(quantity('0')))",
    )
    .message(&*format!(
        "{field} must map resource names to quantities of at least 0, such as {{cpu: 250m, memory: 64Mi}}"
    ))
}

/// Amount of one resource, kept as written: a whole number or a quantity.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(untagged)]
pub enum ResourceAmount {
    /// A whole number of units.
    Number(i64),
    /// A quantity such as `250m` or `64Mi`.
    Text(String),
}

impl From<&Resources> for ResourceRequirements {
    fn from(resources: &Resources) -> Self {
        let convert = |amounts: &BTreeMap<String, ResourceAmount>| {
            let pairs = amounts.iter().map(|(name, amount)| {
                let text = match amount {
                    ResourceAmount::Number(number) => number.to_string(),
                    ResourceAmount::Text(text) => text.clone(),
                };
                (name.clone(), PodQuantity(text))
            });
            (!amounts.is_empty()).then(|| pairs.collect())
        };
        Self { claims: None, limits: convert(&resources.limits), requests: convert(&resources.requests) }
    }
}

impl JsonSchema for ResourceAmount {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ResourceAmount".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Amount of one resource: a whole number or a quantity such as 250m or 64Mi.",
            "x-kubernetes-int-or-string": true,
            "maxLength": 32,
        })
    }
}

/// HTTP paths on the service's port that tell the kubelet how a pod fares. For other kinds of probes use podTemplate.
#[derive(KubeSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct Probes {
    /// Path that answers 2xx or 3xx while the pod may receive traffic, such as /readyz. Default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    #[x_kube(validation = http_path("probes.readiness"))]
    pub readiness: Option<String>,
    /// Path that answers 2xx or 3xx while the container need not be restarted, such as /healthz. Default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    #[x_kube(validation = http_path("probes.liveness"))]
    pub liveness: Option<String>,
    /// Path that answers 2xx or 3xx once the container has started, such as /readyz; the other probes wait for it.
    /// Default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    #[x_kube(validation = http_path("probes.startup"))]
    pub startup: Option<String>,
}

/// Free part of the pod template. Both fields take whatever a Pod takes; lists with a merge key (containers, env,
/// volumes, ports) merge by that key, the container that Presale generates is named `app`.
#[derive(KubeSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct PodTemplate {
    /// Labels and annotations of the pods; labels that Presale selects by cannot be changed. Default empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "any_object")]
    pub metadata: Option<serde_json::Value>,
    /// Any field of a pod's spec, such as nodeSelector, volumes or more containers. Default empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "any_object")]
    pub spec: Option<serde_json::Value>,
}

/// An object of which the API server keeps every field. A typed pod template would make a CRD too large for the
/// annotation that `kubectl apply` writes.
fn any_object(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true })
}
