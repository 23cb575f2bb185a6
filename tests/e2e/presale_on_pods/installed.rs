//! What Helm's release is on the node, what it makes for a service, and what is left when it is gone.

use std::time::Duration;

use anyhow::{Context, ensure};
use kube::ResourceExt;

use crate::stage::{CALM, CATALOG, Stage};
use crate::{release, until};

/// User of the operator's pod, by the chart.
const USER: &str = "65532";

/// The operator is a process without rights on a read-only root, and what its services need is there and Ready.
pub(crate) async fn check(stage: &Stage) -> anyhow::Result<()> {
    let operators = stage.operators().await?;
    let [operator] = operators.as_slice() else { anyhow::bail!("{} pods of the operator", operators.len()) };
    let uid = operator.uid().context("a pod's uid")?;
    let file = |id: &u32, name: &str| std::fs::read_to_string(format!("/proc/{id}/{name}")).unwrap_or_default();
    let processes = stage.node.processes(&uid)?;
    let process = processes.iter().find(|id| file(id, "comm").trim() == "presale").context("the operator's process")?;
    let status = file(process, "status");
    for word in ["Uid", "Gid"] {
        let line = status.lines().find(|line| line.starts_with(word)).unwrap_or_default();
        ensure!(line.split_whitespace().skip(1).all(|id| id == USER), "the operator runs as {line}");
    }
    ensure!(status.contains("CapEff:\t0000000000000000"), "it has capabilities: {status}");
    ensure!(status.contains("NoNewPrivs:\t1") && status.contains("Seccomp:\t2"), "it may gain rights: {status}");
    let mounts = file(process, "mounts");
    let root = mounts.lines().find(|line| line.split(' ').nth(1) == Some("/")).context("its root")?;
    ensure!(root.split(' ').nth(3).is_some_and(|options| options.split(',').any(|o| o == "ro")), "writable: {root}");

    for shop in [CATALOG, CALM] {
        for kind in ["deployment", "service", "serviceaccount", "poddisruptionbudget"] {
            let owner = "-o=jsonpath={.metadata.ownerReferences[*].kind}";
            let owner = stage.kubectl(&["get", kind, shop.name, owner]).await?;
            ensure!(owner == "ShopService", "{kind} {} is owned by {owner:?}", shop.name);
        }
        let all_ready = format!("{} pods of {} are Ready", shop.min, shop.name);
        until(&all_ready, Duration::from_secs(60), || async {
            let status = stage.shop(shop.name).await?.status.unwrap_or_default();
            Ok((status.ready_replicas.and_then(|n| i32::try_from(n).ok()) == Some(shop.min)).then_some(()))
        })
        .await?;
    }
    Ok(())
}

/// Without the operator everything stays as it was: replicas, the CRDs, what people wrote in them.
pub(crate) async fn uninstall(stage: &Stage) -> anyhow::Result<()> {
    let counts = ["get", "deployments,statefulsets", "-o=custom-columns=:kind,:metadata.name,:spec.replicas"];
    let before = stage.kubectl(&counts).await?;
    ensure!(before.contains("catalog") && before.contains("carts"), "{before}");
    release::uninstall(&stage.node).await?;
    until("the operator is gone", Duration::from_secs(60), || async {
        Ok(stage.operators().await?.is_empty().then_some(()))
    })
    .await?;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let after = stage.kubectl(&counts).await?;
    ensure!(after == before, "replicas were\n{before}and are\n{after}");
    let kept = stage.kubectl(&["get", "shopservices,promotionevents", "-o=name"]).await?;
    ensure!(kept.contains("/catalog") && kept.contains("/flash"), "what is left of what people wrote: {kept}");
    Ok(())
}
