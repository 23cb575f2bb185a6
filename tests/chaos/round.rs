//! One promotion, with kills at random moments from its announcement until after its start.

use std::time::Duration;

use anyhow::{Context, ensure};
use jiff::{SignedDuration, Timestamp};
use kube::api::{DeleteParams, PostParams};
use presale_crds::PromotionEvent;
use serde_json::json;
use test_kit::AuditOracle;
use tokio::time::Instant;

use crate::cast::{Cast, LEAD, SERVICE};
use crate::dice::{Dice, Kill};
use crate::harness::{jiff_now, until};

/// Fewest replicas while a promotion runs: more than the load asks for.
const FLOOR: usize = 8;
/// From the announcement to the start.
const ANNOUNCED: SignedDuration = SignedDuration::from_secs(80);
/// How long before the start all shall be Ready. The controllers that make pods of a count come back within half a
/// minute of their API server (client-go's reflector waits up to 30 s): no shorter notice survives its death.
const READY_BEFORE: SignedDuration = SignedDuration::from_secs(50);
/// Kills fall from the announcement to a few seconds after the start.
const LAST_KILL: Duration = Duration::from_secs(85);
/// How long a promotion would last: it is ended when all has been seen.
const LASTS: SignedDuration = SignedDuration::from_mins(1);

/// Plays it; what happened, in one line.
pub(crate) async fn play(cast: &mut Cast, number: u64, kills: u64, dice: &mut Dice) -> anyhow::Result<String> {
    let before = cast.rested().await?;
    let (zero, announced) = (Instant::now(), jiff_now());
    let (start, end) = (announced + ANNOUNCED, announced + ANNOUNCED + LASTS);
    let promotion = format!("flash-{number}");
    cast.stage.promotions().create(&PostParams::default(), &event(&promotion, start)?).await?;
    let plans = || async {
        let status = cast.stage.promotions().get(&promotion).await?.status.unwrap_or_default();
        Ok(status.occurrences.first().is_some_and(|occurrence| !occurrence.plan.is_empty()).then_some(()))
    };
    until("the promotion is planned", plans).await?;

    let mut told = Vec::new();
    for kill in dice.kills(kills, zero.elapsed(), LAST_KILL) {
        told.push(strike(cast, &kill, zero).await.with_context(|| format!("{:?} killed", kill.part))?);
    }
    let active = || async {
        let phase = cast.stage.promotions().get(&promotion).await?.status.and_then(|status| status.phase);
        Ok(phase.filter(|phase| phase.as_str() == "Active"))
    };
    until("the promotion is active", active).await?;
    ensure!(jiff_now() < end, "the parts took so long to come back that the promotion was over: nothing is proved");

    let asked = asked(cast, announced)?.context("nobody asked for the promotion's replicas")?;
    let asked = start.duration_since(asked).as_secs();
    let ready = cast.ready_since().await?;
    let in_time = ready.iter().filter(|since| **since <= start).count();
    ensure!(
        in_time >= FLOOR,
        "{in_time} of {FLOOR} pods were Ready at the start {start}, asked for {asked} s before it ({told:?}): {ready:?}"
    );
    never_fell(cast, before, (announced, end.min(jiff_now()))).await?;
    let last = ready.iter().filter(|since| **since <= start).max().context("a Ready pod")?;
    // A condition has whole seconds: it may lie before the write that led to it.
    let early = start.duration_since(*last).as_secs().min(asked);
    cast.stage.promotions().delete(&promotion, &DeleteParams::default()).await?;
    Ok(format!(
        "{}; {before} -> {FLOOR} replicas, asked for {asked} s and Ready {early} s before the start",
        told.join(", ")
    ))
}

/// When the promotion's replicas were written first.
fn asked(cast: &Cast, announced: Timestamp) -> anyhow::Result<Option<Timestamp>> {
    let writes = AuditOracle::of(cast.stage.server.audit_log()).writes()?.in_namespace(&cast.stage.namespace);
    let scaled = writes.to("deployments/scale").succeeded().filter(|write| write.at >= announced);
    let enough = |replicas: &serde_json::Value| replicas.as_u64() >= Some(FLOOR as u64);
    let found =
        scaled.iter().find(|write| write.body.pointer("/spec/replicas").is_some_and(enough)).map(|write| write.at);
    Ok(found)
}

/// Kills one part at its moment, and starts it again after a while. Nothing is down twice at once.
async fn strike(cast: &mut Cast, kill: &Kill, zero: Instant) -> anyhow::Result<String> {
    tokio::time::sleep_until(zero + kill.at).await;
    let before = cast.stage.replicas(SERVICE).await?;
    let at = zero.elapsed();
    cast.kill(kill.part).await?;
    tokio::time::sleep(kill.down).await;
    if kill.part != crate::cast::Part::ApiServer {
        let during = cast.stage.replicas(SERVICE).await?;
        ensure!(during >= before, "replicas fell from {before:?} to {during:?} while it was down");
    }
    cast.revive(kill.part).await?;
    let after = cast.stage.replicas(SERVICE).await?;
    ensure!(after >= before, "replicas fell from {before:?} to {after:?}");
    Ok(format!("{:?} killed at {:.1} s, back at {:.1} s", kill.part, at.as_secs_f64(), zero.elapsed().as_secs_f64()))
}

/// Every write of replicas within the time, by the audit log, is at least as high as the one before.
async fn never_fell(cast: &Cast, before: i32, (from, to): (Timestamp, Timestamp)) -> anyhow::Result<()> {
    let writes = AuditOracle::of(cast.stage.server.audit_log()).writes()?.in_namespace(&cast.stage.namespace);
    let mut highest = i64::from(before);
    for write in writes.to("deployments/scale").between(from, to).succeeded().iter() {
        let replicas = write.body.pointer("/spec/replicas").and_then(serde_json::Value::as_i64).context("replicas")?;
        ensure!(replicas >= highest, "replicas were written from {highest} to {replicas} at {}", write.at);
        highest = replicas;
    }
    let now = cast.stage.replicas(SERVICE).await?.map(i64::from);
    ensure!(now == Some(highest), "replicas are {now:?}, and {highest} were written last");
    Ok(())
}

fn event(name: &str, start: Timestamp) -> anyhow::Result<PromotionEvent> {
    let start = start.strftime("%Y-%m-%dT%H:%M:%S").to_string();
    Ok(serde_json::from_value(json!({
        "apiVersion": "presale.dev/v1alpha1", "kind": "PromotionEvent", "metadata": {"name": name},
        "spec": {"kind": "FlashSale",
            "schedule": {"timeZone": "UTC", "duration": format!("{}s", LASTS.as_secs()), "start": start},
            "targets": [{"service": SERVICE, "floor": FLOOR}],
            "preScale": {"readyBefore": format!("{}s", READY_BEFORE.as_secs()), "leadTime": LEAD}}
    }))?)
}
