//! Who is woken by what: one controller for services and one for promotions, fed by the watches and the tick.

use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::Pod;
use kube::runtime::controller::{Config, Controller};
use kube::runtime::reflector::ObjectRef;
use kube::runtime::{Predicate, PredicateConfig, WatchStreamExt, predicates};
use kube::{Resource, ResourceExt};
use presale_cluster::{Stores, Wakes};
use presale_crds::ShopService;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::operator::Operator;
use crate::{error_policy, reconcile, reconcile_promotion};

/// A burst of changes to one object is one round.
const DEBOUNCE: Duration = Duration::from_millis(300);

/// Runs both until stopped; rounds under way end first.
pub(crate) async fn shops(
    operator: Arc<Operator>,
    wakes: Wakes,
    woken: mpsc::Receiver<ObjectRef<ShopService>>,
    stop: CancellationToken,
) {
    let stores = operator.stores.clone();
    let config = || Config::default().concurrency(operator.config.concurrency).debounce(DEBOUNCE);
    let woken = futures::stream::unfold(woken, |mut woken| async move { Some((woken.recv().await?, woken)) });
    // A status that we write changes neither generation nor annotations, and so wakes nobody.
    let spec = || predicates::generation.combine(predicates::annotations).combine(predicates::labels);
    let (of_deployment, of_autoscaler) = (stores.clone(), stores.clone());
    let services =
        Controller::for_stream(wakes.shops.predicate_filter(spec(), PredicateConfig::default()), stores.shops.clone())
            .with_config(config())
            .watches_stream(wakes.deployments, move |deployment| by_deployment(&of_deployment, &deployment))
            .watches_stream(wakes.pods, |pod| by_pod(&pod))
            .watches_stream(wakes.autoscalers, move |autoscaler| by_autoscaler(&of_autoscaler, &autoscaler))
            .owns_stream(wakes.services)
            .owns_stream(wakes.accounts)
            .owns_stream(wakes.budgets)
            .reconcile_on(woken)
            .graceful_shutdown_on(stop.clone().cancelled_owned())
            .run(reconcile::reconcile, error_policy::policy, Arc::clone(&operator))
            .for_each(|_told| std::future::ready(()));
    let filtered = wakes
        .promotions
        .predicate_filter(predicates::generation.combine(predicates::annotations), PredicateConfig::default());
    let promotions = Controller::for_stream(filtered, stores.promotions.clone())
        .with_config(config())
        .graceful_shutdown_on(stop.cancelled_owned())
        .run(reconcile_promotion::reconcile, error_policy::policy, Arc::clone(&operator))
        .for_each(|_told| std::future::ready(()));
    let filled = async {
        match stores.filled().await {
            Ok(()) => operator.readiness.caches_filled(),
            Err(kind) => tracing::error!(kind, "a watch ended"),
        }
        std::future::pending::<()>().await;
    };
    let both = futures::future::join(services, promotions);
    futures::future::select(both.boxed(), filled.boxed()).await;
}

/// The service that owns a Deployment, or that adopted it.
fn by_deployment(stores: &Stores, deployment: &Deployment) -> Vec<ObjectRef<ShopService>> {
    let namespace = deployment.namespace().unwrap_or_default();
    let owners = deployment.owner_references().iter().filter(|owner| owner.kind == ShopService::kind(&()));
    let mut found: Vec<_> = owners.map(|owner| ObjectRef::new(&owner.name).within(&namespace)).collect();
    found.extend(by_workload(stores, &namespace, "Deployment", &deployment.name_any()));
    found
}

/// The service that a pod belongs to, where the pod is of our making; others are looked at every tick.
fn by_pod(pod: &Pod) -> Option<ObjectRef<ShopService>> {
    let service = pod.labels().get(presale_cluster::owned::SERVICE_LABEL)?;
    Some(ObjectRef::new(service).within(&pod.namespace()?))
}

/// The service whose target an autoscaler also scales.
fn by_autoscaler(stores: &Stores, autoscaler: &HorizontalPodAutoscaler) -> Vec<ObjectRef<ShopService>> {
    let namespace = autoscaler.namespace().unwrap_or_default();
    let aim = &autoscaler.spec.scale_target_ref;
    let mut found = by_workload(stores, &namespace, &aim.kind, &aim.name);
    let owned = ObjectRef::<ShopService>::new(&aim.name).within(&namespace);
    if aim.kind == "Deployment" && stores.shops.get(&owned).is_some() {
        found.push(owned);
    }
    found
}

fn by_workload(stores: &Stores, namespace: &str, kind: &str, name: &str) -> Vec<ObjectRef<ShopService>> {
    let adopts = |shop: &Arc<ShopService>| {
        let workload = shop.spec.workload_ref.as_ref();
        shop.namespace().as_deref() == Some(namespace) && workload.is_some_and(|w| w.kind == kind && w.name == name)
    };
    stores.shops.state().iter().filter(|shop| adopts(shop)).map(|shop| ObjectRef::from_obj(shop.as_ref())).collect()
}
