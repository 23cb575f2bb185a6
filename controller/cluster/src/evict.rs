//! Putting a pod away by the Eviction API, which asks every disruption budget first.

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::PostParams;
use kube::core::Status;
use serde_json::{Value, json};

use crate::Error;
use crate::write::Writer;

/// What became of an eviction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evicted {
    /// The pod is on its way out.
    Accepted,
    /// A disruption budget allows none now; the server's words.
    RefusedByBudget(String),
    /// The pod is gone, or another pod has its name.
    Gone,
}

/// Evicts the pod of that name, if it still is the one with that `uid`.
///
/// # Errors
/// [`Error::NotLeader`], [`Error::Deadline`], or [`Error::Api`] for refusals other than a budget's.
pub async fn evict(writer: &Writer, namespace: &str, name: &str, uid: &str) -> Result<Evicted, Error> {
    let api: Api<Pod> = Api::namespaced(writer.client().clone(), namespace);
    let object = format!("Pod {namespace}/{name}");
    // Not `Api::evict`: kube 5.0 sends `delete_options` where the server reads `deleteOptions`, and the precondition is lost.
    let eviction = json!({
        "apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": namespace},
        "deleteOptions": {"preconditions": {"uid": uid}},
    });
    let params = PostParams::default();
    let request = api.create_subresource::<_, Value>("eviction", name, &params, &eviction);
    match writer.send("evict", &object, request).await {
        Ok(_) => Ok(Evicted::Accepted),
        Err(error) => match error.status() {
            Some(status) if by_budget(status) => Ok(Evicted::RefusedByBudget(status.message.clone())),
            Some(status) if matches!(status.code, 404 | 409) => Ok(Evicted::Gone),
            _ => Err(error),
        },
    }
}

/// A budget's refusal has a cause of that name; a busy server's 429 has none.
fn by_budget(status: &Status) -> bool {
    let causes = status.details.as_ref().map_or(&[][..], |details| details.causes.as_slice());
    status.code == 429 && causes.iter().any(|cause| cause.reason == "DisruptionBudget")
}
