//! The owned Deployment: a pod template checked by a dry run, and replicas that are handed over, never applied.
//!
//! A field manager that applied `spec.replicas` once and leaves it out later gives the field back to the server's default,
//! one. So `presale` states replicas only at birth, where leaving them out would start a single pod; then
//! `presale-scaler` writes the same number through `/scale` and becomes a second owner; and only then does `presale`
//! leave the field out, which changes nothing. A crash in between is healed the same way, in the same order.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::ResourceRequirements;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::ResourceExt;
use kube::core::Status;
use presale_crds::{Probes, ShopServiceSpec};
use serde_json::{Value, json};

use super::{Applied, SERVICE_LABEL, Standing, dry_run, frame, labels, stand, write};
use crate::merge::merge;
use crate::replicas_owner::owned_by;
use crate::reserve::{IN_SERVICE, Selecting};
use crate::write::{MANAGER, Writer};
use crate::{Error, Target, scale};

/// Name of the container that we generate; `spec.podTemplate` merges over it by this name.
pub const CONTAINER: &str = "app";
/// Port where `spec.port` states none.
pub const PORT: u16 = 8080;
/// Seconds that a pod goes on serving after its removal from the Service began: proxies learn of it meanwhile.
const LINGER: u32 = 5;

/// Applies the Deployment if it differs. `at_birth` is its replicas if it does not exist yet.
pub(super) async fn apply(
    writer: &Writer,
    owner: &OwnerReference,
    wanted: &Value,
    at_birth: u32,
    cached: Option<Arc<Deployment>>,
) -> Result<Applied<Deployment>, Error> {
    let namespace = wanted.pointer("/metadata/namespace").and_then(Value::as_str).unwrap_or_default();
    let target = Target::owned(namespace, &owner.name);
    let standing = stand(writer, owner, wanted, cached).await?;
    if let Standing::AsWanted(object) = standing {
        return Ok(Applied::Unchanged(object));
    }
    let made: Deployment = dry_run(writer, wanted).await.map_err(as_template_error)?;
    let created = matches!(standing, Standing::Absent);
    if let Standing::Differs(live) = standing {
        if owned_by(live.managed_fields(), MANAGER) {
            let current = live.spec.as_ref().and_then(|spec| spec.replicas).and_then(|n| u32::try_from(n).ok());
            scale(writer, &target, current.unwrap_or(at_birth)).await?;
        }
    } else {
        let mut born = wanted.clone();
        merge(&mut born, json!({"spec": {"replicas": at_birth}}));
        write::<Deployment>(writer, &born, &made).await.map_err(as_template_error)?;
        scale(writer, &target, at_birth).await?;
    }
    let object = write(writer, wanted, &made).await.map_err(as_template_error)?;
    Ok(if created { Applied::Created(object) } else { Applied::Changed(object) })
}

/// What we want, replicas left out.
pub fn manifest(owner: &OwnerReference, namespace: &str, spec: &ShopServiceSpec, selecting: Selecting) -> Value {
    let mut template = json!({
        "metadata": {"labels": labels(&owner.name)},
        "spec": {
            "serviceAccountName": owner.name,
            "automountServiceAccountToken": false,
            "containers": [container(spec)],
            "topologySpreadConstraints": [{
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": {SERVICE_LABEL: owner.name}},
            }],
        },
    });
    if let Some(over) = &spec.pod_template {
        let over = json!({"metadata": over.metadata, "spec": over.spec});
        merge(&mut template, without_absent(over));
    }
    if selecting.template {
        merge(&mut template, json!({"metadata": {"labels": {IN_SERVICE: "true"}}}));
    }
    frame::<Deployment>(
        owner,
        namespace,
        json!({"spec": {
            "selector": {"matchLabels": {SERVICE_LABEL: owner.name}},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": "25%"}},
            "template": template,
        }}),
    )
}

/// A part of the template that was not written takes nothing away.
fn without_absent(over: Value) -> Value {
    match over {
        Value::Object(parts) => parts.into_iter().filter(|(_, part)| !part.is_null()).collect(),
        other => other,
    }
}

