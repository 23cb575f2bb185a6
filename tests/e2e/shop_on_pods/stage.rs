//! The node, a Prometheus, the operator by Helm, and the whole shop by its chart.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::{Api, Client};
use presale_crds::PromotionEvent;
use presale_shop::{Lot, PodShop, Secrets, arrive, small};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use test_kit::{Node, Prometheus, PrometheusOptions};

use crate::release;

/// The way in on 127.0.0.1.
const NODE_PORT: u16 = 30_480;
/// Products that the shop sells.
const PRODUCTS: u32 = 60;
/// Label of every pod that Presale runs, with its service.
const SERVICE: &str = "presale.dev/service";
/// The stage; databases, broker and Prometheus end with it.
pub(crate) struct Stage {
    pub(crate) node: Node,
    pub(crate) shop: PodShop,
    client: Client,
    namespace: String,
    _prometheus: Prometheus,
}

impl Stage {
    pub(crate) async fn build() -> anyhow::Result<Self> {
        let node = release::node().await?;
        let (namespace, client) = (node.namespace().await?, node.client().await?);
        let prometheus = prometheus(&namespace).await?;
        release::install(&node, node.open_to_pods(&prometheus.address()).await?).await?;
        let secrets = Secrets::drawn(&mut ChaCha8Rng::from_os_rng());
        let lot = Lot {
            node: &node,
            namespace: &namespace,
            node_port: NODE_PORT,
            products: PRODUCTS,
            secrets: &secrets,
            values: small(),
        };
        let shop = PodShop::install(lot).await?;
        arrive(&shop).await?;
        Ok(Self { node, shop, client, namespace, _prometheus: prometheus })
    }

    /// Removes what was built.
    pub(crate) async fn clear(self) -> anyhow::Result<()> {
        let gone = ["delete", "namespace", &self.namespace, "--wait=true", "--timeout=90s"];
        self.node.kubectl(&gone).await?;
        release::uninstall(&self.node).await
    }

    /// The command line, as an administrator.
    pub(crate) async fn presale(&self, args: &[&str]) -> anyhow::Result<String> {
        release::presale(&self.node, &self.namespace, args).await
    }

    pub(crate) async fn promotion(&self, name: &str) -> anyhow::Result<PromotionEvent> {
        Ok(Api::namespaced(self.client.clone(), &self.namespace).get(name).await?)
    }

    /// Pods that Presale runs and that are not on their way out, each with its service.
    pub(crate) async fn pods(&self) -> anyhow::Result<Vec<(String, Pod)>> {
        let all = Api::<Pod>::namespaced(self.client.clone(), &self.namespace);
        let all = all.list(&ListParams::default().labels(SERVICE)).await?;
        let staying = all.items.into_iter().filter(|pod| pod.metadata.deletion_timestamp.is_none());
        let service = |pod: Pod| Some((pod.metadata.labels.as_ref()?.get(SERVICE)?.clone(), pod));
        Ok(staying.filter_map(service).collect())
    }

    /// Containers that ended and were started again, each with the reason.
    pub(crate) async fn restarted(&self) -> anyhow::Result<Vec<String>> {
        let mut restarted = Vec::new();
        for (service, pod) in self.pods().await? {
            let containers = pod.status.into_iter().flat_map(|status| status.container_statuses.unwrap_or_default());
            let again = containers.filter(|container| container.restart_count > 0);
            restarted.extend(again.map(|container| format!("{service}: {:?}", container.last_state)));
        }
        Ok(restarted)
    }

    /// All pods and services as kubectl shows them, for a failure to be understood.
    pub(crate) async fn pods_of_all(&self) -> String {
        let args = ["get", "shopservices,promotionevents,pods", "-o", "wide", "-n", &self.namespace];
        self.node.kubectl(&args).await.unwrap_or_else(|error| error.to_string())
    }
}

async fn prometheus(namespace: &str) -> anyhow::Result<Prometheus> {
    let scrape_yaml = include_str!("scrape.yaml")
        .replace("KUBECONFIG", "/run/presale-ground/kubeconfig/admin")
        .replace("NAMESPACE", namespace);
    let interval = Duration::from_secs(5);
    Ok(Prometheus::start(PrometheusOptions { scrape_yaml, interval, ..PrometheusOptions::default() }).await?)
}
