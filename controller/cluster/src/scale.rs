//! The one actuation: replicas, through `/scale`, by a field manager that owns nothing else.

use k8s_openapi::api::autoscaling::v1::Scale;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use crate::write::{SCALER, Writer};
use crate::{Error, Target};

/// Writes `replicas` to the target's scale and takes over that one field (a human's or Helm's value included).
///
/// # Errors
/// [`Error::NotLeader`], [`Error::Deadline`], or [`Error::Api`]; the replicas are then as they were, or seen next round.
pub async fn scale(writer: &Writer, target: &Target, replicas: u32) -> Result<Scale, Error> {
    let body = json!({
        "apiVersion": "autoscaling/v1",
        "kind": "Scale",
        "metadata": {"name": target.name, "namespace": target.namespace},
        "spec": {"replicas": replicas},
    });
    let api = target.api(writer.client().clone());
    let params = PatchParams::apply(SCALER).force();
    let patch = Patch::Apply(body);
    writer.send("scale", &target.describe(), api.patch_scale(&target.name, &params, &patch)).await
}
