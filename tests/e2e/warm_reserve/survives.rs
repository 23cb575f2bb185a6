//! What the reserve survives: hands, kills in every state, evictions, rolling updates, bursts.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, ensure};
use kube::api::{Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Config, ResourceExt};
use presale_cluster::rbac::RULES;
use presale_cluster::{Evicted, Leadership, Writer, connect, evict};
use presale_crds::ShopService;
use serde_json::json;
use tokio::time::Instant;

use crate::load::Load;
use crate::release::{OPERATOR, presale};
use crate::stage::{SHOP, Stage, WARM};
use crate::until;

const PATIENCE: Duration = Duration::from_secs(120);

/// Status and the command line tell what serves, what is warm, and why.
pub(crate) async fn told(stage: &Stage) -> anyhow::Result<()> {
    stage.held().await?;
    until("the status tells of three that are warm and small", PATIENCE, || async {
        let reserve = stage.shop().await?.status.and_then(|status| status.reserve);
        Ok(reserve.filter(|reserve| (reserve.warm, reserve.shrunk, reserve.deferred) == (3, 3, 0)))
    })
    .await?;
    let top = presale(&stage.node, &stage.namespace, &["top", "--once"]).await?;
    ensure!(top.contains("WARM") && top.contains("3/3"), "{top}");
    let explained = presale(&stage.node, &stage.namespace, &["explain", SHOP.name]).await?;
    ensure!(explained.contains("out of service of 3 wanted"), "{explained}");
    Ok(())
}

/// A pod that a hand cuts off stays in reserve, and another one serves in its place.
pub(crate) async fn hand(stage: &Stage) -> anyhow::Result<()> {
    let (on, _) = stage.held().await?;
    let chosen = on.first().context("a pod that serves")?;
    stage.label(chosen, false).await?;
    let (after, off) = stage.held().await?;
    ensure!(off.contains(chosen) && after.len() + 1 >= on.len(), "{chosen} of {on:?}: {after:?} {off:?}");
    stage.label(chosen, true).await?;
    stage.held().await.map(drop)
}

/// What an operator leaves that dies between any two of its writes is made by hand while none runs.
pub(crate) async fn kills(stage: &Stage) -> anyhow::Result<()> {
    let (on, off) = stage.held().await?;
    let (mut on, mut off) = (on.into_iter(), off.into_iter());
    scale_operator(stage, 0).await?;
    let serving: BTreeSet<String> = stage.led_to().await?;
    let full = json!({"requests": {"cpu": "50m", "memory": "32Mi"}, "limits": {"cpu": "200m", "memory": "128Mi"}});
    // Cut off, and neither noted nor shrunk.
    stage.label(&on.next().context("one that serves")?, false).await?;
    // Grown and not yet back; back and not yet grown.
    stage.resize(&off.next().context("one in reserve")?, &full).await?;
    let crawling = off.next().context("another in reserve")?;
    stage.label(&crawling, true).await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let left = stage.led_to().await?;
    ensure!(left.len() >= serving.len() - 1, "with nobody at work {serving:?} became {left:?}");
    scale_operator(stage, 1).await?;
    stage.held().await?;
    // And killed for real at moments spread over a cycle.
    for millis in [100, 400, 900, 1_600] {
        let (on, _) = stage.held().await?;
        for pod in on.iter().take(2) {
            stage.label(pod, false).await?;
        }
        tokio::time::sleep(Duration::from_millis(millis)).await;
        kill_operator(stage).await?;
        ensure!(!stage.led_to().await?.is_empty(), "nobody serves");
    }
    stage.held().await.map(drop)
}

/// Pods in reserve may go; of those that serve, as many as the budget says.
pub(crate) async fn eviction(stage: &Stage) -> anyhow::Result<()> {
    let (on, off) = stage.held().await?;
    let gone = off.first().context("one in reserve")?;
    ensure!(evicted(stage, gone).await? == Evicted::Accepted, "a pod in reserve may always go");
    let mut refused = 0;
    for pod in &on {
        refused += usize::from(matches!(evicted(stage, pod).await?, Evicted::RefusedByBudget(_)));
    }
    ensure!(refused > 0, "all of {on:?} could be evicted at once");
    let (_, after) = stage.held().await?;
    ensure!(!after.contains(gone), "{gone} is still there");
    Ok(())
}

