//! Whoever plays the kubelet for pods of a reserve: each gets an address and metrics of its own, and its size in place where
//! the node has room.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use anyhow::Result;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ListParams, Patch, PatchParams};
use kube::{Api, ResourceExt};
use presale_cluster::reserve::{IN_SERVICE, METRICS_PORT};
use serde_json::json;
use test_kit::Exporter;
use tokio::task::JoinHandle;

use crate::harness::{Stage, jiff_now};

/// Time between two looks.
const LOOK: Duration = Duration::from_millis(200);

/// The kubelet of one stage.
pub(super) struct Kubelet {
    room: Arc<AtomicBool>,
    load: Arc<AtomicU32>,
    playing: JoinHandle<()>,
}

/// What it knows of one pod.
struct Known {
    exporter: Exporter,
    offered: f64,
    cpu: f64,
    waits: bool,
}

impl Kubelet {
    /// Plays from now on: there is room, and no request comes.
    pub(super) fn play(stage: &Stage) -> Self {
        let (room, load) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicU32::new(0)));
        let pods: Api<Pod> = Api::namespaced(stage.client.clone(), &stage.namespace);
        let playing = tokio::spawn(play(pods, Arc::clone(&room), Arc::clone(&load)));
        Self { room, load, playing }
    }

    /// Whether the node has room for pods that grow.
    pub(super) fn has_room(&self, room: bool) {
        self.room.store(room, Ordering::Relaxed);
    }

    /// Requests per second from now on, shared by the pods in service.
    pub(super) fn offer(&self, rate: u32) {
        self.load.store(rate, Ordering::Relaxed);
    }
}

impl Drop for Kubelet {
    fn drop(&mut self) {
        self.playing.abort();
    }
}

async fn play(pods: Api<Pod>, room: Arc<AtomicBool>, load: Arc<AtomicU32>) {
    let mut known: HashMap<String, Known> = HashMap::new();
    let mut every = tokio::time::interval(LOOK);
    loop {
        every.tick().await;
        let Ok(list) = pods.list(&ListParams::default()).await else { continue };
        let serving = list.items.iter().filter(|pod| is_serving(pod)).count().max(1);
        let share = f64::from(load.load(Ordering::Relaxed)) / serving as f64;
        for pod in list.items.iter().filter(|pod| pod.metadata.deletion_timestamp.is_none()) {
            let _gone_meanwhile = tend(&pods, pod, &mut known, room.load(Ordering::Relaxed), share).await;
        }
    }
}

async fn tend(pods: &Api<Pod>, pod: &Pod, known: &mut HashMap<String, Known>, room: bool, share: f64) -> Result<()> {
    let uid = pod.uid().unwrap_or_default();
    if !known.contains_key(&uid) {
        let exporter = Exporter::start("").await?;
        let port = exporter.address().rsplit_once(':').map_or("", |(_, port)| port).to_owned();
        let annotated = json!({"metadata": {"annotations": {METRICS_PORT: port}}});
        pods.patch(&pod.name_any(), &PatchParams::default(), &Patch::Merge(annotated)).await?;
        let address = json!({"status": {"podIP": "127.0.0.1", "podIPs": [{"ip": "127.0.0.1"}]}});
        pods.patch_status(&pod.name_any(), &PatchParams::default(), &Patch::Merge(address)).await?;
        known.insert(uid.clone(), Known { exporter, offered: 5.0, cpu: cpu(pod), waits: false });
    }
    let Some(node) = known.get_mut(&uid) else { return Ok(()) };
    if is_serving(pod) {
        node.offered += share * LOOK.as_secs_f64();
    }
    node.exporter
        .set(&format!("shop_requests_offered_total{{route=\"/\"}} {}\nhttp_server_active_requests 0\n", node.offered));
    let grows = cpu(pod) > node.cpu;
    if !grows || room {
        node.cpu = cpu(pod);
    }
    let waits = grows && !room;
    if waits != node.waits {
        node.waits = waits;
        let pending = json!({"status": {"conditions": [{"type": "PodResizePending",
            "status": if waits { "True" } else { "False" }, "reason": "Deferred", "message": "Node didn't have enough resource",
            "lastTransitionTime": jiff_now()}]}});
        pods.patch_status(&pod.name_any(), &PatchParams::default(), &Patch::Strategic(pending)).await?;
    }
    Ok(())
}

fn is_serving(pod: &Pod) -> bool {
    pod.labels().get(IN_SERVICE).is_some_and(|value| value == "true")
}

/// Thousandths of a processor that the pod's spec asks for.
pub(super) fn cpu(pod: &Pod) -> f64 {
    let spec = pod.spec.as_ref().and_then(|spec| spec.containers.first()?.resources.as_ref()?.requests.as_ref());
    let text = spec.and_then(|requests| requests.get("cpu")).map(|cpu| cpu.0.as_str()).unwrap_or_default();
    text.strip_suffix('m').and_then(|milli| milli.parse().ok()).unwrap_or(0.0)
}
