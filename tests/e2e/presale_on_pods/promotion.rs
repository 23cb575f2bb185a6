//! A promotion made by `presale promo create`, on real pods under real load.

use std::time::Duration;

use anyhow::{Context, ensure};

use crate::load::Load;
use crate::release::now;
use crate::stage::{CATALOG, Stage, ready_since};
use crate::until;

/// Replicas that it asks for at least.
const FLOOR: usize = 7;
/// Capacity is Ready before the start, and no request fails on the way up, at three times the load, and down. What such
/// an event brought is told of events of four minutes and more; this one lasts one.
pub(crate) async fn check(stage: &Stage) -> anyhow::Result<()> {
    let usual = Load::start(&CATALOG, 1.0).await?;
    until("the load is known", Duration::from_secs(90), || async {
        let conditions = serde_json::to_string(&stage.shop(CATALOG.name).await?.status)?;
        Ok(conditions.contains("SignalFresh").then_some(()))
    })
    .await?;
    let floor = FLOOR.to_string();
    stage
        .presale(
            &[
                ["promo", "create", "flash", "--service", CATALOG.name, "--start", "in 50s", "--duration", "1m"]
                    .as_slice(),
                &["--uplift", "3", "--floor", &floor, "--ready-before", "10s"],
            ]
            .concat(),
        )
        .await?;
    let start = until("it is planned", Duration::from_secs(20), || async {
        let occurrences = stage.promotion("flash").await?.status.unwrap_or_default().occurrences;
        Ok(occurrences.first().filter(|occurrence| !occurrence.plan.is_empty()).map(|o| (o.start.0, o.end.0)))
    });
    let (start, end) = start.await?;

    until("it is active", Duration::from_secs(90), || async { phase(stage, "Active").await }).await?;
    let more = Load::start(&CATALOG, 2.0).await?;
    let pods = stage.pods(CATALOG.name).await?;
    let in_time = pods.iter().filter_map(ready_since).filter(|since| *since <= start).count();
    ensure!(in_time >= FLOOR, "{in_time} of {FLOOR} pods were Ready at the start {start}");

    let left = Duration::try_from(end.duration_since(now())).unwrap_or_default();
    tokio::time::sleep(left).await;
    let brought = more.end().await?;
    until("it has ramped back", Duration::from_secs(90), || async {
        Ok((stage.replicas(CATALOG.name).await? == CATALOG.min).then_some(()))
    })
    .await?;
    // Pods on their way out still answer.
    tokio::time::sleep(Duration::from_secs(10)).await;
    let served = usual.end().await?;
    ensure!(served.offered > 500 && served.failures() + brought.failures() == 0, "{served:?} {brought:?}");
    Ok(())
}

/// Whether `flash` is in this phase.
async fn phase(stage: &Stage, wanted: &str) -> anyhow::Result<Option<()>> {
    let phase = stage.promotion("flash").await?.status.and_then(|status| status.phase).context("no phase yet");
    Ok(phase.ok().filter(|phase| phase.as_str() == wanted).map(drop))
}