/// While older pods are replaced never fewer serve than before; the reserve forms anew when that is over.
pub(crate) async fn rolling(stage: &Stage) -> anyhow::Result<()> {
    let (on, off) = stage.held().await?;
    let change = json!({"spec": {"podTemplate": {"metadata": {"annotations": {"rolled": "once"}}}}});
    let shops: Api<ShopService> = Api::namespaced(stage.client.clone(), &stage.namespace);
    shops.patch(SHOP.name, &PatchParams::default(), &Patch::Merge(change)).await?;
    let (mut fewest, deadline) = (usize::MAX, Instant::now() + Duration::from_secs(300));
    loop {
        ensure!(Instant::now() < deadline, "it does not roll out");
        fewest = fewest.min(stage.led_to().await?.len());
        let names: BTreeSet<String> = stage.pods().await?.iter().map(ResourceExt::name_any).collect();
        if names.is_disjoint(&on) && names.is_disjoint(&off) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    ensure!(fewest >= on.len().min(3), "{} served before, {fewest} meanwhile", on.len());
    stage.held().await.map(drop)
}

/// Three times the load, unannounced: the reserve serves before anything could be started.
pub(crate) async fn burst(stage: &Stage) -> anyhow::Result<()> {
    let (on, off) = stage.held().await?;
    let (begun, load) = (Instant::now(), Load::start(&SHOP, 2.0).await?);
    until("the reserve is back in service", PATIENCE, || async {
        let led_to = stage.led_to().await?;
        Ok(off.iter().all(|pod| led_to.contains(pod)).then_some(()))
    })
    .await?;
    println!("         {} serve {:.1} s after a burst began", on.len() + WARM, begun.elapsed().as_secs_f64());
    tokio::time::sleep(Duration::from_secs(10)).await;
    let served = load.end().await?;
    ensure!(served.failures() == 0, "requests of the burst failed: {served:?}");
    Ok(())
}

/// Pods that were slow since they were small were never put away for it.
pub(crate) fn nobody_judged(stage: &Stage) -> anyhow::Result<()> {
    let evicted = stage.asked()?.to("pods/eviction");
    ensure!(evicted.is_empty(), "{evicted:#?}");
    Ok(())
}

/// What the reserve needs is used, and nothing beyond the table is.
pub(crate) fn rights(stage: &Stage) -> anyhow::Result<()> {
    let asked = stage.asked()?;
    let forbidden = asked.clone().filter(|entry| entry.forbidden);
    ensure!(forbidden.is_empty(), "{forbidden:#?}");
    for resource in ["pods", "pods/resize"] {
        let patched = asked.clone().to(resource).filter(|entry| entry.verb == "patch").succeeded();
        ensure!(!patched.is_empty(), "{resource} was never patched");
    }
    let of_pods = asked.filter(|entry| entry.resource.split('/').next() == Some("pods"));
    let granted = |resource: &str, verb: &str| {
        RULES.iter().any(|rule| rule.group.is_empty() && rule.resource == resource && rule.verbs.contains(&verb))
    };
    let beyond = of_pods.filter(|entry| !granted(&entry.resource, &entry.verb));
    ensure!(beyond.is_empty(), "{beyond:#?}");
    Ok(())
}

/// Evicts as an administrator who drains a node; refusals come back at once.
async fn evicted(stage: &Stage, pod: &str) -> anyhow::Result<Evicted> {
    let kubeconfig = Kubeconfig::read_from(stage.node.kubeconfig())?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    let administrator = Writer::new(connect(config)?, Leadership::alone());
    let uid = stage.pod_api().get(pod).await?.uid().unwrap_or_default();
    Ok(evict(&administrator, &stage.namespace, pod, &uid).await?)
}

async fn scale_operator(stage: &Stage, replicas: u32) -> anyhow::Result<()> {
    let replicas = format!("--replicas={replicas}");
    stage.node.kubectl(&["scale", "deployment/presale", &replicas, "-n", OPERATOR]).await?;
    if replicas.ends_with('0') {
        let gone =
            ["wait", "--for=delete", "pod", "-l", "app.kubernetes.io/name=presale", "--timeout=60s", "-n", OPERATOR];
        stage.node.kubectl(&gone).await?;
    }
    Ok(())
}

/// As `kill -9`: no grace, another pod comes.
async fn kill_operator(stage: &Stage) -> anyhow::Result<()> {
    let kill = ["delete", "pod", "-l", "app.kubernetes.io/name=presale", "--grace-period=0", "--force", "-n", OPERATOR];
    stage.node.kubectl(&kill).await?;
    Ok(())
}
