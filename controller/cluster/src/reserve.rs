//! The warm reserve on a pod: the label by which its Service leads to it, the size that it has and had, and the writes
//! that cut it off, shrink it, and bring it back.
//!
//! All state lies on the pod: nothing here is remembered by the operator, so one that is killed leaves nothing behind
//! that its successor does not see.

mod pod;
mod selecting;
mod size;
mod support;

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::owned::deployment::CONTAINER;
use crate::write::{MANAGER, Writer};
use crate::{Error, PodFacts};

pub use pod::{Growth, PodReserve, ServiceLabel};
pub use selecting::Selecting;
pub(crate) use selecting::is_selecting;
pub use size::ContainerSize;
pub(crate) use size::milli;
pub use support::can_resize;

/// Label of a pod that its Service leads to; in the pod template, so that new pods serve even with the operator dead.
pub const IN_SERVICE: &str = "presale.dev/in-service";
/// Annotation with the resources that a pod had when it was cut off.
pub const FULL_SIZE: &str = "presale.dev/full-size";
/// Annotation by which a `ReplicaSet` chooses whom to remove first.
pub const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";
/// Cost of removing a pod that is cut off: such pods go before all others.
pub const COST: i32 = -1_000;
/// Annotation with the port of a pod's metrics, as Prometheus is commonly told it.
pub const METRICS_PORT: &str = "prometheus.io/port";

/// Annotations of pods that are kept in the cache.
pub(crate) const ANNOTATIONS: [&str; 3] = [FULL_SIZE, DELETION_COST, METRICS_PORT];

/// Cuts a pod off from traffic: its Service no longer leads to it, its size is noted, and it is removed before others.
///
/// # Errors
/// [`Error::NotLeader`], [`Error::Deadline`], or [`Error::Api`] (404: the pod is gone; 422: another has its name).
pub async fn cut_off(writer: &Writer, namespace: &str, pod: &PodFacts) -> Result<(), Error> {
    let size = serde_json::to_string(&pod.reserve.full()).unwrap_or_default();
    let metadata = json!({
        "labels": {IN_SERVICE: "false"},
        "annotations": {FULL_SIZE: size, DELETION_COST: COST.to_string()},
    });
    mark(writer, namespace, pod, metadata).await
}

/// Puts a pod back in service: its Service leads to it, and it is removed like any other.
///
/// # Errors
/// As [`cut_off`].
pub async fn put_in_service(writer: &Writer, namespace: &str, pod: &PodFacts) -> Result<(), Error> {
    let metadata = json!({"labels": {IN_SERVICE: "true"}, "annotations": {DELETION_COST: null}});
    mark(writer, namespace, pod, metadata).await
}

/// Gives the pod's container that size, in place.
///
/// # Errors
/// As [`cut_off`]; refused (403, 422) where the node or a quota can never hold it, or the server knows no `pods/resize`
/// (404).
pub async fn resize(writer: &Writer, namespace: &str, pod: &PodFacts, size: &ContainerSize) -> Result<(), Error> {
    let patch = json!({
        "metadata": {"uid": pod.uid},
        "spec": {"containers": [{"name": pod.reserve.container.as_deref().unwrap_or(CONTAINER), "resources": size}]},
    });
    let (api, object) = place(writer, namespace, pod);
    let (params, patch) = (params(), Patch::Strategic(patch));
    let request = api.patch_resize(&pod.name, &params, &patch);
    writer.send("resize", &object, request).await.map(drop)
}

async fn mark(writer: &Writer, namespace: &str, pod: &PodFacts, mut metadata: Value) -> Result<(), Error> {
    metadata["uid"] = json!(pod.uid);
    let (api, object) = place(writer, namespace, pod);
    let (params, patch) = (params(), Patch::Merge(json!({"metadata": metadata})));
    let request = api.patch_metadata(&pod.name, &params, &patch);
    writer.send("label", &object, request).await.map(drop)
}

fn place(writer: &Writer, namespace: &str, pod: &PodFacts) -> (Api<Pod>, String) {
    (Api::namespaced(writer.client().clone(), namespace), format!("Pod {namespace}/{}", pod.name))
}

fn params() -> PatchParams {
    PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() }
}
