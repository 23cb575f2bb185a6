//! What all checks stand on: the node, a database, a Prometheus with a past, the operator by Helm, two services under load
//! and two workloads to adopt.

use std::time::Duration;

use anyhow::Context;
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::{Api, Client};
use loadgen::history::{self, Past};
use presale_crds::{PromotionEvent, ShopService};
use test_kit::{AuditEntries, Node, Postgres, Prometheus, PrometheusOptions};

use crate::load::{self, PRODUCTS};
use crate::release::{self, ACCOUNT, OPERATOR, now, root};

/// A service that Presale owns.
pub(crate) struct Shop {
    /// Its name.
    pub(crate) name: &'static str,
    /// Way in on 127.0.0.1.
    pub(crate) node_port: u16,
    /// Usual requests per second.
    pub(crate) rate: f64,
    /// Fewest replicas.
    pub(crate) min: i32,
}

/// The service that things happen to.
pub(crate) const CATALOG: Shop = Shop { name: "catalog", node_port: 30_381, rate: 24.0, min: 4 };
/// The service that nothing happens to.
pub(crate) const CALM: Shop = Shop { name: "calm", node_port: 30_382, rate: 20.0, min: 2 };

/// The stage; database and Prometheus end with it.
pub(crate) struct Stage {
    pub(crate) node: Node,
    pub(crate) client: Client,
    pub(crate) namespace: String,
    pub(crate) prometheus: Prometheus,
    began: Timestamp,
    postgres: Postgres,
}

impl Stage {
    pub(crate) async fn build() -> anyhow::Result<Self> {
        let node = release::node().await?;
        let began = now();
        let (namespace, client) = (node.namespace().await?, node.client().await?);
        let (postgres, prometheus) = tokio::try_join!(async { Ok(Postgres::start().await?) }, prometheus(&namespace))?;
        let stage = Self { node, client, namespace, prometheus, began, postgres };
        stage.fill().await?;
        Ok(stage)
    }

    async fn fill(&self) -> anyhow::Result<()> {
        let url = self.postgres.database().await?;
        let (server, database) = url.rsplit_once('/').context("a database URL")?;
        let server = server.rsplit_once('@').map_or(server, |(_, server)| server);
        let (server, metrics) =
            (self.node.open_to_pods(server).await?, self.node.open_to_pods(&self.prometheus.address()).await?);
        let words = [
            ("DATABASE_NAME", database.to_owned()),
            ("DATABASE_PORT", server.port().to_string()),
            ("DATABASE_HOST", server.ip().to_string()),
            ("PORT_OF_CATALOG", CATALOG.node_port.to_string()),
            ("PORT_OF_CALM", CALM.node_port.to_string()),
            ("LEAST_OF_CATALOG", CATALOG.min.to_string()),
            ("LEAST_OF_CALM", CALM.min.to_string()),
            ("PRODUCTS", PRODUCTS.to_string()),
            ("NAMESPACE", self.namespace.clone()),
        ];
        let fill = |text: &str| words.iter().fold(text.to_owned(), |text, (word, value)| text.replace(word, value));
        self.apply(&fill(include_str!("database.yaml"))).await?;
        release::install(&self.node, metrics).await?;
        self.kubectl(&["wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/seed", "--timeout=90s"]).await?;
        self.apply(&fill(include_str!("services.yaml"))).await?;
        for shop in [CATALOG, CALM] {
            let deployment = format!("deployment/{}", shop.name);
            self.kubectl(&["wait", "--for=create", &deployment, "--timeout=60s"]).await?;
            self.kubectl(&["rollout", "status", &deployment, "--timeout=120s"]).await?;
        }
        Ok(())
    }

    /// Removes what was built.
    pub(crate) async fn clear(self) -> anyhow::Result<()> {
        let gone = ["--ignore-not-found", "--wait=true", "--timeout=90s"];
        self.node.kubectl(&[["delete", "namespace", &self.namespace].as_slice(), &gone].concat()).await?;
        release::uninstall(&self.node).await
    }

    /// kubectl in the services' namespace.
    pub(crate) async fn kubectl(&self, args: &[&str]) -> anyhow::Result<String> {
        Ok(self.node.kubectl(&[args, &["-n", &self.namespace]].concat()).await?)
    }

