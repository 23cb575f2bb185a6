//! What a pod tells of its place in the reserve: labels, sizes, and how far a resize has come.

use k8s_openapi::api::core::v1::{Container, Pod, PodCondition};

use super::{COST, ContainerSize, DELETION_COST, FULL_SIZE, IN_SERVICE, METRICS_PORT};
use crate::convert::ReserveSpec;
use crate::owned::deployment::CONTAINER;

/// How a pod stands to the reserve.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PodReserve {
    /// Whether its Service leads to it, where the Service asks for the label.
    pub label: ServiceLabel,
    /// Whether it is removed before others.
    pub goes_first: bool,
    /// Name of the container that is resized.
    pub container: Option<String>,
    /// The container's size as the pod's spec states it.
    pub size: ContainerSize,
    /// Its size when it was cut off; `None` = it never was.
    pub noted: Option<ContainerSize>,
    /// How far the last resize has come.
    pub growth: Growth,
    /// Whether its class of service is Guaranteed.
    pub guaranteed: bool,
    /// Resources whose change restarts the container.
    pub restarts: Vec<String>,
    /// Port of its metrics, where it states one.
    pub metrics_port: Option<u16>,
}

/// The label by which a Service with a reserve leads to a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ServiceLabel {
    /// `"true"`: it serves.
    InService,
    /// Any other value: it is cut off.
    CutOff,
    /// No such label: a Service that asks for it does not lead there.
    #[default]
    Missing,
}

/// How far a resize has come.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Growth {
    /// The container has what the spec states.
    #[default]
    Settled,
    /// The kubelet has not carried it out yet.
    UnderWay,
    /// The node has no room for it: Deferred or Infeasible, in the kubelet's words.
    Deferred(String),
}

impl PodReserve {
    /// The facts of `pod`.
    pub(crate) fn of(pod: &Pod) -> Self {
        let (labels, annotations) = (pod.metadata.labels.as_ref(), pod.metadata.annotations.as_ref());
        let annotation = |name: &str| annotations.and_then(|all| all.get(name)).map(String::as_str);
        let containers = pod.spec.as_ref().map_or(&[][..], |spec| spec.containers.as_slice());
        let container = containers.iter().find(|c| c.name == CONTAINER).or_else(|| containers.first());
        let size = ContainerSize::of(container.and_then(|c| c.resources.as_ref()));
        Self {
            label: match labels.and_then(|labels| labels.get(IN_SERVICE)).map(String::as_str) {
                Some("true") => ServiceLabel::InService,
                Some(_) => ServiceLabel::CutOff,
                None => ServiceLabel::Missing,
            },
            goes_first: annotation(DELETION_COST).and_then(|cost| cost.parse::<i32>().ok()) == Some(COST),
            noted: annotation(FULL_SIZE).and_then(|text| serde_json::from_str(text).ok()),
            growth: growth(pod, container, &size),
            guaranteed: pod.status.as_ref().and_then(|status| status.qos_class.as_deref()) == Some("Guaranteed"),
            restarts: restarts(container),
            metrics_port: annotation(METRICS_PORT).and_then(|port| port.parse().ok()),
            container: container.map(|c| c.name.clone()),
            size,
        }
    }

    /// The size that it has in service: as noted when it was cut off, unless it has since been given more.
    pub fn full(&self) -> ContainerSize {
        self.noted.clone().filter(|noted| self.size.is_below(noted)).unwrap_or_else(|| self.size.clone())
    }

    /// The size that it has in reserve; `None` where nothing of it can be given back.
    pub fn small(&self, spec: &ReserveSpec) -> Option<ContainerSize> {
        let full = self.full();
        let small = full.shrunk(spec, self.guaranteed, &self.restarts);
        (!small.is(&full)).then_some(small)
    }

    /// Whether it runs on less than it has in service.
    pub fn is_small(&self) -> bool {
        self.noted.as_ref().is_some_and(|noted| self.size.is_below(noted))
    }
}

