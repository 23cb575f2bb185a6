//! The cluster as it is seen from outside, once a second: replicas of both sides, decisions, forecast, idle processors.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, DynamicObject, ListParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Client, ResourceExt};
use serde::Serialize;
use serde_json::Value;
use test_kit::Prometheus;

use crate::host::Idleness;
use crate::scenario::{NAMESPACE, SERVICE, TWIN};
use crate::whole;

/// One look. What could not be read is `None`, never zero.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Frame {
    /// Seconds since 1970.
    pub(crate) at: i64,
    /// Pods that each side has.
    pub(crate) pods: [Option<u32>; 2],
    /// Pods that each side has Ready.
    pub(crate) ready: [Option<u32>; 2],
    /// What Presale decided last.
    pub(crate) decision: Option<Decision>,
    /// The largest change that Presale sees coming.
    pub(crate) next: Option<String>,
    /// Load as Presale reads it, requests per second.
    pub(crate) load: Option<f64>,
    /// Forecast for now at 2.5, 50 and 97.5 %.
    pub(crate) band: Option<[f64; 3]>,
    /// Idle share of the machine's processors, 0..=1.
    pub(crate) idle: f64,
    /// Pods of the service under Presale, Ready and not on their way out.
    pub(crate) well: Vec<String>,
    /// Phase of the promotion, and the replicas that its plan asks for.
    pub(crate) promotion: Option<(String, Option<u32>)>,
    /// Services of the whole shop, by name.
    pub(crate) shop: Option<Vec<Staffed>>,
}

/// One service of the whole shop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Staffed {
    /// Its name.
    pub(crate) service: String,
    /// Pods that it has Ready.
    pub(crate) ready: u32,
    /// Replicas that Presale decided.
    pub(crate) desired: u32,
}

impl Staffed {
    /// From a `ShopService`; `None` where its status says neither yet.
    fn of(object: &DynamicObject) -> Option<Self> {
        let count = |path: &str| u32::try_from(object.data.pointer(path)?.as_u64()?).ok();
        let (ready, desired) = (count("/status/readyReplicas")?, count("/status/desiredReplicas")?);
        Some(Self { service: object.name_any(), ready, desired })
    }

    /// Whether it has what was decided.
    pub(crate) fn is_ready(&self) -> bool {
        self.desired > 0 && self.ready >= self.desired
    }
}

/// The last decision, as the status says it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Decision {
    /// Replicas decided.
    pub(crate) desired: u32,
    /// The term that won.
    pub(crate) reason: String,
    /// One sentence.
    pub(crate) message: String,
}

/// Looks at one cluster.
pub(crate) struct Watch<'a> {
    client: Client,
    prometheus: &'a Prometheus,
    idleness: Idleness,
}

/// Longest wait for one answer: a look that is late is worth nothing.
const LIMIT: Duration = Duration::from_millis(900);

impl<'a> Watch<'a> {
    /// Through these.
    pub(crate) fn new(client: Client, prometheus: &'a Prometheus) -> Self {
        Self { client, prometheus, idleness: Idleness::default() }
    }

    /// One look.
    pub(crate) async fn look(&mut self, now: Timestamp) -> anyhow::Result<Frame> {
        let idle = self.idleness.look()?;
        let (presale, twin) = tokio::join!(self.deployment(SERVICE), self.deployment(TWIN));
        let (status, promotion) = tokio::join!(self.ours("ShopService", SERVICE), self.ours("PromotionEvent", "flash"));
        let (well, shop) = tokio::join!(self.well(), self.shop());
        let (band, load) = tokio::join!(self.band(), self.figure("presale_load", ""));
        let counts = |deployment: &Option<Deployment>| {
            let status = deployment.as_ref().and_then(|deployment| deployment.status.as_ref());
            let count = |count: Option<i32>| u32::try_from(count.unwrap_or(0)).ok();
            (status.and_then(|s| count(s.replicas)), status.and_then(|s| count(s.ready_replicas)))
        };
        let (ours, theirs) = (counts(&presale), counts(&twin));
        let text = |path: &str| status.as_ref()?.pointer(path)?.as_str().map(str::to_owned);
        let desired = status.as_ref().and_then(|status| status.pointer("/lastDecision/desired")?.as_u64());
        let decision = desired.and_then(|desired| {
            let (reason, message) = (text("/lastDecision/reason")?, text("/lastDecision/message")?);
            Some(Decision { desired: u32::try_from(desired).ok()?, reason, message })
        });
        Ok(Frame {
            at: now.as_second(),
            pods: [ours.0, theirs.0],
            ready: [ours.1, theirs.1],
            decision,
            next: text("/next/summary"),
            load,
            band,
            idle,
            well,
            promotion: promotion.as_ref().and_then(phase),
            shop,
        })
    }

    async fn deployment(&self, name: &str) -> Option<Deployment> {
        let api: Api<Deployment> = Api::namespaced(self.client.clone(), NAMESPACE);
        tokio::time::timeout(LIMIT, api.get_opt(name)).await.ok()?.ok()?
    }

    /// The status of one of Presale's objects.
    async fn ours(&self, kind: &str, name: &str) -> Option<Value> {
        let api = self.all(kind, NAMESPACE);
        let object = tokio::time::timeout(LIMIT, api.get_opt(name)).await.ok()?.ok()??;
        object.data.get("status").cloned()
    }

    async fn shop(&self) -> Option<Vec<Staffed>> {
        let api = self.all("ShopService", whole::NAMESPACE);
        let listed = tokio::time::timeout(LIMIT, api.list(&ListParams::default())).await.ok()?.ok()?;
        Some(listed.items.iter().filter_map(Staffed::of).collect())
    }

    /// Presale's objects of one kind.
    fn all(&self, kind: &str, namespace: &str) -> Api<DynamicObject> {
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("presale.dev", "v1alpha1", kind));
        Api::namespaced_with(self.client.clone(), namespace, &resource)
    }

    async fn well(&self) -> Vec<String> {
        let api: Api<Pod> = Api::namespaced(self.client.clone(), NAMESPACE);
        let ours = ListParams::default().labels(&format!("app.kubernetes.io/name={SERVICE}"));
        let Ok(Ok(pods)) = tokio::time::timeout(LIMIT, api.list(&ours)).await else { return Vec::new() };
        let ready = |pod: &Pod| {
            let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
            conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
        };
        let well = pods.items.iter().filter(|pod| pod.metadata.deletion_timestamp.is_none() && ready(pod));
        well.map(ResourceExt::name_any).collect()
    }

    async fn figure(&self, metric: &str, more: &str) -> Option<f64> {
        let query = format!("{metric}{{namespace=\"{NAMESPACE}\",service=\"{SERVICE}\"{more}}}");
        tokio::time::timeout(LIMIT, self.prometheus.value(&query)).await.ok()?.ok()?
    }

    async fn band(&self) -> Option<[f64; 3]> {
        let level = async |level: &str| self.figure("presale_forecast_load", &format!(",level=\"{level}\"")).await;
        let (low, middle, high) = tokio::join!(level("0.025"), level("0.5"), level("0.975"));
        Some([low?, middle?, high?])
    }
}

fn phase(status: &Value) -> Option<(String, Option<u32>)> {
    let peak = status.pointer("/occurrences/0/plan/0/peakReplicas").and_then(Value::as_u64);
    Some((status.get("phase")?.as_str()?.to_owned(), peak.and_then(|peak| u32::try_from(peak).ok())))
}
