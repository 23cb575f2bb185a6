//! What runs: the target's replicas, pods, rollout, and whoever else has a hand on it, as plain facts.

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::core::{DynamicObject, Selector, SelectorExt};
use kube::{Client, ResourceExt};
use presale_crds::ShopService;
use presale_planner::ReplicaCounts;
use serde_json::Value;

use crate::pods::{PodFacts, count};
use crate::replicas_owner::HandScale;
use crate::reserve::{ServiceLabel, is_selecting};
use crate::watch::{Stores, cached};
use crate::write::read;
use crate::{Error, Target, rivals, selector};

/// The facts of one target at one instant.
#[derive(Debug, Clone, PartialEq)]
pub struct Observed {
    /// What was looked at.
    pub target: Target,
    /// Its label selector, in query syntax; empty where it states none.
    pub selector: String,
    /// Its counts, pods that are cut off from traffic left out.
    pub replicas: ReplicaCounts,
    /// Replicas in its spec, all of them.
    pub total: u32,
    /// Whether its Service leads to labelled pods only, so that some may be cut off.
    pub has_reserve: bool,
    /// Its pods, oldest first; those on their way out left out.
    pub pods: Vec<PodFacts>,
    /// Image that its template states now; `None` for kinds whose template is unknown to us.
    pub image: Option<String>,
    /// Pods of an older template still run.
    pub rolling_out: bool,
    /// A count that somebody else set.
    pub hand_scaled: Option<HandScale>,
    /// Who else writes the target's replicas, in words.
    pub conflict: Option<String>,
}

impl Observed {
    /// Whether `pod` is cut off from traffic.
    pub fn is_cut_off(&self, pod: &PodFacts) -> bool {
        self.has_reserve && pod.reserve.label != ServiceLabel::InService
    }

    /// The pods that its Service leads to.
    pub fn serving(&self) -> impl Iterator<Item = &PodFacts> {
        self.pods.iter().filter(|pod| !self.is_cut_off(pod))
    }
}

/// Looks at `target`, which `shop` owns or adopts. `now` is when a hand on its replicas counts as seen.
///
/// Deployments, pods and autoscalers come from the caches; other kinds cost two reads.
///
/// # Errors
/// [`Error::TargetMissing`] where it does not exist; [`Error::Api`] or [`Error::Deadline`] where a read fails.
pub async fn observe(
    client: &Client,
    stores: &Stores,
    target: &Target,
    shop: &ShopService,
    now: Timestamp,
) -> Result<Observed, Error> {
    let workload = match deployment(stores, target) {
        Some(found) => found,
        None => fetch(client, target).await?,
    };
    let mut pods = pods_of(stores, target, workload.selector.as_ref());
    pods.sort_by(|a, b| (a.created, &a.name).cmp(&(b.created, &b.name)));
    let has_reserve = target.owned && is_selecting(stores, (&target.namespace, &target.name));
    let out = |pod: &PodFacts| has_reserve && pod.reserve.label != ServiceLabel::InService;
    let cut_off = u32::try_from(pods.iter().filter(|pod| out(pod)).count()).unwrap_or(u32::MAX);
    let since = shop.creation_timestamp().map_or(workload.created, |time| time.0.max(workload.created));
    Ok(Observed {
        selector: workload.selector.map(|selector| selector.to_string()).unwrap_or_default(),
        replicas: count(workload.current.saturating_sub(cut_off), pods.iter().filter(|pod| !out(pod))),
        total: workload.current,
        has_reserve,
        hand_scaled: stores.hands.look(&target.describe(), (&workload.managers, workload.current), since, now),
        conflict: rivals::of(stores, target, shop),
        target: target.clone(),
        image: workload.image,
        rolling_out: workload.rolling_out,
        pods,
    })
}

/// What the kinds have in common.
struct Workload {
    created: Timestamp,
    current: u32,
    selector: Option<Selector>,
    image: Option<String>,
    rolling_out: bool,
    managers: Vec<k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry>,
}

fn deployment(stores: &Stores, target: &Target) -> Option<Workload> {
    if target.resource.kind != "Deployment" || target.resource.group != "apps" {
        return None;
    }
    let found = cached(&stores.deployments, (&target.namespace, &target.name))?;
    Some(of_deployment(&found))
}

fn of_deployment(found: &Deployment) -> Workload {
    let spec = found.spec.as_ref();
    let status = found.status.clone().unwrap_or_default();
    let template = spec.and_then(|spec| spec.template.spec.as_ref());
    Workload {
        created: found.creation_timestamp().map_or(Timestamp::MIN, |time| time.0),
        current: spec.and_then(|spec| spec.replicas).and_then(|n| u32::try_from(n).ok()).unwrap_or(1),
        selector: spec.and_then(|spec| spec.selector.clone().try_into().ok()).filter(|s: &Selector| !s.selects_all()),
        image: template.and_then(|template| template.containers.first()?.image.clone()),
        rolling_out: status.replicas.unwrap_or(0) > status.updated_replicas.unwrap_or(0),
        managers: found.managed_fields().to_vec(),
    }
}

async fn fetch(client: &Client, target: &Target) -> Result<Workload, Error> {
    let (api, object) = (target.api(client.clone()), target.describe());
    let missing = || Error::TargetMissing { object: object.clone() };
    let found = read("get", &object, api.get_opt(&target.name)).await?.ok_or_else(missing)?;
    let scale = read("get scale of", &object, api.get_scale(&target.name)).await?;
    let stated = scale.status.and_then(|status| status.selector).unwrap_or_default();
    let current = scale.spec.and_then(|spec| spec.replicas).and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
    Ok(Workload {
        created: found.creation_timestamp().map_or(Timestamp::MIN, |time| time.0),
        current,
        selector: selector::parse(&stated),
        image: found.data.pointer("/spec/template/spec/containers/0/image").and_then(Value::as_str).map(str::to_owned),
        rolling_out: is_rolling_out(&found),
        managers: found.managed_fields().to_vec(),
    })
}

/// Old pods beside new ones, told by the fields that workloads of `apps/v1`, and those modelled on them, keep in status.
fn is_rolling_out(found: &DynamicObject) -> bool {
    let number = |field: &str| found.data.pointer(&format!("/status/{field}")).and_then(Value::as_u64);
    let word = |field: &str| found.data.pointer(&format!("/status/{field}")).and_then(Value::as_str);
    match (word("currentRevision"), word("updateRevision")) {
        (Some(current), Some(update)) if current != update => true,
        _ => matches!((number("replicas"), number("updatedReplicas")), (Some(all), Some(new)) if all > new),
    }
}

fn pods_of(stores: &Stores, target: &Target, selector: Option<&Selector>) -> Vec<PodFacts> {
    let Some(selector) = selector else { return Vec::new() };
    let selected = |pod: &Pod| {
        pod.metadata.namespace.as_deref() == Some(target.namespace.as_str())
            && pod.metadata.labels.as_ref().is_some_and(|labels| selector.matches(labels))
    };
    stores.pods.state().iter().filter(|pod| selected(pod)).filter_map(|pod| PodFacts::of(pod)).collect()
}
