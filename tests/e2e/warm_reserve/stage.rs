//! What all checks stand on: the node, a database, Prometheus, the operator by Helm, and a service with a reserve.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Context;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::{ListParams, Patch, PatchParams};
use kube::{Api, Client, ResourceExt};
use presale_cluster::reserve::IN_SERVICE;
use presale_crds::ShopService;
use serde_json::{Value, json};
use test_kit::{AuditEntries, Node, Postgres, Prometheus, PrometheusOptions};

use crate::load::PRODUCTS;
use crate::release::{self, ACCOUNT, now};
use crate::until;

/// What load is aimed at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shop {
    /// Its name.
    pub(crate) name: &'static str,
    /// Way in on 127.0.0.1.
    pub(crate) node_port: u16,
    /// Usual requests per second.
    pub(crate) rate: f64,
}

/// The service with a reserve.
pub(crate) const SHOP: Shop = Shop { name: "catalog", node_port: 30_383, rate: 42.0 };
/// Pods in reserve.
pub(crate) const WARM: usize = 3;
/// CPU limit of a pod in service, and the most that one in reserve has, processors.
pub(crate) const FULL: f64 = 0.2;
const SMALL: f64 = 0.011;

/// The stage; database and Prometheus end with it.
pub(crate) struct Stage {
    pub(crate) node: Node,
    pub(crate) client: Client,
    pub(crate) namespace: String,
    began: Timestamp,
    _postgres: Postgres,
    _prometheus: Prometheus,
}

/// Names of pods in service and in reserve.
pub(crate) type Parted = (BTreeSet<String>, BTreeSet<String>);

impl Stage {
    pub(crate) async fn build() -> anyhow::Result<Self> {
        let node = release::node().await?;
        let began = now();
        let (namespace, client) = (node.namespace().await?, node.client().await?);
        let scrape_yaml = include_str!("scrape.yaml")
            .replace("KUBECONFIG", "/run/presale-ground/kubeconfig/admin")
            .replace("NAMESPACE", &namespace);
        let options =
            PrometheusOptions { scrape_yaml, interval: Duration::from_secs(5), ..PrometheusOptions::default() };
        let (postgres, prometheus) = tokio::try_join!(Postgres::start(), Prometheus::start(options))?;
        let url = postgres.database().await?;
        let (server, database) = url.rsplit_once('/').context("a database URL")?;
        let server = server.rsplit_once('@').map_or(server, |(_, server)| server);
        let (server, metrics) = (node.open_to_pods(server).await?, node.open_to_pods(&prometheus.address()).await?);
        let words = [
            ("DATABASE_NAME", database.to_owned()),
            ("DATABASE_PORT", server.port().to_string()),
            ("DATABASE_HOST", server.ip().to_string()),
            ("PORT_OF_CATALOG", SHOP.node_port.to_string()),
            ("PRODUCTS", PRODUCTS.to_string()),
        ];
        let fill = |text: &str| words.iter().fold(text.to_owned(), |text, (word, value)| text.replace(word, value));
        let stage = Self { node, client, namespace, began, _postgres: postgres, _prometheus: prometheus };
        stage.apply(&fill(include_str!("database.yaml"))).await?;
        release::install(&stage.node, metrics).await?;
        stage.kubectl(&["wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/seed", "--timeout=90s"]).await?;
        stage.apply(&fill(include_str!("service.yaml"))).await?;
        stage.kubectl(&["wait", "--for=create", "deployment/catalog", "--timeout=60s"]).await?;
        stage.kubectl(&["rollout", "status", "deployment/catalog", "--timeout=120s"]).await?;
        Ok(stage)
    }

    /// Removes what was built.
    pub(crate) async fn clear(self) -> anyhow::Result<()> {
        let gone = ["--ignore-not-found", "--wait=true", "--timeout=90s"];
        self.node.kubectl(&[["delete", "namespace", &self.namespace].as_slice(), &gone].concat()).await?;
        release::uninstall(&self.node).await
    }

