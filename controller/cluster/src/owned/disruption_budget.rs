//! The owned `PodDisruptionBudget`: how many pods may be away at a time.

use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use presale_crds::ShopServiceSpec;
use serde_json::{Value, json};

use super::{SERVICE_LABEL, frame};
use crate::reserve::{IN_SERVICE, Selecting};

/// What we want: what `health.minHealthy` leaves over may be away. The server rounds it up, so a node can be drained
/// even at two replicas; and a pod that is not ready may always be evicted, or a sick pod would guard itself.
///
/// Of a service with a warm reserve only the pods that serve count. The server would take a percentage of all replicas
/// of the Deployment, so what must stay is said as a number; pods in reserve may always be evicted.
pub(super) fn manifest(owner: &OwnerReference, namespace: &str, spec: &ShopServiceSpec, selecting: Selecting) -> Value {
    let stated = spec.health.as_ref().and_then(|health| health.min_healthy.as_deref()).unwrap_or("60%");
    let away = 100 - stated.trim_end_matches('%').parse::<u32>().unwrap_or(60).min(100);
    let body = match selecting.active {
        Some(active) => json!({
            "selector": {"matchLabels": {SERVICE_LABEL: owner.name, IN_SERVICE: "true"}},
            "minAvailable": active - (active * away).div_ceil(100),
        }),
        None => json!({
            "selector": {"matchLabels": {SERVICE_LABEL: owner.name}},
            "maxUnavailable": format!("{away}%"),
        }),
    };
    let mut budget = frame::<PodDisruptionBudget>(owner, namespace, json!({"spec": body}));
    crate::merge::merge(&mut budget, json!({"spec": {"unhealthyPodEvictionPolicy": "AlwaysAllow"}}));
    budget
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(selecting: Selecting) -> Value {
        let spec: ShopServiceSpec =
            serde_json::from_value(json!({"image": "a", "replicas": {"min": 1, "max": 9}})).expect("a spec");
        let owner = OwnerReference { name: "orders".into(), uid: "u".into(), ..OwnerReference::default() };
        manifest(&owner, "shop", &spec, selecting)["spec"].clone()
    }

    #[test]
    fn only_pods_that_serve_count_where_there_is_a_reserve() {
        let all = budget(Selecting::default());
        assert_eq!((all["maxUnavailable"].clone(), all.get("minAvailable")), (json!("40%"), None));
        for (active, stay) in [(1, 0), (2, 1), (5, 3), (10, 6)] {
            let some = budget(Selecting { template: true, service: true, active: Some(active) });
            assert_eq!((some["minAvailable"].clone(), some.get("maxUnavailable")), (json!(stay), None));
            assert_eq!(some["selector"]["matchLabels"][IN_SERVICE], json!("true"));
        }
    }
}
