//! Watches: one per kind, each feeding a cache to read from and a stream that wakes the reconciler.
//!
//! Caches are kube's unshared reflectors: shared ones lose deletions (kube issue 1590).

use std::fmt::Debug;
use std::sync::Arc;

use futures::{Stream, StreamExt};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::{Pod, Service, ServiceAccount};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::{WatchStreamExt, reflector, watcher};
use kube::{Api, Client, Resource, ResourceExt};
use presale_crds::{PromotionEvent, ShopService};
use serde::de::DeserializeOwned;

use crate::owned::MANAGED_BY;
use crate::replicas_owner::SeenHands;
use crate::{pods, replicas_owner};

/// Everything read from caches.
#[derive(Debug, Clone)]
pub struct Stores {
    /// The services.
    pub shops: Store<ShopService>,
    /// The promotions.
    pub promotions: Store<PromotionEvent>,
    /// Deployments, ours in full and others without their template's bulk.
    pub deployments: Store<Deployment>,
    /// Pods, slimmed.
    pub pods: Store<Pod>,
    /// Every horizontal autoscaler.
    pub autoscalers: Store<HorizontalPodAutoscaler>,
    /// Services of ours.
    pub services: Store<Service>,
    /// Service accounts of ours.
    pub accounts: Store<ServiceAccount>,
    /// Disruption budgets of ours.
    pub budgets: Store<PodDisruptionBudget>,
    /// Hands on replicas that were seen.
    pub hands: SeenHands,
}

/// What wakes the reconciler. Every stream must be polled, or its cache stands still.
pub struct Wakes {
    /// Changed or deleted services.
    pub shops: Wake<ShopService>,
    /// Changed or deleted promotions.
    pub promotions: Wake<PromotionEvent>,
    /// Changed or deleted Deployments, other people's included.
    pub deployments: Wake<Deployment>,
    /// Changed or deleted pods.
    pub pods: Wake<Pod>,
    /// Changed or deleted autoscalers.
    pub autoscalers: Wake<HorizontalPodAutoscaler>,
    /// Changed or deleted Services of ours.
    pub services: Wake<Service>,
    /// Changed or deleted service accounts of ours.
    pub accounts: Wake<ServiceAccount>,
    /// Changed or deleted disruption budgets of ours.
    pub budgets: Wake<PodDisruptionBudget>,
}

impl Debug for Wakes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wakes").finish_non_exhaustive()
    }
}

/// One kind's stream: touched objects, deletions included; errors are retried behind a back-off.
pub type Wake<K> = std::pin::Pin<Box<dyn Stream<Item = Result<K, watcher::Error>> + Send>>;

/// Prepares all watches, of one namespace or (`None`) of all. Nothing is sent before the streams are polled.
pub fn watch(client: &Client, namespace: Option<&str>) -> (Stores, Wakes) {
    let ours = || watcher::Config::default().labels(&format!("{}={}", MANAGED_BY.0, MANAGED_BY.1));
    let all = watcher::Config::default;
    let place = Place { client, namespace };
    let (shops, shops_wake) = place.reflect(all(), forget_managers);
    let (promotions, promotions_wake) = place.reflect(all(), forget_managers);
    let (deployments, deployments_wake) = place.reflect(all(), slim_deployment);
    let (pods, pods_wake) = place.reflect(all(), pods::slim);
    let (autoscalers, autoscalers_wake) = place.reflect(all(), forget_managers);
    let (services, services_wake) = place.reflect(ours(), forget_managers);
    let (accounts, accounts_wake) = place.reflect(ours(), forget_managers);
    let (budgets, budgets_wake) = place.reflect(ours(), forget_managers);
    (
        Stores {
            shops,
            promotions,
            deployments,
            pods,
            autoscalers,
            services,
            accounts,
            budgets,
            hands: SeenHands::default(),
        },
        Wakes {
            shops: shops_wake,
            promotions: promotions_wake,
            deployments: deployments_wake,
            pods: pods_wake,
            autoscalers: autoscalers_wake,
            services: services_wake,
            accounts: accounts_wake,
            budgets: budgets_wake,
        },
    )
}

struct Place<'a> {
    client: &'a Client,
    namespace: Option<&'a str>,
}

impl Place<'_> {
    fn reflect<K>(&self, config: watcher::Config, slim: fn(&mut K)) -> (Store<K>, Wake<K>)
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + Debug
            + DeserializeOwned
            + Send
            + Sync
            + 'static,
    {
        let api = match self.namespace {
            Some(namespace) => Api::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        };
        let (store, writer) = reflector::store::<K>();
        let wake = watcher(api, config).default_backoff().modify(slim).reflect(writer).touched_objects();
        (store, wake.boxed())
    }
}

impl Stores {
    /// Waits until every cache has been filled once.
    ///
    /// # Errors
    /// The name of the kind whose stream ended before.
    pub async fn filled(&self) -> Result<(), &'static str> {
        let Self { shops, promotions, deployments, pods, autoscalers, services, accounts, budgets, hands: _ } = self;
        shops.wait_until_ready().await.map_err(|_| "ShopService")?;
        promotions.wait_until_ready().await.map_err(|_| "PromotionEvent")?;
        deployments.wait_until_ready().await.map_err(|_| "Deployment")?;
        pods.wait_until_ready().await.map_err(|_| "Pod")?;
        autoscalers.wait_until_ready().await.map_err(|_| "HorizontalPodAutoscaler")?;
        services.wait_until_ready().await.map_err(|_| "Service")?;
        accounts.wait_until_ready().await.map_err(|_| "ServiceAccount")?;
        budgets.wait_until_ready().await.map_err(|_| "PodDisruptionBudget")
    }
}

/// The cached object of that kind, namespace and name.
pub(crate) fn cached<K>(store: &Store<K>, (namespace, name): (&str, &str)) -> Option<Arc<K>>
where
    K: Resource<DynamicType = ()> + Clone + 'static,
{
    store.get(&ObjectRef::new(name).within(namespace))
}

fn forget_managers<K: Resource>(object: &mut K) {
    object.meta_mut().managed_fields = None;
}

/// Keeps who owns the replicas; of other people's Deployments, drops the template but for its images.
fn slim_deployment(deployment: &mut Deployment) {
    if let Some(fields) = deployment.metadata.managed_fields.as_mut() {
        fields.retain(replicas_owner::owns_replicas);
    }
    let ours = deployment.labels().get(MANAGED_BY.0).is_some_and(|value| value == MANAGED_BY.1);
    if let Some(spec) = deployment.spec.as_mut().filter(|_| !ours) {
        let mut template = Pod { spec: spec.template.spec.take(), ..Pod::default() };
        pods::slim(&mut template);
        spec.template.spec = template.spec;
        spec.template.metadata = None;
        deployment.metadata.annotations = None;
    }
}
