//! Ends and beginnings: a killed operator leaves replicas alone, a successor takes over, an old leader writes nothing.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{WatchEvent, WatchParams};
use kube::{Api, ResourceExt};
use serde_json::json;

use crate::harness::{Stage, load, signal, until};

#[tokio::test]
async fn a_killed_operator_and_its_successor_keep_the_replicas() -> Result<()> {
    let stage = Stage::new().await?;
    let data = tempfile::tempdir()?;
    let load = load(500.0, None).await?;
    let operator = stage.operator("one", data.path(), &[&load.url()]).await?;
    let spec = json!({"image": "localhost/catalog:1", "replicas": {"min": 2, "max": 20},
        "scaling": {"signal": signal(), "capacity": {"requestsPerReplica": "60"}}});
    stage.shop("catalog", spec).await?;
    stage.status("catalog", "raised", |s| s["replicas"].as_u64().is_some_and(|n| n >= 9)).await?;
    operator.kill().await?;
    let before = stage.replicas("catalog").await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    ensure!(stage.replicas("catalog").await? == before, "dead: replicas stay");

    load.set(100.0);
    let operator = stage.operator("one", data.path(), &[&load.url()]).await?;
    tokio::time::sleep(Duration::from_secs(12)).await;
    ensure!(stage.replicas("catalog").await? == before, "a new one lowers nothing before its window is covered");
    load.set(900.0);
    stage.status("catalog", "raised further", |s| s["replicas"].as_u64().is_some_and(|n| n >= 15)).await?;
    operator.stop().await
}

#[tokio::test]
async fn one_writes_and_the_other_takes_over() -> Result<()> {
    let stage = Stage::new().await?;
    let data = tempfile::tempdir()?;
    let first = stage.operator("first", data.path(), &[]).await?;
    leads(&first, true).await?;
    let second = stage.operator("second", data.path(), &[]).await?;
    stage.shop("catalog", json!({"image": "localhost/catalog:1", "replicas": {"min": 2, "max": 20}})).await?;
    stage.scaled("catalog", 2).await?;
    leads(&second, false).await?;

    first.kill().await?;
    leads(&second, true).await?;
    stage.change("catalog", json!({"spec": {"replicas": {"min": 4}}})).await?;
    stage.scaled("catalog", 4).await?;

    // A graceful stop gives the lease back at once.
    let third = stage.operator("third", data.path(), &[]).await?;
    let leases: Api<Lease> = Api::namespaced(stage.client.clone(), &stage.namespace);
    let seen = leases.get("presale").await?.resource_version().context("resourceVersion")?;
    let mut changes = leases.watch(&WatchParams::default(), &seen).await?.boxed();
    second.stop().await?;
    leads(&third, true).await?;
    stage.change("catalog", json!({"spec": {"replicas": {"min": 5}}})).await?;
    stage.scaled("catalog", 5).await?;
    let mut holders = vec!["second".to_owned()];
    while holders.last().is_none_or(|holder| holder != "third") {
        let change = changes.try_next().await?.context("the watch ended before the third held the lease")?;
        let WatchEvent::Modified(lease) = change else { continue };
        holders.push(lease.spec.and_then(|spec| spec.holder_identity).unwrap_or_default());
        holders.dedup();
    }
    ensure!(holders == ["second", "", "third"], "given back, then taken: {holders:?}");
    third.stop().await
}

async fn leads(operator: &crate::harness::Operator, wanted: bool) -> Result<()> {
    until(&format!("leads: {wanted}"), || async {
        let (_, text) = operator.get("/readyz").await?;
        Ok(text.contains(&format!("\"leads\":{wanted}")).then_some(()))
    })
    .await
}
