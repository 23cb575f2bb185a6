//! The warm reserve of a service, from its first pods through bursts, kills, hands and full nodes.

#[path = "reserve/kubelet.rs"]
mod kubelet;

use std::time::Duration;

use anyhow::{Result, ensure};
use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::api::{ListParams, Patch, PatchParams};
use kube::{Api, ResourceExt};
use presale_cluster::reserve::{DELETION_COST, FULL_SIZE, IN_SERVICE};
use serde_json::{Value, json};
use test_kit::{
    ApiServer, ApiServerOptions, DEPLOYMENT_CONTROLLERS, Exporter, Prometheus, PrometheusOptions, ScrapeJob,
};
use tokio::process::Command;
use tokio::sync::OnceCell;

use crate::harness::{Stage, binary, load, signal, until};
use kubelet::{Kubelet, cpu};

/// Thousandths of a processor that a pod has in service.
const FULL: f64 = 500.0;

/// A service that one replica serves sixty requests per second of, with a reserve.
fn spec(signal: &Value, reserve: &Value) -> Value {
    json!({"image": "localhost/catalog:1", "replicas": {"min": 2, "max": 20},
        "resources": {"requests": {"cpu": "500m", "memory": "64Mi"}, "limits": {"cpu": "500m", "memory": "128Mi"}},
        "scaling": {"signal": signal, "capacity": {"requestsPerReplica": "60"}, "reserve": reserve,
            "behavior": {"scaleDown": {"stabilizationWindowSeconds": 5}}}})
}

async fn pods(stage: &Stage) -> Result<Vec<Pod>> {
    let all = Api::<Pod>::namespaced(stage.client.clone(), &stage.namespace).list(&ListParams::default()).await?;
    Ok(all.items.into_iter().filter(|pod| pod.metadata.deletion_timestamp.is_none()).collect())
}

/// Pods in service and pods cut off, by name.
fn parted(pods: &[Pod]) -> (Vec<String>, Vec<String>) {
    let (serving, out): (Vec<&Pod>, Vec<&Pod>) =
        pods.iter().partition(|pod| pod.labels().get(IN_SERVICE).is_some_and(|value| value == "true"));
    (serving.iter().map(|pod| pod.name_any()).collect(), out.iter().map(|pod| pod.name_any()).collect())
}

/// Waits until as many pods serve as were decided, at least so many and at full size, and so many are in reserve, small and
/// marked; returns their names.
async fn held(stage: &Stage, serving: usize, warm: usize) -> Result<(Vec<String>, Vec<String>)> {
    let what = format!("{serving} pods or more serve and {warm} are in reserve");
    let found = until(&what, || async {
        let all = pods(stage).await?;
        let (on, off) = parted(&all);
        let fits = |pod: &Pod| {
            if off.contains(&pod.name_any()) {
                cpu(pod) < 11.0 && pod.annotations().get(DELETION_COST).is_some_and(|cost| cost == "-1000")
            } else {
                cpu(pod) >= FULL && !pod.annotations().contains_key(DELETION_COST)
            }
        };
        let shops = stage.shops().list(&ListParams::default()).await?;
        let decided = shops.items.first().and_then(|shop| shop.status.as_ref()?.desired_replicas);
        let as_decided = decided.and_then(|n| usize::try_from(n).ok()) == Some(on.len());
        let counts = on.len() >= serving && as_decided && off.len() == warm;
        Ok((counts && all.iter().all(fits)).then_some((on, off)))
    });
    match found.await {
        Ok(found) => Ok(found),
        Err(error) => {
            let all: Vec<_> = pods(stage).await?.iter().map(|p| (p.name_any(), p.labels().clone(), cpu(p))).collect();
            let shops = stage.shops().list(&ListParams::default()).await?;
            let status = shops.items.first().map(|shop| serde_json::to_string_pretty(&shop.status)).transpose()?;
            Err(error.context(format!("{all:#?} {}", status.unwrap_or_default())))
        }
    }
}

