//! Live load raises at once; pins, pauses, missing metrics and foreign owners hold.

use std::time::Duration;

use anyhow::{Result, ensure};
use kube::api::{Patch, PatchParams};
use serde_json::json;

use crate::harness::{Stage, load, signal};

#[tokio::test]
async fn live_load_raises_and_a_blackout_lowers_nothing() -> Result<()> {
    let stage = Stage::new().await?;
    let data = tempfile::tempdir()?;
    let load = load(50.0, None).await?;
    let operator = stage.operator("one", data.path(), &[&load.url(), "--stale-after=5s", "--rate-window=5s"]).await?;
    let spec = json!({"image": "localhost/catalog:1", "replicas": {"min": 2, "max": 20},
        "scaling": {"signal": signal(), "capacity": {"requestsPerReplica": "60"}}});
    stage.shop("catalog", spec).await?;
    stage.scaled("catalog", 2).await?;
    load.set(500.0);
    let shop = stage
        .status("catalog", "raised by the live load", |status| {
            status["desiredReplicas"].as_u64().is_some_and(|n| n >= 9)
                && status["replicas"].as_u64().is_some_and(|n| n >= 9)
        })
        .await?;
    let decision = shop.status.and_then(|status| status.last_decision);
    ensure!(decision.as_ref().is_some_and(|d| d.reactive_floor.is_some_and(|n| n >= 9)), "{decision:?}");

    load.prometheus.kill().await?;
    stage
        .status("catalog", "the blackout is named", |status| status["conditions"].to_string().contains("SignalError"))
        .await?;
    let before = stage.replicas("catalog").await?;
    ensure!(before.is_some_and(|n| n >= 9), "{before:?}");
    tokio::time::sleep(Duration::from_secs(5)).await;
    ensure!(stage.replicas("catalog").await? == before, "a blackout lowers nothing");

    let (code, text) = operator.get("/readyz").await?;
    ensure!(code == 200, "a missing Prometheus is told and does not make it unready: {text}");
    let (code, text) = operator.get(&format!("/explain/{}/catalog", stage.namespace)).await?;
    ensure!(code == 200 && text.contains("\"decision\""), "{text}");
    let (_, metrics) = operator.get("/metrics").await?;
    ensure!(metrics.contains("presale_replicas_desired{"), "{metrics}");
    operator.stop().await
}

#[tokio::test]
async fn a_pin_holds_until_it_is_lifted_and_a_pause_holds_everything() -> Result<()> {
    let stage = Stage::new().await?;
    let data = tempfile::tempdir()?;
    let load = load(50.0, None).await?;
    let operator = stage.operator("one", data.path(), &[&load.url()]).await?;
    let spec = json!({"image": "localhost/catalog:1", "replicas": {"min": 2, "max": 20},
        "scaling": {"signal": signal(), "capacity": {"requestsPerReplica": "60"}}});
    stage.shop("catalog", spec).await?;
    stage.scaled("catalog", 2).await?;
    stage.change("catalog", json!({"spec": {"replicas": {"fixed": 5}}})).await?;
    stage.scaled("catalog", 5).await?;

    stage.change("catalog", json!({"metadata": {"annotations": {"presale.dev/paused": "true"}}})).await?;
    stage.status("catalog", "paused", |status| status["mode"] == "Paused").await?;
    stage.change("catalog", json!({"spec": {"replicas": {"fixed": null}}})).await?;
    load.set(900.0);
    tokio::time::sleep(Duration::from_secs(8)).await;
    ensure!(stage.replicas("catalog").await? == Some(5), "paused: nothing moves, up or down");
    stage.change("catalog", json!({"metadata": {"annotations": {"presale.dev/paused": null}}})).await?;
    stage
        .status("catalog", "raised once it is no longer paused", |s| s["replicas"].as_u64().is_some_and(|n| n >= 15))
        .await?;
    operator.stop().await
}

#[tokio::test]
async fn a_foreign_autoscaler_is_a_conflict_and_no_tug_of_war() -> Result<()> {
    let stage = Stage::new().await?;
    let data = tempfile::tempdir()?;
    let load = load(50.0, None).await?;
    let operator = stage.operator("one", data.path(), &[&load.url()]).await?;
    let spec = json!({"image": "localhost/catalog:1", "replicas": {"min": 2, "max": 20},
        "scaling": {"signal": signal(), "capacity": {"requestsPerReplica": "60"}}});
    stage.shop("catalog", spec).await?;
    stage.scaled("catalog", 2).await?;
    let hpas: kube::Api<k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler> =
        kube::Api::namespaced(stage.client.clone(), &stage.namespace);
    let hpa = json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "rival"},
        "spec": {"maxReplicas": 4, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "catalog"}}});
    hpas.patch("rival", &PatchParams::apply("tests"), &Patch::Apply(hpa)).await?;
    stage
        .status("catalog", "the rival is named", |s| {
            s["conditions"].to_string().contains("HorizontalPodAutoscaler rival")
        })
        .await?;
    load.set(900.0);
    tokio::time::sleep(Duration::from_secs(6)).await;
    ensure!(stage.replicas("catalog").await? == Some(2), "nothing is written while another owner writes");
    hpas.delete("rival", &kube::api::DeleteParams::default()).await?;
    stage
        .status("catalog", "raised once the rival is gone", |s| s["replicas"].as_u64().is_some_and(|n| n >= 15))
        .await?;
    operator.stop().await
}
