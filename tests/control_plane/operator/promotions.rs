//! Promotions: planned, Ready before the start without any Prometheus, and ended by a human.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use jiff::tz::TimeZone;
use kube::api::{Patch, PatchParams, PostParams};
use presale_crds::PromotionEvent;
use serde_json::json;

use crate::harness::{Stage, jiff_now, until};

#[tokio::test]
async fn capacity_is_ready_before_the_start_without_prometheus() -> Result<()> {
    let stage = Stage::new().await?;
    let data = tempfile::tempdir()?;
    let operator = stage.operator("one", data.path(), &[]).await?;
    let spec = json!({"image": "localhost/catalog:1", "replicas": {"min": 2, "max": 20},
        "scaling": {"leadTime": "5s"}});
    stage.shop("catalog", spec).await?;
    stage.scaled("catalog", 2).await?;

    let start = jiff_now() + Duration::from_mins(1);
    let event: PromotionEvent = serde_json::from_value(json!({
        "apiVersion": "presale.dev/v1alpha1", "kind": "PromotionEvent", "metadata": {"name": "flash"},
        "spec": {"kind": "FlashSale",
            "schedule": {"timeZone": "UTC", "duration": "1h",
                "start": start.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S").to_string()},
            "targets": [{"service": "catalog", "floor": 7}],
            "preScale": {"readyBefore": "10s"}}
    }))?;
    stage.promotions().create(&PostParams::default(), &event).await?;
    let planned = until("a plan", || async {
        let found = stage.promotions().get("flash").await?.status.unwrap_or_default();
        Ok(found.occurrences.first().and_then(|o| o.plan.first().cloned()))
    })
    .await?;
    ensure!(planned.peak_replicas == 7, "{planned:?}");
    ensure!(start.duration_since(planned.scale_up_at.0).as_secs() >= 15, "ready 10 s before, 5 s lead: {planned:?}");
    ensure!(stage.replicas("catalog").await? == Some(2), "not raised before its time");

    let ready = until("seven are Ready", || async {
        let status = stage.shops().get("catalog").await?.status.unwrap_or_default();
        Ok((status.ready_replicas == Some(7)).then(jiff_now))
    })
    .await?;
    ensure!(ready < start, "Ready at {ready}, start at {start}");
    let shop = stage.shops().get("catalog").await?.status.context("status")?;
    ensure!(shop.promotion.as_deref().is_some_and(|p| p.starts_with("flash (")), "{:?}", shop.promotion);
    until("it is active", || async {
        let phase = stage.promotions().get("flash").await?.status.and_then(|status| status.phase);
        Ok(phase.filter(|phase| phase.as_str() == "Active"))
    })
    .await?;

    let cancel = json!({"spec": {"cancelled": true}});
    stage.promotions().patch("flash", &PatchParams::default(), &Patch::Merge(cancel)).await?;
    until("it is cancelled", || async {
        let phase = stage.promotions().get("flash").await?.status.and_then(|status| status.phase);
        Ok(phase.filter(|phase| phase.as_str() == "Cancelled"))
    })
    .await?;
    stage.status("catalog", "no promotion holds it", |status| status["promotion"].is_null()).await?;
    operator.stop().await
}

#[tokio::test]
async fn nothing_happens_before_a_human_agrees_where_one_must() -> Result<()> {
    let stage = Stage::new().await?;
    let data = tempfile::tempdir()?;
    let operator = stage.operator("one", data.path(), &[]).await?;
    stage.shop("catalog", json!({"image": "localhost/catalog:1", "replicas": {"min": 2, "max": 20}})).await?;
    stage.scaled("catalog", 2).await?;
    let event: PromotionEvent = serde_json::from_value(json!({
        "apiVersion": "presale.dev/v1alpha1", "kind": "PromotionEvent", "metadata": {"name": "drop"},
        "spec": {"kind": "Drop", "approval": {"required": true},
            "schedule": {"timeZone": "UTC", "start": "2026-01-01T00:00:00", "duration": "1440h",
                "recurrence": "FREQ=MONTHLY"},
            "targets": [{"service": "catalog", "floor": 6}]}
    }))?;
    stage.promotions().create(&PostParams::default(), &event).await?;
    until("it waits for approval", || async {
        let phase = stage.promotions().get("drop").await?.status.and_then(|status| status.phase);
        Ok(phase.filter(|phase| phase.as_str() == "PendingApproval"))
    })
    .await?;
    tokio::time::sleep(Duration::from_secs(4)).await;
    ensure!(stage.replicas("catalog").await? == Some(2), "nothing happens before");
    let agreed = json!({"spec": {"approval": {"approvedBy": "jane"}}});
    stage.promotions().patch("drop", &PatchParams::default(), &Patch::Merge(agreed)).await?;
    stage.scaled("catalog", 6).await?;
    operator.stop().await
}