async fn label(stage: &Stage, pod: &str, value: Option<&str>) -> Result<()> {
    let patch = json!({"metadata": {"labels": {IN_SERVICE: value}}});
    let api: Api<Pod> = Api::namespaced(stage.client.clone(), &stage.namespace);
    api.patch(pod, &PatchParams::default(), &Patch::Merge(patch)).await?;
    Ok(())
}

#[tokio::test]
async fn pods_leave_for_the_reserve_and_return_from_it_in_place() -> Result<()> {
    let stage = Stage::new().await?;
    let _kubelet = Kubelet::play(&stage);
    let data = tempfile::tempdir()?;
    let load = load(300.0, None).await?;
    let operator = stage.operator("one", data.path(), &[&load.url()]).await?;
    stage.shop("catalog", spec(&signal(), &json!({"size": 2}))).await?;
    let (before, reserve) = held(&stage, 5, 2).await?;
    let serving = before.len();
    stage.scaled("catalog", i32::try_from(serving + 2)?).await?;
    stage
        .status("catalog", "the reserve is told", |status| {
            status["reserve"] == json!({"wanted": 2, "warm": 2, "shrunk": 2, "deferred": 0})
                && (&status["replicas"], &status["readyReplicas"]) == (&json!(serving), &json!(serving))
                && status["conditions"].to_string().contains("as many pods are in reserve as wanted")
        })
        .await?;
    let service: Service = Api::namespaced(stage.client.clone(), &stage.namespace).get("catalog").await?;
    ensure!(service.spec.and_then(|spec| spec.selector).is_some_and(|all| all[IN_SERVICE] == "true"));
    let budget: PodDisruptionBudget = Api::namespaced(stage.client.clone(), &stage.namespace).get("catalog").await?;
    ensure!(budget.spec.as_ref().is_some_and(|spec| spec.min_available.is_some()), "{budget:#?}");

    let (code, explained) = operator.get(&format!("/explain/{}/catalog", stage.namespace)).await?;
    ensure!(code == 200 && explained.contains("\"reserve\""), "{explained}");
    let (_, metrics) = operator.get("/metrics").await?;
    ensure!(metrics.lines().any(|l| l.starts_with("presale_replicas_warm{") && l.ends_with(" 2")), "{metrics}");

    load.set(420.0);
    let (after, _) = held(&stage, 7, 2).await?;
    let all_back = before.iter().chain(&reserve).all(|pod| after.contains(pod));
    ensure!(all_back, "{reserve:?} did not return for good: {after:?}");
    stage.scaled("catalog", i32::try_from(after.len() + 2)?).await?;

    let resized = stage.written()?.to("pods/resize").succeeded();
    ensure!(resized.len() >= 6, "two shrunk, two grown, two shrunk: {resized:#?}");
    let failed = stage.written()?.filter(|entry| entry.resource.starts_with("pods") && entry.code >= 400);
    ensure!(failed.is_empty(), "{failed:#?}");
    operator.stop().await
}

#[tokio::test]
async fn a_killed_operator_leaves_pods_as_they_are_and_its_successor_goes_on() -> Result<()> {
    let stage = Stage::new().await?;
    let _kubelet = Kubelet::play(&stage);
    let data = tempfile::tempdir()?;
    let load = load(300.0, None).await?;
    let mut operator = stage.operator("one", data.path(), &[&load.url()]).await?;
    stage.shop("catalog", spec(&signal(), &json!({"size": 2}))).await?;
    held(&stage, 5, 2).await?;
    // Killed at moments spread over a way back and a descent; whatever it left is taken up.
    for (rate, millis) in [(420.0, 500), (300.0, 1_500), (420.0, 900), (300.0, 6_000), (420.0, 1_200)] {
        load.set(rate);
        tokio::time::sleep(Duration::from_millis(millis)).await;
        operator.kill().await?;
        let (left, _) = parted(&pods(&stage).await?);
        ensure!(left.len() >= 5, "{left:?} serve while nobody runs");
        operator = stage.operator("one", data.path(), &[&load.url()]).await?;
    }
    held(&stage, 7, 2).await?;
    operator.stop().await
}

