//! The owned `ServiceAccount`: an identity without rights, so that a pod of ours never runs as `default`.

use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use serde_json::{Value, json};

use super::frame;

/// What we want.
pub(super) fn manifest(owner: &OwnerReference, namespace: &str) -> Value {
    frame::<ServiceAccount>(owner, namespace, json!({"automountServiceAccountToken": false}))
}
