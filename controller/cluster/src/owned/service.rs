//! The owned Service: the pods of one `ShopService` behind one name.

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use presale_crds::ShopServiceSpec;
use serde_json::{Value, json};

use super::{SERVICE_LABEL, deployment::PORT, frame};
use crate::merge::merge;
use crate::reserve::{IN_SERVICE, Selecting};

/// What we want: a cluster IP that leads to the container's port under the same number; past the pods that are cut off,
/// where some may be.
pub fn manifest(owner: &OwnerReference, namespace: &str, spec: &ShopServiceSpec, selecting: Selecting) -> Value {
    let port = spec.port.unwrap_or(PORT);
    let mut service = frame::<Service>(
        owner,
        namespace,
        json!({"spec": {
            "selector": {SERVICE_LABEL: owner.name},
            "ports": [{"name": "http", "port": port, "targetPort": "http", "protocol": "TCP"}],
        }}),
    );
    if selecting.service {
        merge(&mut service, json!({"spec": {"selector": {IN_SERVICE: "true"}}}));
    }
    service
}
