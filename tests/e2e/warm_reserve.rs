//! The warm reserve on real pods: what it survives, under load and without a failed request, and how fast a pod is back.
//!
//! `WARM_CYCLES` says how often three pods are cut off and three others come back; the default is few enough for every run.

#[path = "warm_reserve/cycles.rs"]
mod cycles;
#[path = "presale_on_pods/load.rs"]
mod load;
#[path = "release.rs"]
mod release;
#[path = "warm_reserve/stage.rs"]
mod stage;
#[path = "steps.rs"]
mod steps;
#[path = "warm_reserve/survives.rs"]
mod survives;

use anyhow::ensure;
use load::Load;
use stage::{SHOP, Stage};
use steps::{step, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_warm_reserve_survives_and_returns_at_once() -> anyhow::Result<()> {
    let stage = step("the stage is built", Stage::build()).await?;
    let outcome = acts(&stage).await;
    if outcome.is_err() {
        eprintln!("the operator's log:\n{}", release::log(&stage.node).await);
    }
    stage.clear().await?;
    outcome
}

async fn acts(stage: &Stage) -> anyhow::Result<()> {
    let load = Load::start(&SHOP, 1.0).await?;
    step("the reserve forms beside what serves", stage.held()).await?;
    step("status and command line tell of it", survives::told(stage)).await?;
    step("pods are cut off and others return, over and over", cycles::check(stage)).await?;
    step("a hand on the label says which pod, and not how many", survives::hand(stage)).await?;
    step("an operator killed in any state is taken over from", survives::kills(stage)).await?;
    step("a pod in reserve is evicted, and one that serves is guarded", survives::eviction(stage)).await?;
    step("a rolling update replaces what serves first and the reserve last", survives::rolling(stage)).await?;
    step("a burst is served from the reserve", survives::burst(stage)).await?;
    step("nobody in reserve was judged by its peers", async { survives::nobody_judged(stage) }).await?;
    step("rights grew by pods/resize and pod patch, and both are used", async { survives::rights(stage) }).await?;
    let served = load.end().await?;
    println!("{} requests, {} failed", served.offered, served.failures());
    ensure!(served.offered > 1_000 && served.failures() == 0, "requests failed: {served:?}");
    Ok(())
}
