//! A rise that stands in every past day is met by the forecast alone, before the live load shows it.

use std::fmt::Write;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::harness::{Stage, jiff_now, load, signal, until, within};

const DAY: i64 = 86_400;
/// From the test's start to the daily rise: a slow machine needs two minutes until it has trained.
const UNTIL_RISE: i64 = 6 * 60;

/// From there to its height.
const RAMP: f64 = 1_800.0;

/// Twenty-eight days by the minute: 60 req/s, from the rise on up to 600 within half an hour, and down again after two
/// hours, all with a little noise.
fn past(now: i64) -> Result<String> {
    let mut text = "# TYPE offered_load gauge\n".to_owned();
    let start = (now - 28 * DAY) / 60 * 60;
    let mut noise: u64 = 7;
    for minute in 0..28 * 24 * 60 {
        let at = start + minute * 60;
        let since_rise = (at - (now + UNTIL_RISE)).rem_euclid(DAY);
        let ramp = (f64::from(u32::try_from(since_rise)?) / RAMP).min(1.0);
        let base = if since_rise < 7_200 { 60.0 + 540.0 * ramp } else { 60.0 };
        noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let wobble = f64::from(u32::try_from(noise >> 40)?) / f64::from(1 << 24) - 0.5;
        if at < now - 30 {
            writeln!(text, "offered_load{{instance=\"past\"}} {:.2} {at}", base * (1.0 + 0.1 * wobble))?;
        }
    }
    text.push_str("# EOF\n");
    Ok(text)
}

#[tokio::test]
async fn a_daily_rise_is_met_before_it_comes() -> Result<()> {
    let stage = Stage::new().await?;
    let data = tempfile::tempdir()?;
    let now = jiff_now();
    let load = load(60.0, Some(past(now.as_second())?)).await?;
    let operator = stage.operator("one", data.path(), &[&load.url()]).await?;
    let spec = json!({"image": "localhost/catalog:1", "replicas": {"min": 2, "max": 20},
        "scaling": {"signal": signal(), "capacity": {"requestsPerReplica": "60"}, "leadTime": "2m",
            "forecast": {"trust": "Earned"}}});
    stage.shop("catalog", spec).await?;
    stage.scaled("catalog", 2).await?;

    let shop = within(Duration::from_secs(UNTIL_RISE.unsigned_abs()), "raised by the forecast", || async {
        let shop = stage.shops().get("catalog").await?;
        let raised = shop.status.as_ref().and_then(|s| s.replicas).is_some_and(|n| n >= 3);
        Ok(raised.then_some(shop))
    })
    .await
    .with_context(|| std::fs::read_to_string(&operator.log).unwrap_or_default())?;
    let before = (now + Duration::from_secs(UNTIL_RISE.unsigned_abs())).duration_since(jiff_now());
    ensure!(before.is_positive(), "raised {before:?} before the rise");
    let status = shop.status.context("status")?;
    let forecast = status.forecast.context("a forecast")?;
    ensure!(forecast.trusted && forecast.peak.is_some(), "{forecast:?}");
    let decision = status.last_decision.context("a decision")?;
    ensure!(decision.forecast_floor.is_some_and(|n| n >= 3), "{decision:?}");
    ensure!(decision.reactive_floor.is_none_or(|n| n <= 2), "the live load does not ask for it: {decision:?}");

    let (code, text) = operator.get(&format!("/forecast/{}/catalog", stage.namespace)).await?;
    ensure!(code == 200 && text.contains("\"trusted\":true"), "{text}");
    operator.stop().await?;

    // The model survives: a successor forecasts before it could have trained.
    let operator = stage.operator("one", data.path(), &[&load.url()]).await?;
    until("the stored model is taken up", || async {
        let log = std::fs::read_to_string(&operator.log)?;
        Ok(log.contains("took up a stored model").then_some(()))
    })
    .await?;
    operator.stop().await
}