#[tokio::test]
async fn a_label_set_by_hand_says_which_pod_and_not_how_many() -> Result<()> {
    let stage = Stage::new().await?;
    let _kubelet = Kubelet::play(&stage);
    let data = tempfile::tempdir()?;
    let load = load(300.0, None).await?;
    let operator = stage.operator("one", data.path(), &[&load.url()]).await?;
    stage.shop("catalog", spec(&signal(), &json!({"size": 2}))).await?;
    let (serving, reserve) = held(&stage, 5, 2).await?;
    label(&stage, &serving[0], Some("false")).await?;
    until("another pod serves in its place", || async {
        let (on, off) = parted(&pods(&stage).await?);
        Ok((on.len() == serving.len() && off.contains(&serving[0])).then_some(()))
    })
    .await?;
    let (_, off) = held(&stage, 5, 2).await?;
    ensure!(off.contains(&serving[0]), "{off:?}");

    let back = off.iter().find(|pod| **pod != serving[0]).unwrap_or(&reserve[0]).clone();
    label(&stage, &back, Some("true")).await?;
    let (on, _) = held(&stage, 5, 2).await?;
    ensure!(on.len() == serving.len(), "{on:?}");
    label(&stage, &on[0], None).await?;
    held(&stage, 5, 2).await?;
    ensure!(pods(&stage).await?.iter().all(|pod| pod.labels().contains_key(IN_SERVICE)), "a lost label is put back");
    operator.stop().await
}

#[tokio::test]
async fn a_pod_that_cannot_grow_is_no_capacity() -> Result<()> {
    let stage = Stage::new().await?;
    let kubelet = Kubelet::play(&stage);
    let data = tempfile::tempdir()?;
    let load = load(300.0, None).await?;
    let operator = stage.operator("one", data.path(), &[&load.url()]).await?;
    stage.shop("catalog", spec(&signal(), &json!({"size": 2}))).await?;
    let (_, reserve) = held(&stage, 5, 2).await?;
    kubelet.has_room(false);
    load.set(420.0);
    stage
        .status("catalog", "the growth is deferred", |status| {
            status["reserve"]["deferred"].as_u64().is_some_and(|n| n > 0)
                && status["conditions"].to_string().contains("GrowthDeferred")
        })
        .await?;
    until("new pods serve in their place", || async {
        let all = pods(&stage).await?;
        let (on, off) = parted(&all);
        Ok((on.len() >= 7 && reserve.iter().all(|pod| off.contains(pod))).then_some(()))
    })
    .await?;
    kubelet.has_room(true);
    held(&stage, 7, 2).await?;
    stage.status("catalog", "nothing is deferred", |status| status["reserve"]["deferred"] == 0).await?;
    operator.stop().await
}

#[tokio::test]
async fn what_pods_say_themselves_raises_before_prometheus_knows() -> Result<()> {
    let stage = Stage::new().await?;
    let kubelet = Kubelet::play(&stage);
    let data = tempfile::tempdir()?;
    let known = |at: &str| (at.to_owned(), if at == "namespace" { stage.namespace.clone() } else { "catalog".into() });
    let exporter = Exporter::start("shop_requests_offered_total 7\n").await?;
    let target = ScrapeJob {
        job: "shop".into(),
        targets: vec![exporter.address().into()],
        labels: vec![known("namespace"), known("service"), ("pod".into(), "catalog-1".into())],
    };
    let prometheus = Prometheus::start(PrometheusOptions { scrape: vec![target], ..Default::default() }).await?;
    let url = format!("--prometheus-url={}", prometheus.url());
    // No pod counts as scraped before it has been Ready for so long: what is read is not partial.
    let operator = stage.operator("one", data.path(), &[&url, "--rate-window=5m"]).await?;
    let preset = json!({"type": "RequestRate", "source": "OpenTelemetry"});
    stage.shop("catalog", spec(&preset, &json!({"size": 3}))).await?;
    kubelet.offer(110);
    held(&stage, 2, 3).await?;
    kubelet.offer(290);
    let risen =
        stage.status("catalog", "the burst is served", |s| s["replicas"].as_u64().is_some_and(|n| n >= 5)).await?;
    let (on, _) = parted(&pods(&stage).await?);
    ensure!(on.len() >= 5, "{on:?} {risen:#?}");
    let (_, explained) = operator.get(&format!("/explain/{}/catalog", stage.namespace)).await?;
    ensure!(explained.contains("\"load\""), "{explained}");
    operator.stop().await
}