    /// kubectl in the service's namespace.
    pub(crate) async fn kubectl(&self, args: &[&str]) -> anyhow::Result<String> {
        Ok(self.node.kubectl(&[args, &["-n", &self.namespace]].concat()).await?)
    }

    async fn apply(&self, manifests: &str) -> anyhow::Result<()> {
        let file = tempfile::NamedTempFile::with_suffix(".yaml")?;
        std::fs::write(file.path(), manifests)?;
        self.kubectl(&["apply", "-f", file.path().to_str().context("a path in UTF-8")?]).await.map(drop)
    }

    pub(crate) fn pod_api(&self) -> Api<Pod> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Pods of the service that are not on their way out.
    pub(crate) async fn pods(&self) -> anyhow::Result<Vec<Pod>> {
        let all = self.pod_api().list(&ListParams::default().labels("app.kubernetes.io/name=catalog")).await?;
        Ok(all.items.into_iter().filter(|pod| pod.metadata.deletion_timestamp.is_none()).collect())
    }

    /// Names of pods by their label.
    pub(crate) async fn parted(&self) -> anyhow::Result<Parted> {
        let (on, off): (Vec<Pod>, Vec<Pod>) =
            self.pods().await?.into_iter().partition(|pod| pod.labels().get(IN_SERVICE).is_some_and(|v| v == "true"));
        let names = |pods: Vec<Pod>| pods.iter().map(ResourceExt::name_any).collect();
        Ok((names(on), names(off)))
    }

    /// Names of pods that the Service leads to now.
    pub(crate) async fn led_to(&self) -> anyhow::Result<BTreeSet<String>> {
        let slices: Api<EndpointSlice> = Api::namespaced(self.client.clone(), &self.namespace);
        let slices = slices.list(&ListParams::default().labels("kubernetes.io/service-name=catalog")).await?;
        let endpoints = slices.items.into_iter().flat_map(|slice| slice.endpoints.unwrap_or_default());
        let ready = endpoints.filter(|e| e.conditions.as_ref().is_none_or(|c| c.ready != Some(false)));
        Ok(ready.filter_map(|e| e.target_ref?.name).collect())
    }

    /// Waits until at least three serve at full size and three are in reserve, small; tells which.
    pub(crate) async fn held(&self) -> anyhow::Result<Parted> {
        until("three or more serve and three are in reserve", Duration::from_secs(240), || async {
            let (on, off) = self.parted().await?;
            let led_to = self.led_to().await?;
            let mut fits = on.len() >= 3 && off.len() == WARM && led_to == on;
            for pod in self.pods().await? {
                let limit = self.node.cpu_limit(&pod.uid().unwrap_or_default()).ok().flatten().unwrap_or(0.0);
                fits &= if off.contains(&pod.name_any()) { limit <= SMALL } else { limit >= FULL };
            }
            Ok(fits.then_some((on, off)))
        })
        .await
    }

    /// Sets a pod's label, as a hand does.
    pub(crate) async fn label(&self, pod: &str, in_service: bool) -> anyhow::Result<()> {
        let patch = json!({"metadata": {"labels": {IN_SERVICE: in_service.to_string()}}});
        self.pod_api().patch(pod, &PatchParams::default(), &Patch::Merge(patch)).await?;
        Ok(())
    }

    /// Gives a pod another size, as a hand does.
    pub(crate) async fn resize(&self, pod: &str, resources: &Value) -> anyhow::Result<()> {
        let patch = json!({"spec": {"containers": [{"name": "app", "resources": resources}]}});
        self.pod_api().patch_resize(pod, &PatchParams::default(), &Patch::Strategic(patch)).await?;
        Ok(())
    }

    pub(crate) async fn shop(&self) -> anyhow::Result<ShopService> {
        Ok(Api::namespaced(self.client.clone(), &self.namespace).get(SHOP.name).await?)
    }

    /// What the operator asked of the API server since the stage was built.
    pub(crate) fn asked(&self) -> anyhow::Result<AuditEntries> {
        let began = self.began;
        Ok(self.node.audit().requests()?.by_user(ACCOUNT).filter(|entry| entry.at >= began))
    }
}
