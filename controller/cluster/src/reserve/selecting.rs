//! Whether a Service leads to labelled pods only: from the first pod that may be cut off until the last is back.

use k8s_openapi::api::apps::v1::Deployment;
use kube::ResourceExt;
use presale_crds::{ReserveSize, ShopService};

use super::{IN_SERVICE, PodReserve, ServiceLabel};
use crate::owned::SERVICE_LABEL;
use crate::watch::{Stores, cached};

/// How the objects of a service are to take part in its reserve.
///
/// A service that is given a reserve rolls once, for its new pods to carry the label, and its Service asks for the label
/// only when every pod has it. Where the reserve is taken away the Service asks no more as soon as no pod is cut off;
/// the label stays in the template, where it harms nobody, so that no pod restarts for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Selecting {
    /// Whether the pod template carries the label.
    pub template: bool,
    /// Whether the Service asks for it.
    pub service: bool,
    /// Replicas that serve, for the disruption budget; `None` = all do.
    pub active: Option<u32>,
}

impl Selecting {
    /// As the caches show the objects of `shop`.
    pub(crate) fn of(stores: &Stores, shop: &ShopService) -> Self {
        let (namespace, name) = (shop.namespace().unwrap_or_default(), shop.name_any());
        let place = (namespace.as_str(), name.as_str());
        let wanted = wants(shop);
        let deployment = cached(&stores.deployments, place);
        let labelled = deployment.as_deref().is_some_and(has_label);
        let pods: Vec<PodReserve> = stores
            .pods
            .state()
            .iter()
            .filter(|pod| pod.namespace().as_deref() == Some(namespace.as_str()))
            .filter(|pod| pod.labels().get(SERVICE_LABEL) == Some(&name) && pod.metadata.deletion_timestamp.is_none())
            .map(|pod| PodReserve::of(pod))
            .collect();
        let out = pods.iter().filter(|pod| pod.label == ServiceLabel::CutOff).count();
        let all_labelled = pods.iter().all(|pod| pod.label != ServiceLabel::Missing);
        let rolled = deployment.as_deref().is_none_or(|deployment| labelled && is_rolled_out(deployment));
        let asks = is_selecting(stores, place);
        let service = out > 0 || wanted && (asks || rolled && all_labelled);
        let replicas = deployment.as_ref().and_then(|d| u32::try_from(d.spec.as_ref()?.replicas?).ok()).unwrap_or(0);
        let active = replicas.saturating_sub(u32::try_from(out).unwrap_or(u32::MAX));
        Self { template: wanted || labelled, service, active: service.then_some(active) }
    }
}

/// Whether the Service of that name leads to labelled pods only, as the cache shows it.
pub(crate) fn is_selecting(stores: &Stores, place: (&str, &str)) -> bool {
    let service = cached(&stores.services, place);
    service.is_some_and(|service| {
        let selector = service.spec.as_ref().and_then(|spec| spec.selector.as_ref());
        selector.is_some_and(|selector| selector.contains_key(IN_SERVICE))
    })
}

fn wants(shop: &ShopService) -> bool {
    let reserve = shop.spec.scaling.as_ref().and_then(|scaling| scaling.reserve.as_ref());
    shop.spec.image.is_some() && reserve.is_some_and(|r| r.size.unwrap_or_default() != ReserveSize::None)
}

fn has_label(deployment: &Deployment) -> bool {
    let template = deployment.spec.as_ref().and_then(|spec| spec.template.metadata.as_ref());
    template.and_then(|metadata| metadata.labels.as_ref()).is_some_and(|labels| labels.contains_key(IN_SERVICE))
}

fn is_rolled_out(deployment: &Deployment) -> bool {
    let status = deployment.status.clone().unwrap_or_default();
    let seen = status.observed_generation >= deployment.metadata.generation;
    seen && status.replicas.unwrap_or(0) == status.updated_replicas.unwrap_or(0)
}