/// A server as Kubernetes was before it resized pods.
async fn without_resize() -> Result<&'static ApiServer> {
    static SERVER: OnceCell<ApiServer> = OnceCell::const_new();
    let options = || ApiServerOptions {
        controllers: DEPLOYMENT_CONTROLLERS.iter().map(|&name| name.to_owned()).collect(),
        apiserver_args: vec![
            "--emulated-version=1.34".to_owned(),
            "--feature-gates=InPlacePodVerticalScaling=false".to_owned(),
        ],
    };
    Ok(SERVER.get_or_try_init(|| ApiServer::start(options())).await?)
}

#[tokio::test]
async fn without_pods_resize_a_pod_is_cut_off_and_keeps_its_size() -> Result<()> {
    let stage = Stage::on(without_resize().await?).await?;
    let _kubelet = Kubelet::play(&stage);
    let data = tempfile::tempdir()?;
    let load = load(300.0, None).await?;
    let operator = stage.operator("one", data.path(), &[&load.url()]).await?;
    stage.shop("catalog", spec(&signal(), &json!({"size": 2}))).await?;
    stage
        .status("catalog", "two are warm, and none is shrunk", |status| {
            status["reserve"] == json!({"wanted": 2, "warm": 2, "shrunk": 0, "deferred": 0})
                && status["conditions"].to_string().contains("NoResize")
        })
        .await?;
    let doctor = Command::new(binary().await?)
        .args(["doctor", "-n", &stage.namespace, "-o", "json"])
        .env("KUBECONFIG", stage.server.kubeconfig())
        .env("PRESALE_OPERATOR", format!("http://{}", operator.address))
        .output()
        .await?;
    let findings = String::from_utf8(doctor.stdout)?;
    ensure!(findings.contains("pods/resize") && findings.contains("cuts pods off without shrinking"), "{findings}");
    load.set(420.0);
    until("both are back", || async {
        let (on, _) = parted(&pods(&stage).await?);
        Ok((on.len() >= 7).then_some(()))
    })
    .await?;
    let resized = stage.written()?.to("pods/resize");
    ensure!(resized.is_empty(), "{resized:#?}");
    operator.stop().await
}

#[tokio::test]
async fn a_reserve_is_refused_where_presale_owns_nothing() -> Result<()> {
    let stage = Stage::new().await?;
    let data = tempfile::tempdir()?;
    let operator = stage.operator("one", data.path(), &[]).await?;
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "legacy"}, "spec": {
        "replicas": 2, "selector": {"matchLabels": {"app": "legacy"}},
        "template": {"metadata": {"labels": {"app": "legacy"}}, "spec": {"containers": [{"name": "main", "image": "legacy:7"}]}}}});
    stage.deployments().patch("legacy", &PatchParams::apply("helm"), &Patch::Apply(deployment)).await?;
    let adopts = json!({"workloadRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "legacy"},
        "replicas": {"min": 2, "max": 9}, "scaling": {"reserve": {"size": 2}}});
    stage.shop("legacy", adopts).await?;
    let shop = stage
        .status("legacy", "the reserve is refused", |status| {
            status["conditions"].as_array().is_some_and(|all| {
                all.iter()
                    .any(|c| c["type"] == "ReserveHeld" && c["status"] == "False" && c["reason"] == "AdoptedWorkload")
            })
        })
        .await?;
    ensure!(shop.status.is_some_and(|status| status.reserve.is_none()));
    let touched = stage.written()?.filter(|entry| entry.resource.starts_with("pods"));
    ensure!(touched.is_empty(), "{touched:#?}");
    ensure!(pods(&stage).await?.iter().all(|pod| !pod.annotations().contains_key(FULL_SIZE)));
    operator.stop().await
}
