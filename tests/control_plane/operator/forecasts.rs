//! A rise that stands in every past day is met by the forecast alone, before the live load shows it.

use std::fmt::Write;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::harness::{Stage, jiff_now, load, signal, until, within};

const DAY: i64 = 86_400;
/// The forecast's grid, in seconds.
const GRID: i64 = 300;
/// Load at rest, and how much more it is at the rise's height, in req/s.
const REST: f64 = 60.0;
const MORE: f64 = 540.0;
/// From the rise's start to its height, in seconds.
const RAMP: u32 = 1_800;
/// Declared lead time in seconds.
const LEAD: i64 = 120;
/// When two replicas of 60 req/s are no longer enough, in seconds after the rise's start.
const NEEDED: i64 = 200;
/// How long before the rise the model must be there for the rise to prove anything, in seconds.
const AHEAD: i64 = LEAD + 60;

/// Twenty-eight days by the minute: 60 req/s, from the rise on up to 600 within half an hour, and down again after two
/// hours, all with a little noise.
fn past(now: i64, rise: i64) -> Result<String> {
    let mut text = "# TYPE offered_load gauge\n".to_owned();
    let start = (now - 28 * DAY) / 60 * 60;
    let mut noise: u64 = 7;
    for minute in 0..28 * 24 * 60 {
        let at = start + minute * 60;
        let since_rise = (at - rise).rem_euclid(DAY);
        let ramp = (f64::from(u32::try_from(since_rise)?) / f64::from(RAMP)).min(1.0);
        let base = if since_rise < 7_200 { REST + MORE * ramp } else { REST };
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
    // A rise that comes before the machine has trained proves nothing: a slower one is given more time.
    for until_rise in [3 * 60, 6 * 60, 16 * 60] {
        if rises_in(until_rise).await? {
            return Ok(());
        }
    }
    bail!("no model within {} s", 16 * 60 - AHEAD)
}

/// Meets a rise that comes in so many seconds, or up to five minutes later; `false` where the model came too late for it.
async fn rises_in(until_rise: i64) -> Result<bool> {
    let stage = Stage::new().await?;
    let data = tempfile::tempdir()?;
    let now = jiff_now();
    // With a step of the forecast's grid, as what people schedule does.
    let rise = Timestamp::from_second((now.as_second() + until_rise + GRID - 1) / GRID * GRID)?;
    let after_rise = |seconds: i64| rise + SignedDuration::from_secs(seconds);
    let load = load(REST, Some(past(now.as_second(), rise.as_second())?)).await?;
    let operator = stage.operator("one", data.path(), &[&load.url()]).await?;
    let spec = json!({"image": "localhost/catalog:1", "replicas": {"min": 2, "max": 20},
        "scaling": {"signal": signal(), "capacity": {"requestsPerReplica": "60"}, "leadTime": format!("{LEAD}s"),
            "forecast": {"trust": "Earned"}}});
    stage.shop("catalog", spec).await?;
    stage.scaled("catalog", 2).await?;

    while !std::fs::read_to_string(&operator.log)?.contains("\"message\":\"trained\"") {
        if jiff_now() > after_rise(-AHEAD) {
            return Ok(false);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let patience = after_rise(i64::from(RAMP)).duration_since(jiff_now()).unsigned_abs();
    let shop = within(patience, "raised by the forecast", || async {
        let shop = stage.shops().get("catalog").await?;
        let raised = shop.status.as_ref().and_then(|s| s.replicas).is_some_and(|n| n >= 3);
        Ok(raised.then_some(shop))
    })
    .await
    .with_context(|| std::fs::read_to_string(&operator.log).unwrap_or_default())?;
    let spare = after_rise(NEEDED - LEAD).duration_since(jiff_now());
    ensure!(spare.is_positive(), "raised {spare:#} after a pod had to be ordered");
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
    operator.stop().await?;
    Ok(true)
}
