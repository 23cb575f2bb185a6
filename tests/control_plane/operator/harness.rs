//! What every test of the operator stands on: the program as it is built, a namespace of its own, and somebody who plays node.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client, CustomResourceExt, ResourceExt};
use presale_crds::{PromotionEvent, ShopService};
use serde_json::{Value, json};
use test_kit::{ApiServer, AuditEntries, AuditOracle, Exporter, Prometheus, PrometheusOptions, ScrapeJob};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

/// How long anything may take to come true.
const PATIENCE: Duration = Duration::from_mins(2);

/// A namespace with an operator that watches it.
pub(crate) struct Stage {
    pub server: &'static ApiServer,
    pub client: Client,
    pub namespace: String,
    node: JoinHandle<()>,
}

/// One `presale run`; killed when dropped.
pub(crate) struct Operator {
    child: Child,
    pub address: String,
    pub log: PathBuf,
}

impl Stage {
    /// A new namespace on the shared server, with the CRDs installed and pods becoming Ready.
    pub(crate) async fn new() -> Result<Self> {
        Self::on(ApiServer::shared_with_controllers().await?).await
    }

    /// The same on a server of the test's own.
    pub(crate) async fn on(server: &'static ApiServer) -> Result<Self> {
        let client = server.client().await?;
        install(&client, ShopService::crd()).await?;
        install(&client, PromotionEvent::crd()).await?;
        let namespace = server.namespace().await?;
        let node = tokio::spawn(play_node(client.clone(), namespace.clone()));
        Ok(Self { server, client, namespace, node })
    }

    /// Starts an operator named `identity` that ticks every second.
    pub(crate) async fn operator(&self, identity: &str, data: &Path, extra: &[&str]) -> Result<Operator> {
        let log = data.join(format!("{identity}.log"));
        let file = std::fs::OpenOptions::new().create(true).append(true).open(&log)?;
        let seen = std::fs::read_to_string(&log)?.len();
        let child = Command::new(binary().await?)
            .arg("run")
            .args(["--watch-namespace", &self.namespace, "--lease-namespace", &self.namespace])
            .args(["--identity", identity, "--listen", "127.0.0.1:0", "--tick", "1s", "--lease-duration", "6s"])
            .args(["--data-dir", &data.join(identity).display().to_string()])
            .args(extra)
            .env("KUBECONFIG", self.server.kubeconfig())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file)
            .kill_on_drop(true)
            .spawn()?;
        let told = || {
            let text = std::fs::read_to_string(&log).unwrap_or_default();
            let line = text.get(seen..)?.lines().find(|line| line.contains("presale runs"))?.to_owned();
            let line: Value = serde_json::from_str(&line).ok()?;
            line.get("address")?.as_str().map(str::to_owned)
        };
        let address = until("the operator tells its address", || async { Ok(told()) })
            .await
            .with_context(|| std::fs::read_to_string(&log).unwrap_or_default())?;
        Ok(Operator { child, address, log })
    }

    /// Makes a service of the given `spec`.
    pub(crate) async fn shop(&self, name: &str, spec: Value) -> Result<ShopService> {
        let shop = serde_json::from_value(json!({
            "apiVersion": "presale.dev/v1alpha1", "kind": "ShopService", "metadata": {"name": name}, "spec": spec,
        }))?;
        Ok(self.shops().create(&PostParams::default(), &shop).await?)
    }

    pub(crate) fn shops(&self) -> Api<ShopService> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    pub(crate) fn promotions(&self) -> Api<PromotionEvent> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    pub(crate) fn deployments(&self) -> Api<Deployment> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Replicas in the spec of a Deployment; `None` while it does not exist.
    pub(crate) async fn replicas(&self, name: &str) -> Result<Option<i32>> {
        Ok(self.deployments().get_opt(name).await?.and_then(|d| d.spec?.replicas))
    }

    /// Waits until the Deployment has `wanted` replicas in its spec.
    pub(crate) async fn scaled(&self, name: &str, wanted: i32) -> Result<()> {
        let what = format!("{name} has {wanted} replicas");
        let reached = until(&what, || async { Ok((self.replicas(name).await? == Some(wanted)).then_some(())) });
        match reached.await {
            Ok(()) => Ok(()),
            Err(error) => {
                let shop = self.shops().get(name).await?;
                Err(error.context(format!("status: {}", serde_json::to_string_pretty(&shop.status)?)))
            }
        }
    }

    /// Waits until a service's status satisfies a condition; returns the service.
    pub(crate) async fn status(&self, name: &str, what: &str, holds: impl Fn(&Value) -> bool) -> Result<ShopService> {
        until(&format!("{name}: {what}"), || async {
            let shop = self.shops().get(name).await?;
            let status = serde_json::to_value(&shop.status)?;
            Ok(holds(&status).then_some(shop))
        })
        .await
    }

    /// What an operator wrote here so far, but for its lease.
    pub(crate) fn written(&self) -> Result<AuditEntries> {
        let all = AuditOracle::of(self.server.audit_log()).writes()?.in_namespace(&self.namespace);
        Ok(all.except("leases").filter(|entry| entry.manager.starts_with("presale")))
    }

    /// Waits until nothing was written here for so long: a busy machine takes longer to come to rest.
    pub(crate) async fn at_rest(&self, quiet: Duration) -> Result<()> {
        within(Duration::from_mins(5), "the services come to rest", || async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let now = jiff_now();
            Ok(self.written()?.between(now - quiet, now).is_empty().then_some(()))
        })
        .await
    }

    /// Changes a service.
    pub(crate) async fn change(&self, name: &str, change: Value) -> Result<()> {
        self.shops().patch(name, &PatchParams::default(), &Patch::Merge(change)).await?;
        Ok(())
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.node.abort();
    }
}

