//! What is measured: a node, a database, and the demonstration's pods without anybody who scales them.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::Value;
use test_kit::{ChaosProxy, Fault, Node, Postgres};

/// Way in to the pods, on 127.0.0.1.
pub(crate) const NODE_PORT: u16 = 30_291;
/// Products in the shop.
pub(crate) const PRODUCTS: u32 = 10_000;
/// Objective for the 99th percentile, as the demonstration has it.
pub(crate) const SLO: Duration = Duration::from_millis(400);
/// Record of the ground; it is there while a ground is up.
const GROUND: &str = "/run/presale-ground/up";

/// The pods at work; their database ends with it.
#[derive(Debug)]
pub(crate) struct Stage {
    node: Node,
    pods: Vec<Pod>,
    namespace: String,
    _postgres: Postgres,
    _distance: ChaosProxy,
}

#[derive(Debug)]
struct Pod {
    uid: String,
    address: SocketAddr,
}

impl Stage {
    /// Brings up so many pods with a CPU limit of so many thousandths of a processor each, whose database is so far away.
    ///
    /// # Errors
    /// Where the image is missing, or a part does not come up.
    pub(crate) async fn build(replicas: u32, cpu_millis: u32, away: Duration) -> anyhow::Result<Self> {
        let archive = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../out/images/shop.tar");
        ensure!(archive.is_file(), "out/images/shop.tar is missing: run `make image` and try again");
        let node = Node::up().await?;
        node.import(&archive).await?;
        let namespace = node.namespace().await?;
        let postgres = Postgres::start().await?;
        let url = postgres.database().await?;
        let (server, database) = url.rsplit_once('/').context("a database URL")?;
        let server = server.rsplit_once('@').map_or(server, |(_, server)| server);
        let distance = ChaosProxy::before(server).await?;
        let manifests = include_str!("pods.yaml")
            .replace("STORE", &format!("{}/{database}", node.open_to_pods(distance.address()).await?))
            .replace("CPU_LIMIT", &format!("{cpu_millis}m"))
            .replace("PRODUCTS", &PRODUCTS.to_string())
            .replace("NODE_PORT", &NODE_PORT.to_string());
        let file = tempfile::NamedTempFile::with_suffix(".yaml")?;
        std::fs::write(file.path(), manifests)?;
        let path = file.path().to_str().context("a path in UTF-8")?;
        let seeded = "--for=jsonpath={.status.phase}=Succeeded";
        let scaled = format!("--replicas={replicas}");
        let steps: [&[&str]; 4] = [
            &["apply", "-f", path],
            &["wait", seeded, "pod/seed", "--timeout=90s"],
            &["scale", "deployment/catalog", &scaled],
            &["rollout", "status", "deployment/catalog", "--timeout=120s"],
        ];
        for step in steps {
            node.kubectl(&[step, &["-n", &namespace]].concat()).await?;
        }
        Node::opened(NODE_PORT).await?;
        let chosen = ["get", "pods", "-l", "app.kubernetes.io/name=catalog", "-o", "json", "-n", &namespace];
        let pods = pods(&node.kubectl(&chosen).await?)?;
        distance.set(Fault::Delay(away));
        Ok(Self { node, pods, namespace, _postgres: postgres, _distance: distance })
    }

    /// Where each pod listens.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.pods.iter().map(|pod| pod.address).collect()
    }

    /// CPU time that all of them have taken so far.
    ///
    /// # Errors
    /// Where a pod is gone.
    pub(crate) fn cpu_seconds(&self) -> anyhow::Result<f64> {
        self.pods.iter().map(|pod| Ok(self.node.cpu_seconds(&pod.uid)?)).sum()
    }

    /// Removes the pods.
    ///
    /// # Errors
    /// Where the API server refuses.
    pub(crate) async fn end(self) -> anyhow::Result<()> {
        self.node.kubectl(&["delete", "namespace", &self.namespace, "--wait=true", "--timeout=90s"]).await?;
        Ok(())
    }
}

/// Pods of a list in JSON.
fn pods(list: &str) -> anyhow::Result<Vec<Pod>> {
    let list: Value = serde_json::from_str(list)?;
    let pod = |pod: &Value| {
        let text = |path: &str| pod.pointer(path).and_then(Value::as_str).with_context(|| format!("{path} of a pod"));
        let address = format!("{}:8080", text("/status/podIP")?).parse()?;
        Ok(Pod { uid: text("/metadata/uid")?.to_owned(), address })
    };
    list.get("items").and_then(Value::as_array).context("a list of pods")?.iter().map(pod).collect()
}

/// Whether a node is there already: then it stays in the end.
pub(crate) fn ground_is_up() -> bool {
    Path::new(GROUND).exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_are_read_with_their_address_and_uid() {
        let list = r#"{"items":[{"metadata":{"uid":"a-b"},"status":{"podIP":"10.244.0.7"}}]}"#;
        let pods = pods(list).unwrap();
        assert_eq!((pods[0].uid.as_str(), pods[0].address.to_string().as_str()), ("a-b", "10.244.0.7:8080"));
        assert!(pods.len() == 1 && super::pods(r#"{"items":[{}]}"#).is_err());
    }
}
