//! Promotions: planned, Ready before the start without any Prometheus, ended by a human, and learned from.

use std::fmt::Write;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use kube::api::{Patch, PatchParams, PostParams};
use presale_crds::PromotionEvent;
use serde_json::json;

use crate::harness::{Stage, jiff_now, load, signal, until, within};

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

/// Load when nothing is promoted, requests per second.
const USUAL: f64 = 100.0;
/// What the promotion makes of it.
const TIMES: f64 = 3.0;

#[tokio::test]
async fn what_a_promotion_brought_is_what_the_next_one_is_planned_with() -> Result<()> {
    let stage = Stage::new().await?;
    let data = tempfile::tempdir()?;
    let load = load(USUAL, Some(past(jiff_now().as_second())?)).await?;
    let operator = stage.operator("one", data.path(), &[&load.url(), "--rate-window=5s"]).await?;
    let spec = json!({"image": "localhost/catalog:1", "replicas": {"min": 2, "max": 60},
        "scaling": {"signal": signal(), "leadTime": "5s", "capacity": {"requestsPerReplica": "20"}}});
    stage.shop("catalog", spec).await?;
    stage.status("catalog", "its load is known", |status| status["lastDecision"]["reactiveFloor"].is_u64()).await?;

    // The next hour's sale before any was seen, and the one that is seen.
    let next = jiff_now() + Duration::from_hours(1);
    let before = planned(&stage, "before", next).await?;
    let start = Timestamp::from_second((jiff_now().as_second() + 30).div_euclid(60) * 60 + 60)?;
    stage.promotions().create(&PostParams::default(), &sale("seen", start)?).await?;
    until("it is active", || async {
        let phase = stage.promotions().get("seen").await?.status.and_then(|status| status.phase);
        Ok(phase.filter(|phase| phase.as_str() == "Active"))
    })
    .await?;
    load.set(USUAL * TIMES);
    let end = start + SALE;
    within(SALE + Duration::from_mins(1), "it is over", || async { Ok((jiff_now() >= end).then_some(())) }).await?;
    load.set(USUAL);
    let brought = until("what it brought is told", || async {
        let status = serde_json::to_value(stage.promotions().get("seen").await?.status)?;
        Ok(status.pointer("/occurrences/0/observedUplift/0").cloned())
    })
    .await?;
    let mean: f64 = brought["mean"].as_str().context("a mean")?.parse()?;
    ensure!(
        brought["service"] == "catalog" && (mean / TIMES).ln().abs() < 0.2,
        "{TIMES} were brought, told: {brought}"
    );

    let after = planned(&stage, "after", next).await?;
    ensure!(
        after < before,
        "{before} replicas were planned of what was announced, {after} although this came: {brought}"
    );
    ensure!(f64::from(after) * 20.0 > USUAL * TIMES, "{after} replicas do not serve what such a sale brings");
    operator.stop().await
}

/// How long such a sale lasts.
const SALE: Duration = Duration::from_mins(3);

/// A sale that is announced with four times the usual load.
fn sale(name: &str, start: Timestamp) -> Result<PromotionEvent> {
    let start = start.strftime("%Y-%m-%dT%H:%M:%S").to_string();
    Ok(serde_json::from_value(json!({
        "apiVersion": "presale.dev/v1alpha1", "kind": "PromotionEvent", "metadata": {"name": name},
        "spec": {"kind": "FlashSale", "preScale": {"readyBefore": "10s"},
            "targets": [{"service": "catalog", "expectedUplift": {"low": "3", "likely": "4", "high": "5"}}],
            "schedule": {"timeZone": "UTC", "duration": format!("{}s", SALE.as_secs()), "start": start}}
    }))?)
}

/// Replicas planned for a sale at `start`.
async fn planned(stage: &Stage, name: &str, start: Timestamp) -> Result<u32> {
    stage.promotions().create(&PostParams::default(), &sale(name, start)?).await?;
    until("a plan", || async {
        let status = stage.promotions().get(name).await?.status.unwrap_or_default();
        Ok(status.occurrences.first().and_then(|o| o.plan.first()).map(|plan| plan.peak_replicas).filter(|n| *n > 2))
    })
    .await
}

/// Two weeks by the minute at the usual load.
fn past(now: i64) -> Result<String> {
    let mut text = "# TYPE offered_load gauge\n".to_owned();
    let start = (now - 14 * 86_400) / 60 * 60;
    // An instant query looks back five minutes: the past must not be summed with what is live.
    for at in (start..now - 360).step_by(60) {
        writeln!(text, "offered_load{{instance=\"past\"}} {USUAL} {at}")?;
    }
    text.push_str("# EOF\n");
    Ok(text)
}