    async fn apply(&self, manifests: &str) -> anyhow::Result<()> {
        let file = tempfile::NamedTempFile::with_suffix(".yaml")?;
        std::fs::write(file.path(), manifests)?;
        self.kubectl(&["apply", "-f", file.path().to_str().context("a path in UTF-8")?]).await.map(drop)
    }

    /// The command line, as an administrator.
    pub(crate) async fn presale(&self, args: &[&str]) -> anyhow::Result<String> {
        release::presale(&self.node, &self.namespace, args).await
    }

    pub(crate) async fn shop(&self, name: &str) -> anyhow::Result<ShopService> {
        Ok(Api::namespaced(self.client.clone(), &self.namespace).get(name).await?)
    }

    pub(crate) async fn promotion(&self, name: &str) -> anyhow::Result<PromotionEvent> {
        Ok(Api::namespaced(self.client.clone(), &self.namespace).get(name).await?)
    }

    /// Replicas in a Deployment's spec.
    pub(crate) async fn replicas(&self, name: &str) -> anyhow::Result<i32> {
        let deployment: Deployment = Api::namespaced(self.client.clone(), &self.namespace).get(name).await?;
        deployment.spec.and_then(|spec| spec.replicas).with_context(|| format!("replicas of {name}"))
    }

    /// Pods of one service that are not on their way out.
    pub(crate) async fn pods(&self, service: &str) -> anyhow::Result<Vec<Pod>> {
        pods(&self.client, &self.namespace, &format!("app.kubernetes.io/name={service}")).await
    }

    /// The operator's own pods.
    pub(crate) async fn operators(&self) -> anyhow::Result<Vec<Pod>> {
        pods(&self.client, OPERATOR, "app.kubernetes.io/name=presale").await
    }

    /// What the operator asked of the API server since the stage was built.
    pub(crate) fn asked(&self) -> anyhow::Result<AuditEntries> {
        let began = self.began;
        Ok(self.node.audit().requests()?.by_user(ACCOUNT).filter(|entry| entry.at >= began))
    }

    /// What the operator wrote since then, other than its lease.
    pub(crate) fn written(&self) -> anyhow::Result<AuditEntries> {
        let began = self.began;
        Ok(self.node.audit().writes()?.by_user(ACCOUNT).except("leases").filter(|entry| entry.at >= began))
    }
}

/// Whether a pod is Ready.
pub(crate) fn is_ready(pod: &Pod) -> bool {
    ready_since(pod).is_some()
}

/// Since when a pod has been Ready.
pub(crate) fn ready_since(pod: &Pod) -> Option<Timestamp> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    let ready = conditions.iter().find(|condition| condition.type_ == "Ready" && condition.status == "True")?;
    Some(ready.last_transition_time.as_ref()?.0)
}

async fn pods(client: &Client, namespace: &str, labels: &str) -> anyhow::Result<Vec<Pod>> {
    let all = Api::<Pod>::namespaced(client.clone(), namespace).list(&ListParams::default().labels(labels)).await?;
    Ok(all.items.into_iter().filter(|pod| pod.metadata.deletion_timestamp.is_none()).collect())
}

async fn prometheus(namespace: &str) -> anyhow::Result<Prometheus> {
    let folder = tempfile::tempdir()?;
    let mut history_files = Vec::new();
    for shop in [CATALOG, CALM] {
        let path = folder.path().join(format!("{}.om", shop.name));
        let label = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let past = Past {
            visitors: load::visitors(shop.rate),
            end: now().as_second().div_euclid(60) * 60 - 60,
            weeks: 4,
            step: 60,
            thinned: 1,
            labels: vec![label("namespace", namespace), label("service", shop.name), label("pod", "past")],
        };
        let file = path.clone();
        let written = tokio::task::spawn_blocking(move || {
            let mut out = std::io::BufWriter::new(std::fs::File::create(file)?);
            history::write(&past, std::thread::available_parallelism()?, &mut out)
        });
        written.await?.with_context(|| format!("write the past of {}", shop.name))?;
        history_files.push(path);
    }
    let scrape_yaml = include_str!("scrape.yaml")
        .replace("KUBECONFIG", "/run/presale-ground/kubeconfig/admin")
        .replace("NAMESPACE", namespace);
    let options = PrometheusOptions {
        history_files,
        scrape_yaml,
        interval: Duration::from_secs(5),
        rule_files: vec![root().join("dashboards/rules/recording.yaml")],
        ..PrometheusOptions::default()
    };
    Ok(Prometheus::start(options).await?)
}
