//! What is held in reserve: fields that show in the planner's policy, and in the size of a pod that is cut off.

use presale_cluster::reserve::ContainerSize;
use serde_json::{Value, json};

use crate::Case;
use crate::read::parsed;

/// The size of a pod of the service while it is in reserve.
fn small(shop: &Value) -> Value {
    let full: ContainerSize = serde_json::from_value(json!({
        "requests": {"cpu": "500m", "memory": "64Mi"}, "limits": {"cpu": "500m", "memory": "128Mi"}}))
    .expect("a size");
    let reserve = parsed(shop).reserve.expect("a reserve");
    serde_json::to_value(full.shrunk(&reserve, false, &[])).expect("a size is JSON")
}

fn size(cpu: &str, memory: &str) -> Value {
    json!({"requests": {"cpu": cpu, "memory": memory}, "limits": {"cpu": cpu, "memory": "128Mi"}})
}

fn reserve(fields: &Value) -> Value {
    json!({"scaling": {"reserve": fields}})
}

pub(crate) fn cases() -> Vec<Case> {
    let policy = |shop: &Value| json!(parsed(shop).reserve.map(|reserve| reserve.policy));
    let auto = |max: u32| json!({"size": "Auto", "max": max, "guarantee": "BestEffort"});
    let two = || reserve(&json!({"size": 2}));
    vec![
        Case::new(
            "scaling.reserve.size",
            reserve(&json!({"size": 2})),
            policy,
            [json!(null), json!({"size": {"Replicas": 2}, "max": 2, "guarantee": "BestEffort"})],
        )
        .besides(reserve(&json!({"size": "None"}))),
        Case::new("scaling.reserve.max", reserve(&json!({"max": 9})), policy, [auto(5), auto(9)])
            .besides(reserve(&json!({"size": "Auto"}))),
        Case::new(
            "scaling.reserve.resources.cpu",
            reserve(&json!({"resources": {"cpu": "20m"}})),
            small,
            [size("10m", "64Mi"), size("20m", "64Mi")],
        )
        .besides(two()),
        Case::new(
            "scaling.reserve.resources.memory",
            reserve(&json!({"resources": {"memory": "16Mi"}})),
            small,
            [size("10m", "64Mi"), size("10m", "16Mi")],
        )
        .besides(two()),
        Case::new(
            "scaling.reserve.guarantee",
            reserve(&json!({"guarantee": "Reserved"})),
            small,
            [size("10m", "64Mi"), size("500m", "64Mi")],
        )
        .besides(two()),
    ]
}

#[test]
fn an_adopted_workload_has_no_reserve() {
    let mut shop = crate::shop();
    let adopts = json!({"spec": {"image": null, "workloadRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "a"},
        "scaling": {"reserve": {"size": 2}}}});
    crate::lay_over(&mut shop, &adopts);
    assert_eq!(parsed(&shop).reserve, None);
}
