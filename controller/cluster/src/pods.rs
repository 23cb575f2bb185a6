//! The target's pods as plain facts, for counts, the lead time, and the search for a sick one.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, ContainerStatus, Pod, PodCondition, PodSpec, PodStatus};
use presale_planner::ReplicaCounts;

use crate::reserve::{self, PodReserve};

/// One pod that is not on its way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodFacts {
    /// Its name.
    pub name: String,
    /// Its identity: a later pod of the same name has another.
    pub uid: String,
    /// When the API server accepted it.
    pub created: Timestamp,
    /// When it last became Ready; `None` = it is not Ready now.
    pub ready_since: Option<Timestamp>,
    /// Restarts of all its containers together.
    pub restarts: u32,
    /// When a container of it last ended, whatever the cause; `None` = never.
    pub last_terminated: Option<Timestamp>,
    /// Image of its first container, as the template states it.
    pub image: String,
    /// Hash of the template that made it (`pod-template-hash` or `controller-revision-hash`).
    pub revision: Option<String>,
    /// The node that runs it; `None` = not scheduled yet.
    pub node: Option<String>,
    /// Its address; `None` = none yet.
    pub ip: Option<String>,
    /// Why the scheduler finds no place for it, in the scheduler's words.
    pub unschedulable: Option<String>,
    /// Why a container of it does not run (`CrashLoopBackOff`, `ErrImagePull`, …).
    pub waiting: Option<String>,
    /// How it stands to its service's warm reserve.
    pub reserve: PodReserve,
}

impl PodFacts {
    /// The facts of `pod`; `None` if it has finished or is being deleted.
    pub fn of(pod: &Pod) -> Option<Self> {
        let status = pod.status.clone().unwrap_or_default();
        let finished = matches!(status.phase.as_deref(), Some("Succeeded" | "Failed"));
        if finished || pod.metadata.deletion_timestamp.is_some() {
            return None;
        }
        let spec = pod.spec.as_ref();
        let containers = status.container_statuses.as_deref().unwrap_or_default();
        let labels = pod.metadata.labels.as_ref();
        let label = |name: &str| labels.and_then(|labels| labels.get(name)).cloned();
        Some(Self {
            name: pod.metadata.name.clone()?,
            uid: pod.metadata.uid.clone()?,
            created: pod.metadata.creation_timestamp.as_ref()?.0,
            ready_since: condition(&status, "Ready", "True").and_then(|c| Some(c.last_transition_time.as_ref()?.0)),
            restarts: containers.iter().map(|c| u32::try_from(c.restart_count).unwrap_or(0)).sum(),
            last_terminated: containers.iter().filter_map(ended).max(),
            image: spec.and_then(|s| s.containers.first()?.image.clone()).unwrap_or_default(),
            revision: label("pod-template-hash").or_else(|| label("controller-revision-hash")),
            node: spec.and_then(|s| s.node_name.clone()),
            ip: status.pod_ip.clone(),
            unschedulable: condition(&status, "PodScheduled", "False").map(|c| c.message.clone().unwrap_or_default()),
            waiting: containers.iter().find_map(|c| c.state.as_ref()?.waiting.as_ref()?.reason.clone()),
            reserve: PodReserve::of(pod),
        })
    }
}

/// Counts of a target that has `current` in its spec and these pods.
pub fn count<'a>(current: u32, pods: impl Iterator<Item = &'a PodFacts>) -> ReplicaCounts {
    let (ready, starting): (Vec<_>, Vec<_>) = pods.partition(|pod| pod.ready_since.is_some());
    let clip = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    ReplicaCounts { current, ready: clip(ready.len()), starting: clip(starting.len()) }
}

/// Drops what nobody here reads, so that a large cluster's pods fit into little memory.
pub fn slim(pod: &mut Pod) {
    pod.metadata.managed_fields = None;
    if let Some(annotations) = pod.metadata.annotations.as_mut() {
        annotations.retain(|name, _| reserve::ANNOTATIONS.contains(&name.as_str()));
    }
    pod.metadata.annotations = pod.metadata.annotations.take().filter(|annotations| !annotations.is_empty());
    if let Some(spec) = pod.spec.as_mut() {
        let mut containers = std::mem::take(&mut spec.containers);
        for container in &mut containers {
            let (name, image) = (std::mem::take(&mut container.name), container.image.take());
            let (resources, resize_policy) = (container.resources.take(), container.resize_policy.take());
            *container = Container { name, image, resources, resize_policy, ..Container::default() };
        }
        let node_name = spec.node_name.take();
        *spec = PodSpec { containers, node_name, ..PodSpec::default() };
    }
}

fn condition<'a>(status: &'a PodStatus, kind: &str, value: &str) -> Option<&'a PodCondition> {
    status.conditions.as_deref()?.iter().find(|c| c.type_ == kind && c.status == value)
}

fn ended(container: &ContainerStatus) -> Option<Timestamp> {
    let states = [container.last_state.as_ref(), container.state.as_ref()];
    states.into_iter().flatten().filter_map(|s| Some(s.terminated.as_ref()?.finished_at.as_ref()?.0)).max()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(extra: serde_json::Value) -> Pod {
        let mut pod = json!({
            "metadata": {"name": "orders-1", "uid": "u1", "creationTimestamp": "2026-11-27T20:00:00Z",
                         "labels": {"pod-template-hash": "abc"}, "annotations": {"big": "text", "controller.kubernetes.io/pod-deletion-cost": "-1000"}},
            "spec": {"nodeName": "n1", "containers": [{"name": "app", "image": "orders:1", "args": ["x"]}]},
            "status": {"phase": "Running", "podIP": "10.0.0.7",
                "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-11-27T20:00:09Z"}],
                "containerStatuses": [{"name": "app", "image": "", "imageID": "", "ready": true, "restartCount": 2,
                    "lastState": {"terminated": {"exitCode": 1, "finishedAt": "2026-11-27T20:00:05Z"}}}]}
        });
        crate::merge::merge(&mut pod, extra);
        serde_json::from_value(pod).expect("a pod")
    }

    #[test]
    fn a_ready_pod_tells_when_it_came_and_what_it_runs() {
        let mut whole = pod(json!({}));
        let facts = PodFacts::of(&whole).expect("facts");
        assert_eq!(facts.ready_since.map(|at| at.duration_since(facts.created).as_secs()), Some(9));
        assert_eq!((facts.restarts, facts.image.as_str(), facts.revision.as_deref()), (2, "orders:1", Some("abc")));
        assert_eq!(facts.last_terminated.map(|at| at.duration_since(facts.created).as_secs()), Some(5));
        slim(&mut whole);
        assert_eq!(PodFacts::of(&whole), Some(facts), "slimming loses no fact");
    }

    #[test]
    fn a_starting_pod_counts_and_a_leaving_one_does_not() {
        let starting = pod(json!({"status": {"conditions": [
            {"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available"}]}}));
        let starting = PodFacts::of(&starting).map(|facts| PodFacts { ready_since: None, ..facts }).expect("facts");
        assert_eq!(starting.unschedulable.as_deref(), Some("0/1 nodes are available"));
        assert_eq!(PodFacts::of(&pod(json!({"metadata": {"deletionTimestamp": "2026-11-27T21:00:00Z"}}))), None);
        assert_eq!(PodFacts::of(&pod(json!({"status": {"phase": "Failed"}}))), None);
        let ready = PodFacts::of(&pod(json!({}))).expect("facts");
        assert_eq!(count(5, [ready, starting].iter()), ReplicaCounts { current: 5, ready: 1, starting: 1 });
    }
}