impl Operator {
    /// Ends it as `kill -9` does.
    pub(crate) async fn kill(mut self) -> Result<()> {
        self.child.kill().await.context("kill the operator")
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) async fn stop(mut self) -> Result<()> {
        let id = self.child.id().context("the operator has ended by itself")?;
        let asked = Command::new("kill").args(["-TERM", &id.to_string()]).status().await?;
        ensure!(asked.success(), "kill -TERM {id}");
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await.context("it does not stop")??;
        ensure!(ended.success(), "it stopped with {ended}: {}", std::fs::read_to_string(&self.log)?);
        Ok(())
    }

    /// What it answers on `path`.
    pub(crate) async fn get(&self, path: &str) -> Result<(u16, String)> {
        let answer = reqwest::get(format!("http://{}{path}", self.address)).await?;
        Ok((answer.status().as_u16(), answer.text().await?))
    }

    /// Resident memory, MiB.
    pub(crate) fn resident(&self) -> Result<f64> {
        let id = self.child.id().context("the operator has ended by itself")?;
        let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
        let kib: f64 = line.trim().trim_end_matches(" kB").trim().parse()?;
        Ok(kib / 1024.0)
    }
}

/// A load that is exported as `offered_load`, with a past, scraped every second.
pub(crate) struct Load {
    pub exporter: Exporter,
    pub prometheus: Prometheus,
}

/// Starts the signal at `now` requests per second; `history` is its past as OpenMetrics text.
pub(crate) async fn load(now: f64, history: Option<String>) -> Result<Load> {
    let exporter = Exporter::start(&exposition(now)).await?;
    let scrape = vec![ScrapeJob { job: "shop".into(), targets: vec![exporter.address().into()], labels: vec![] }];
    let prometheus = Prometheus::start(PrometheusOptions { history, scrape, ..PrometheusOptions::default() }).await?;
    Ok(Load { exporter, prometheus })
}

impl Load {
    pub(crate) fn set(&self, value: f64) {
        self.exporter.set(&exposition(value));
    }

    pub(crate) fn url(&self) -> String {
        format!("--prometheus-url={}", self.prometheus.url())
    }
}

fn exposition(value: f64) -> String {
    format!("# TYPE offered_load gauge\noffered_load {value}\n")
}

/// The signal of a service that reads `offered_load`.
pub(crate) fn signal() -> Value {
    json!({"type": "Prometheus", "query": "sum(offered_load)"})
}

/// Waits for something to come true, looking ten times a second.
pub(crate) async fn until<T, F>(what: &str, look: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<Option<T>>>,
{
    within(PATIENCE, what, look).await
}

/// The same, for as long as it may take.
pub(crate) async fn within<T, F>(patience: Duration, what: &str, mut look: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<Option<T>>>,
{
    let deadline = tokio::time::Instant::now() + patience;
    loop {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        if tokio::time::Instant::now() > deadline {
            bail!("not within {} s: {what}", patience.as_secs());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The program, built if it is not yet.
pub(crate) async fn binary() -> Result<PathBuf> {
    static BUILT: tokio::sync::OnceCell<PathBuf> = tokio::sync::OnceCell::const_new();
    let build = || async {
        let output = Command::new(env!("CARGO"))
            .args(["build", "--workspace", "--bin", "presale", "--message-format", "json"])
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
            .stderr(Stdio::inherit())
            .output()
            .await?;
        ensure!(output.status.success(), "cargo build -p presale: {}, see above", output.status);
        let text = String::from_utf8(output.stdout)?;
        let messages = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let mut executables = messages.filter_map(|m| m.get("executable")?.as_str().map(PathBuf::from));
        executables.next_back().context("cargo names no executable")
    };
    BUILT.get_or_try_init(build).await.cloned()
}

async fn install(client: &Client, definition: CustomResourceDefinition) -> Result<()> {
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let name = definition.name_any();
    definitions.patch(&name, &PatchParams::apply("tests").force(), &Patch::Apply(&definition)).await?;
    until(&format!("{name} is established"), || async {
        let found = definitions.get(&name).await?;
        let conditions = found.status.and_then(|status| status.conditions).unwrap_or_default();
        Ok(conditions.iter().any(|c| c.type_ == "Established" && c.status == "True").then_some(()))
    })
    .await
}

/// Reports every pod as Ready, and lets go of every pod that is to go, as a kubelet does.
async fn play_node(client: Client, namespace: String) {
    let pods: Api<Pod> = Api::namespaced(client, &namespace);
    let mut every = tokio::time::interval(Duration::from_millis(500));
    loop {
        every.tick().await;
        let Ok(list) = pods.list(&ListParams::default()).await else { continue };
        for pod in list {
            if pod.metadata.deletion_timestamp.is_some() {
                let now = kube::api::DeleteParams { grace_period_seconds: Some(0), ..Default::default() };
                let _gone_meanwhile = pods.delete(&pod.name_any(), &now).await;
            } else if !is_ready(&pod) {
                let ready = json!({"status": {"phase": "Running", "conditions": [
                    {"type": "PodScheduled", "status": "True"},
                    {"type": "Ready", "status": "True", "lastTransitionTime": jiff_now()}]}});
                let _gone_meanwhile =
                    pods.patch_status(&pod.name_any(), &PatchParams::default(), &Patch::Strategic(ready)).await;
            }
        }
    }
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.is_some_and(|all| all.iter().any(|c| c.type_ == "Ready" && c.status == "True"))
}

#[expect(clippy::disallowed_methods, reason = "tests live in real time")]
pub(crate) fn jiff_now() -> jiff::Timestamp {
    let now = jiff::Timestamp::now();
    jiff::Timestamp::from_second(now.as_second()).unwrap_or(now)
}
