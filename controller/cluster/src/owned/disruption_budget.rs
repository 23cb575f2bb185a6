//! The owned `PodDisruptionBudget`: how many pods may be away at a time.

use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use presale_crds::ShopServiceSpec;
use serde_json::{Value, json};

use super::{SERVICE_LABEL, frame};

/// What we want: what `health.minHealthy` leaves over may be away. The server rounds it up, so a node can be drained
/// even at two replicas; and a pod that is not ready may always be evicted, or a sick pod would guard itself.
pub(super) fn manifest(owner: &OwnerReference, namespace: &str, spec: &ShopServiceSpec) -> Value {
    let stated = spec.health.as_ref().and_then(|health| health.min_healthy.as_deref()).unwrap_or("60%");
    let healthy = stated.trim_end_matches('%').parse::<u32>().unwrap_or(60).min(100);
    frame::<PodDisruptionBudget>(
        owner,
        namespace,
        json!({"spec": {
            "selector": {"matchLabels": {SERVICE_LABEL: owner.name}},
            "maxUnavailable": format!("{}%", 100 - healthy),
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        }}),
    )
}
