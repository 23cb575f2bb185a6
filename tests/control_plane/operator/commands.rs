//! The command line against a live operator: what people type, with the output and the exit codes that are documented.

use std::process::Output;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::harness::{Operator, Stage, binary, load, signal, until};

/// Runs `presale` with those arguments in the stage's namespace.
async fn presale(stage: &Stage, operator: &Operator, arguments: &[&str]) -> Result<Output> {
    let output = Command::new(binary().await?)
        .args(arguments)
        .env("KUBECONFIG", stage.server.kubeconfig())
        .env("PRESALE_OPERATOR", format!("http://{}", operator.address))
        .output()
        .await?;
    Ok(output)
}

/// What a successful command prints.
async fn printed(stage: &Stage, operator: &Operator, arguments: &[&str]) -> Result<String> {
    let output = presale(stage, operator, arguments).await?;
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "{arguments:?}: {} {complaint}", output.status);
    Ok(String::from_utf8(output.stdout)?)
}

#[tokio::test]
async fn a_service_is_watched_explained_and_pinned() -> Result<()> {
    let stage = Stage::new().await?;
    let data = tempfile::tempdir()?;
    let load = load(300.0, None).await?;
    let operator = stage.operator("one", data.path(), &[&load.url()]).await?;
    let spec = json!({"image": "localhost/catalog:1", "replicas": {"min": 2, "max": 20},
        "scaling": {"signal": signal(), "capacity": {"requestsPerReplica": "60"}}});
    stage.shop("catalog", spec).await?;
    stage.status("catalog", "raised by the live load", |s| s["replicas"].as_u64().is_some_and(|n| n >= 5)).await?;
    let n = ["-n", stage.namespace.as_str()];

    let top = printed(&stage, &operator, &[&["top"], &n[..]].concat()).await?;
    ensure!(top.starts_with("NAME") && top.contains("catalog") && top.contains("Auto"), "{top}");
    let top: Value =
        serde_json::from_str(&printed(&stage, &operator, &[&["top", "-o", "json"], &n[..]].concat()).await?)?;
    ensure!(top[0]["live"]["load"] == 300.0, "{top:#}");

    let explained = printed(&stage, &operator, &[&["explain", "catalog", "--replay"], &n[..]].concat()).await?;
    ensure!(explained.contains("live load asks for") && explained.contains("What it rests on"), "{explained}");
    let record = printed(&stage, &operator, &[&["explain", "catalog", "-o", "json"], &n[..]].concat()).await?;
    let at = serde_json::from_str::<Value>(&record)?["at"].as_str().context("at")?.to_owned();
    let earlier =
        printed(&stage, &operator, &[&["explain", "catalog", "--at", &at, "-o", "yaml"], &n[..]].concat()).await?;
    ensure!(earlier.contains("decision:"), "{earlier}");

    printed(&stage, &operator, &[&["pin", "catalog", "9"], &n[..]].concat()).await?;
    stage.scaled("catalog", 9).await?;
    printed(&stage, &operator, &[&["unpin", "catalog"], &n[..]].concat()).await?;
    ensure!(stage.shops().get("catalog").await?.spec.replicas.fixed.is_none());

    let outside = presale(&stage, &operator, &[&["pin", "catalog", "99"], &n[..]].concat()).await?;
    let complaint = String::from_utf8(outside.stderr)?;
    ensure!(outside.status.code() == Some(1) && complaint.contains("replicas.fixed must lie within"), "{complaint}");
    let nobody = presale(&stage, &operator, &[&["explain", "nobody"], &n[..]].concat()).await?;
    ensure!(nobody.status.code() == Some(3), "{nobody:?}");

    let healthy = presale(&stage, &operator, &[&["doctor"], &n[..]].concat()).await?;
    let told = String::from_utf8(healthy.stdout)?;
    ensure!(told.contains("ok   API server") && told.contains("CRD shopservices.presale.dev"), "{told}");
    load.prometheus.kill().await?;
    until("the doctor finds what is wrong", || async {
        let sick = presale(&stage, &operator, &[&["doctor"], &n[..]].concat()).await?;
        let told = String::from_utf8(sick.stdout)?;
        Ok((sick.status.code() == Some(5) && told.contains("SignalError") && told.contains("cure: ")).then_some(()))
    })
    .await?;
    operator.stop().await
}

#[tokio::test]
async fn a_promotion_is_created_listed_planned_and_cancelled() -> Result<()> {
    let stage = Stage::new().await?;
    let data = tempfile::tempdir()?;
    let operator = stage.operator("one", data.path(), &[]).await?;
    stage.shop("catalog", json!({"image": "localhost/catalog:1", "replicas": {"min": 2, "max": 20}})).await?;
    stage.scaled("catalog", 2).await?;
    let n = ["-n", stage.namespace.as_str()];
    let create =
        ["promo", "create", "flash", "--service", "catalog", "--start", "in 20m", "--uplift", "4", "--floor", "8"];
    printed(&stage, &operator, &[&create, &n[..]].concat()).await?;
    until("it is planned", || async {
        let plan = printed(&stage, &operator, &[&["promo", "plan", "flash"], &n[..]].concat()).await?;
        Ok((plan.contains("Scheduled") && plan.contains("catalog  8")).then_some(()))
    })
    .await?;
    let list = printed(&stage, &operator, &[&["promo", "list"], &n[..]].concat()).await?;
    ensure!(list.starts_with("NAME") && list.contains("flash") && list.contains("FlashSale"), "{list}");
    printed(&stage, &operator, &[&["promo", "cancel", "flash"], &n[..]].concat()).await?;
    until("it is cancelled", || async {
        let plan = printed(&stage, &operator, &[&["promo", "plan", "flash"], &n[..]].concat()).await?;
        Ok(plan.contains("Cancelled").then_some(()))
    })
    .await?;
    let gap = ["promo", "create", "gap", "--service", "catalog", "--start", "2027-03-28T02:30:00"];
    let refused = presale(&stage, &operator, &[&gap[..], &["--time-zone", "Europe/Berlin"], &n[..]].concat()).await?;
    let complaint = String::from_utf8(refused.stderr)?;
    ensure!(refused.status.code() == Some(1) && complaint.contains("2027-03-28T03:30:00"), "{complaint}");
    operator.stop().await
}
