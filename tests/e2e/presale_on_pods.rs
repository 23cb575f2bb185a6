//! Presale on real pods: installed by Helm on the node, fed by a real Prometheus, on one stage for all checks.

#[path = "presale_on_pods/adopted.rs"]
mod adopted;
#[path = "presale_on_pods/commands.rs"]
mod commands;
#[path = "presale_on_pods/installed.rs"]
mod installed;
#[path = "presale_on_pods/load.rs"]
mod load;
#[path = "presale_on_pods/panels.rs"]
mod panels;
#[path = "presale_on_pods/promotion.rs"]
mod promotion;
#[path = "release.rs"]
mod release;
#[path = "presale_on_pods/rights.rs"]
mod rights;
#[path = "presale_on_pods/sick.rs"]
mod sick;
#[path = "presale_on_pods/stage.rs"]
mod stage;
#[path = "steps.rs"]
mod steps;
#[path = "presale_on_pods/undisturbed.rs"]
mod undisturbed;

use load::Load;
use stage::{CALM, Stage};
use steps::{step, until};

#[tokio::test(flavor = "multi_thread")]
async fn presale_runs_real_pods() -> anyhow::Result<()> {
    let stage = step("the stage is built", Stage::build()).await?;
    let outcome = acts(&stage).await;
    if outcome.is_err() {
        eprintln!("the operator's log:\n{}", release::log(&stage.node).await);
    }
    stage.clear().await?;
    outcome
}

/// Everything that is checked. The calm service is left alone meanwhile, at constant load.
async fn acts(stage: &Stage) -> anyhow::Result<()> {
    let calm = Load::start(&CALM, 1.0).await?;
    step("Helm's operator is locked in and its services serve", installed::check(stage)).await?;
    let busy = async {
        step("a promotion has its capacity in time and ramps back", promotion::check(stage)).await?;
        step("a sick pod is found, evicted and replaced", sick::is_replaced(stage)).await
    };
    let beside = async {
        step("the command line reaches the operator through the API server", commands::check(stage)).await?;
        step("what is adopted is only scaled", adopted::check(stage)).await
    };
    let (busy, beside, rest) = tokio::join!(busy, beside, undisturbed::begin(stage));
    busy.and(beside)?;
    step("every panel, recording and annotation has data", panels::check(stage)).await?;
    step("what is at rest is not written", undisturbed::check(stage, &rest?)).await?;
    let served = calm.end().await?;
    anyhow::ensure!(served.offered > 500 && served.failures() == 0, "the calm service failed: {served:?}");
    step("a metric blackout changes nothing", sick::blackout(stage)).await?;
    step("the operator's rights are those it uses", async { rights::check(stage) }).await?;
    step("uninstalling changes no replica count", installed::uninstall(stage)).await
}
