//! A real fault in one pod, and then no readings at all.

use std::time::Duration;

use anyhow::{Context, ensure};
use kube::ResourceExt;

use crate::load::Load;
use crate::release::now;
use crate::stage::{CATALOG, Stage, is_ready};
use crate::until;

/// How long a pod's use of the CPU is looked at.
const LOOK: Duration = Duration::from_secs(15);
/// CPU limit of the catalog's pods, in processors.
const CATALOG_CPU: f64 = 0.04;

/// One pod's CPU is cut in its control group: it is found by its peers, evicted and replaced, and they go on.
pub(crate) async fn is_replaced(stage: &Stage) -> anyhow::Result<()> {
    let load = Load::start(&CATALOG, 1.0).await?;
    let before = stage.pods(CATALOG.name).await?;
    ensure!(before.len() > 3 && before.iter().all(is_ready), "{} pods, not all Ready", before.len());
    let sick = before.first().context("a pod")?;
    let (name, uid) = (sick.name_any(), sick.uid().context("a pod's uid")?);
    stage.node.cut_cpu(&uid, too_little(stage, &uid).await?)?;
    let cut = now();
    until("the sick pod is evicted", Duration::from_secs(420), || async {
        let evictions = stage.written()?.to("pods/eviction").succeeded();
        Ok(evictions.iter().any(|entry| entry.name == name).then_some(()))
    })
    .await
    .with_context(|| format!("{name} was cut at {cut}"))?;
    let now_there = until("it is replaced", Duration::from_secs(90), || async {
        let pods = stage.pods(CATALOG.name).await?;
        let well = pods.len() == before.len() && pods.iter().all(|pod| is_ready(pod) && pod.name_any() != name);
        Ok(well.then_some(pods))
    })
    .await?;
    let kept = before.iter().filter(|pod| now_there.iter().any(|other| other.uid() == pod.uid())).count();
    ensure!(kept == before.len() - 1, "{kept} of its {} peers are still there", before.len() - 1);
    ensure!(stage.written()?.to("pods/eviction").succeeded().len() == 1, "others were evicted, too");
    let served = load.end().await?;
    ensure!(served.offered > 0 && served.failures() * 2 < served.offered, "its peers did not go on: {served:?}");
    Ok(())
}

/// Thousandths of its limit that are three fifths of what a pod takes: a fixed share is plenty on a quick machine.
async fn too_little(stage: &Stage, uid: &str) -> anyhow::Result<u64> {
    let before = stage.node.cpu_seconds(uid)?;
    tokio::time::sleep(LOOK).await;
    let takes = (stage.node.cpu_seconds(uid)? - before) / LOOK.as_secs_f64();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a pod takes no more than its limit")]
    let per_mille = (0.6 * takes / CATALOG_CPU * 1000.0) as u64;
    Ok(per_mille.max(1))
}

/// Prometheus is killed: that is told, and nothing is scaled or evicted.
pub(crate) async fn blackout(stage: &Stage) -> anyhow::Result<()> {
    let before = stage.replicas(CATALOG.name).await?;
    stage.prometheus.kill().await?;
    let from = now();
    until("the blackout is told", Duration::from_secs(60), || async {
        let status = serde_json::to_string(&stage.shop(CATALOG.name).await?.status)?;
        Ok(status.contains("SignalError").then_some(()))
    })
    .await?;
    tokio::time::sleep(Duration::from_secs(20)).await;
    let acts = stage.written()?.filter(|entry| entry.at >= from);
    let acts = acts.filter(|entry| entry.resource.ends_with("/scale") || entry.resource.ends_with("/eviction"));
    ensure!(acts.is_empty(), "without metrics it wrote {acts:#?}");
    let after = stage.replicas(CATALOG.name).await?;
    ensure!(after == before, "{before} replicas became {after}");
    Ok(())
}
