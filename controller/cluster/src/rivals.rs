//! Who else writes a target's replicas: a foreign autoscaler, or an older ShopService. They are named, never fought.

use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use kube::ResourceExt;
use presale_crds::ShopService;

use crate::Target;
use crate::watch::Stores;

/// The other owner's kind and name; `None` where there is none. KEDA is found by the autoscaler that it makes.
pub fn of(stores: &Stores, target: &Target) -> Option<String> {
    autoscaler(stores, target)
}

fn autoscaler(stores: &Stores, target: &Target) -> Option<String> {
    let aims_at_it = |hpa: &HorizontalPodAutoscaler| {
        let aim = &hpa.spec.scale_target_ref;
        hpa.namespace().as_deref() == Some(target.namespace.as_str())
            && target.is_named_by(aim.api_version.as_deref(), &aim.kind, &aim.name)
    };
    let found = stores.autoscalers.state().into_iter().filter(|hpa| aims_at_it(hpa)).min_by_key(|hpa| hpa.name_any())?;
    Some(format!("HorizontalPodAutoscaler {}", found.name_any()))
}
