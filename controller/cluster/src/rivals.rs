//! Who else writes a target's replicas: a foreign autoscaler, or an older `ShopService`. They are named, never fought.

use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use kube::ResourceExt;
use presale_crds::ShopService;

use crate::Target;
use crate::watch::Stores;

/// The other owner's kind and name; `None` where there is none. KEDA is found by the autoscaler that it makes.
pub fn of(stores: &Stores, target: &Target, shop: &ShopService) -> Option<String> {
    autoscaler(stores, target).or_else(|| elder(stores, target, shop))
}

/// Of several `ShopServices` that mean the same workload the oldest goes on, by name where they are of one age.
fn elder(stores: &Stores, target: &Target, shop: &ShopService) -> Option<String> {
    let age = |shop: &ShopService| (shop.creation_timestamp().map(|time| time.0), shop.name_any());
    let means_it = |other: &ShopService| match &other.spec.workload_ref {
        Some(workload) => target.is_named_by(Some(&workload.api_version), &workload.kind, &workload.name),
        None => target.is_named_by(Some("apps/v1"), "Deployment", &other.name_any()),
    };
    let others = stores.shops.state().into_iter().filter(|other| {
        other.uid() != shop.uid() && other.namespace() == shop.namespace() && means_it(other) && age(other) < age(shop)
    });
    others.min_by_key(|other| age(other)).map(|other| format!("ShopService {}", other.name_any()))
}

fn autoscaler(stores: &Stores, target: &Target) -> Option<String> {
    let aims_at_it = |hpa: &HorizontalPodAutoscaler| {
        let aim = &hpa.spec.scale_target_ref;
        hpa.namespace().as_deref() == Some(target.namespace.as_str())
            && target.is_named_by(aim.api_version.as_deref(), &aim.kind, &aim.name)
    };
    let found =
        stores.autoscalers.state().into_iter().filter(|hpa| aims_at_it(hpa)).min_by_key(|hpa| hpa.name_any())?;
    Some(format!("HorizontalPodAutoscaler {}", found.name_any()))
}
