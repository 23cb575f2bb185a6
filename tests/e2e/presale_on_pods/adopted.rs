//! Workloads that somebody else runs: scaled by `workloadRef`, otherwise untouched, and left as they are.

use std::time::Duration;

use anyhow::{Context, ensure};

use crate::release::now;
use crate::stage::{Stage, ready_since};
use crate::until;

/// A promotion on an adopted Deployment is Ready in time and ramps back when it is cancelled; a pin on a StatefulSet
/// holds; the audit log shows nothing but `/scale`.
pub(crate) async fn check(stage: &Stage) -> anyhow::Result<()> {
    stage.presale(&["pin", "carts", "2"]).await?;
    stage
        .presale(
            &[
                ["promo", "create", "drop", "--service", "orders", "--start", "in 30s", "--duration", "10m"].as_slice(),
                &["--floor", "3", "--ready-before", "10s"],
            ]
            .concat(),
        )
        .await?;
    let scaled = "three pods of orders are Ready";
    let pods = until(scaled, Duration::from_secs(60), || async {
        let pods = stage.pods("orders").await?;
        Ok((pods.iter().filter_map(ready_since).count() == 3).then_some(pods))
    });
    let last = pods.await?.iter().filter_map(ready_since).max().context("a Ready pod")?;
    let occurrences = stage.promotion("drop").await?.status.unwrap_or_default().occurrences;
    let start = occurrences.first().context("an occurrence")?.start.0;
    ensure!(last < start, "Ready at {last}, and it starts at {start}");

    stage.presale(&["promo", "cancel", "drop"]).await?;
    until("orders has ramped back", Duration::from_secs(90), || async {
        Ok((stage.replicas("orders").await? == 1).then_some(()))
    })
    .await?;
    until("carts is pinned", Duration::from_secs(30), || async {
        let replicas = stage.kubectl(&["get", "statefulset", "carts", "-o=jsonpath={.spec.replicas}"]).await?;
        Ok((replicas == "2").then_some(()))
    })
    .await?;

    stage.presale(&["pin", "orders", "4"]).await?;
    until("orders is pinned", Duration::from_secs(30), || async {
        Ok((stage.replicas("orders").await? == 4).then_some(()))
    })
    .await?;
    stage.kubectl(&["delete", "shopservice", "orders", "--timeout=30s"]).await?;
    let deleted = now();
    tokio::time::sleep(Duration::from_secs(12)).await;
    ensure!(stage.replicas("orders").await? == 4, "its replicas went with the ShopService");
    let late = stage.written()?.filter(|entry| entry.name == "orders" && entry.at > deleted);
    ensure!(late.filter(|entry| entry.resource == "deployments/scale").is_empty(), "it was scaled when it was let go");

    let ours = ["shopservices/status", "events"];
    for name in ["orders", "carts"] {
        let written = stage.written()?.filter(|entry| entry.name == name && !ours.contains(&entry.resource.as_str()));
        let scaled = written.iter().filter(|entry| entry.resource.ends_with("/scale")).count();
        ensure!(scaled > 0 && scaled == written.len(), "{name}: more than its scale was written: {written:#?}");
    }
    Ok(())
}