/// **Source**: KEP-1287: `PodResizePending` with reason Deferred or Infeasible, `PodResizeInProgress`, and the resources
/// that the container's status reports as in force.
fn growth(pod: &Pod, container: Option<&Container>, size: &ContainerSize) -> Growth {
    let Some(status) = &pod.status else { return Growth::Settled };
    let conditions = status.conditions.as_deref().unwrap_or_default();
    let holds = |kind: &str| conditions.iter().find(|c: &&PodCondition| c.type_ == kind && c.status == "True");
    if let Some(pending) = holds("PodResizePending") {
        let reason = pending.reason.clone().unwrap_or_default();
        let words = pending.message.clone().unwrap_or_default();
        return Growth::Deferred(format!("{reason}: {words}"));
    }
    let name = container.map_or("", |c| c.name.as_str());
    let statuses = status.container_statuses.as_deref().unwrap_or_default();
    let in_force = statuses.iter().find(|c| c.name == name).and_then(|c| c.resources.as_ref());
    let awaited = in_force.is_some_and(|in_force| !ContainerSize::of(Some(in_force)).is(size));
    if awaited || holds("PodResizeInProgress").is_some() { Growth::UnderWay } else { Growth::Settled }
}

fn restarts(container: Option<&Container>) -> Vec<String> {
    let policies = container.and_then(|c| c.resize_policy.as_deref()).unwrap_or_default();
    let restarting = policies.iter().filter(|policy| policy.restart_policy == "RestartContainer");
    restarting.map(|policy| policy.resource_name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(change: Value) -> PodReserve {
        let mut pod = json!({
            "metadata": {"name": "orders-1", "labels": {IN_SERVICE: "false"},
                "annotations": {DELETION_COST: "-1000", METRICS_PORT: "9090",
                    FULL_SIZE: "{\"requests\":{\"cpu\":\"500m\"}}"}},
            "spec": {"containers": [{"name": "proxy"}, {"name": "app", "resources": {"requests": {"cpu": "10m"}},
                "resizePolicy": [{"resourceName": "memory", "restartPolicy": "RestartContainer"}]}]},
            "status": {"qosClass": "Burstable", "containerStatuses": [
                {"name": "app", "image": "", "imageID": "", "ready": true, "restartCount": 0,
                 "resources": {"requests": {"cpu": "0.01"}}}]}
        });
        crate::merge::merge(&mut pod, change);
        PodReserve::of(&serde_json::from_value(pod).expect("a pod"))
    }

    #[test]
    fn a_shrunk_pod_knows_what_it_had() {
        let shrunk = pod(json!({}));
        assert_eq!((shrunk.label, shrunk.goes_first, shrunk.is_small()), (ServiceLabel::CutOff, true, true));
        assert_eq!((shrunk.container.as_deref(), shrunk.metrics_port), (Some("app"), Some(9090)));
        assert_eq!(shrunk.full().requests["cpu"], "500m");
        assert_eq!((&shrunk.growth, shrunk.restarts.as_slice()), (&Growth::Settled, &["memory".to_owned()][..]));
        let raised = pod(json!({"spec": {"containers": [{"name": "app", "resources": {"requests": {"cpu": "2"}}}]}}));
        assert_eq!(raised.full().requests["cpu"], "2", "what somebody gave it since is its size");
        assert!(!raised.is_small() && raised.growth == Growth::UnderWay);
    }

    #[test]
    fn a_growth_that_waits_for_room_is_none() {
        let waiting = json!({"status": {"conditions": [{"type": "PodResizePending", "status": "True",
            "reason": "Deferred", "message": "no room"}]}});
        assert_eq!(pod(waiting).growth, Growth::Deferred("Deferred: no room".to_owned()));
        let under_way = json!({"status": {"conditions": [{"type": "PodResizeInProgress", "status": "True"}]}});
        assert_eq!(pod(under_way).growth, Growth::UnderWay);
    }

    #[test]
    fn without_the_label_a_pod_is_neither_cut_off_nor_in_service() {
        assert_eq!(pod(json!({"metadata": {"labels": {IN_SERVICE: null}}})).label, ServiceLabel::Missing);
        assert_eq!(pod(json!({"metadata": {"labels": {IN_SERVICE: "true"}}})).label, ServiceLabel::InService);
    }
}