fn container(spec: &ShopServiceSpec) -> Value {
    let port = spec.port.unwrap_or(PORT);
    let resources = spec.resources.as_ref().map(ResourceRequirements::from);
    let mut container = json!({
        "name": CONTAINER,
        "image": spec.image,
        "ports": [{"name": "http", "containerPort": port, "protocol": "TCP"}],
        "lifecycle": {"preStop": {"sleep": {"seconds": LINGER}}},
    });
    let probes = spec.probes.clone().unwrap_or_default();
    merge(&mut container, probes_of(&probes));
    if !spec.env.is_empty() {
        merge(&mut container, json!({"env": spec.env}));
    }
    if let Some(resources) = resources {
        merge(&mut container, json!({"resources": resources}));
    }
    container
}

/// Probes that see a pod ready within a second, and forgive a busy one.
fn probes_of(probes: &Probes) -> Value {
    let probe = |path: &str, period: u32, failures: u32| {
        json!({"httpGet": {"path": path, "port": "http"},
            "periodSeconds": period, "timeoutSeconds": 2, "failureThreshold": failures})
    };
    let mut all = json!({});
    if let Some(path) = &probes.startup {
        merge(&mut all, json!({"startupProbe": probe(path, 1, 120)}));
    }
    if let Some(path) = &probes.readiness {
        merge(&mut all, json!({"readinessProbe": probe(path, 2, 2)}));
    }
    if let Some(path) = &probes.liveness {
        merge(&mut all, json!({"livenessProbe": probe(path, 10, 3)}));
    }
    all
}

/// A refusal of the manifest, told in terms of the `ShopService`'s fields.
fn as_template_error(error: Error) -> Error {
    match error.status() {
        Some(status) if matches!(status.code, 400 | 422 | 500) => {
            let (field, message) = refusal(status);
            Error::TemplateRefused { field, message }
        }
        _ => error,
    }
}

/// The first cause with its path; without causes (unknown fields), the server's words hold the path.
fn refusal(status: &Status) -> (String, String) {
    let causes = status.details.as_ref().map_or(&[][..], |details| details.causes.as_slice());
    match causes.iter().find(|cause| !cause.field.is_empty()) {
        Some(cause) => (in_our_terms(&cause.field), cause.message.clone()),
        None => ("spec.podTemplate".to_owned(), status.message.replace(".spec.template.", ".spec.podTemplate.")),
    }
}

fn in_our_terms(path: &str) -> String {
    let rest = path.strip_prefix("spec.template").map(|rest| format!("spec.podTemplate{rest}"));
    rest.unwrap_or_else(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::MANAGED_BY;
    use super::*;

    fn manifest_of(spec: Value) -> Value {
        let spec: ShopServiceSpec = serde_json::from_value(spec).expect("spec");
        let owner = OwnerReference { name: "orders".into(), uid: "u".into(), ..OwnerReference::default() };
        manifest(&owner, "shop", &spec, Selecting::default())
    }

    #[test]
    fn never_states_replicas() {
        let wanted = manifest_of(json!({"image": "orders:1", "replicas": {"min": 3, "max": 5}}));
        assert_eq!(wanted.pointer("/spec/replicas"), None);
        assert_eq!(wanted.pointer("/spec/template/spec/containers/0/ports/0/containerPort"), Some(&json!(8080)));
    }

    #[test]
    fn the_pod_template_lies_over_what_we_generate() {
        let wanted = manifest_of(json!({"image": "orders:1", "replicas": {"min": 1, "max": 5}, "port": 9000,
            "env": [{"name": "A", "value": "1"}], "resources": {"requests": {"cpu": "250m"}, "limits": {"memory": "1Gi"}},
            "probes": {"readiness": "/readyz"},
            "podTemplate": {"metadata": {"labels": {"team": "blue"}}, "spec": {"containers": [
                {"name": "app", "lifecycle": null, "env": [{"name": "B", "value": "2"}]}]}}}));
        let app = wanted.pointer("/spec/template/spec/containers/0").expect("app");
        assert_eq!(app["env"], json!([{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]));
        assert_eq!(app["resources"], json!({"requests": {"cpu": "250m"}, "limits": {"memory": "1Gi"}}));
        assert_eq!(app["readinessProbe"]["httpGet"], json!({"path": "/readyz", "port": "http"}));
        assert_eq!((app.get("lifecycle"), app.get("livenessProbe")), (None, None));
        let labels = &wanted["spec"]["template"]["metadata"]["labels"];
        assert_eq!((labels["team"].clone(), labels[SERVICE_LABEL].clone()), (json!("blue"), json!("orders")));
        assert_eq!(wanted["metadata"]["labels"][MANAGED_BY.0], json!(MANAGED_BY.1));
    }
}
