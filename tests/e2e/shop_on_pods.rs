//! The whole shop in pods, by its chart, run by Presale: a promotion of five services is ready in time, visitors are
//! served through it, no order is lost, the books agree, and what each service costs is measured.

#[path = "shop_on_pods/cost.rs"]
mod cost;
#[path = "shop_on_pods/promotion.rs"]
mod promotion;
#[path = "release.rs"]
mod release;
#[path = "shop_on_pods/stage.rs"]
mod stage;
#[path = "steps.rs"]
mod steps;
#[path = "shop_on_pods/visits.rs"]
mod visits;

use std::time::Duration;

use anyhow::ensure;
use loadgen::audit::{Places, Terms, audit};
use loadgen::journey::verdict::Verdict;

use cost::Meter;
use stage::Stage;
use steps::{step, until};

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_shop_in_pods_is_promoted_in_time_and_its_books_agree() -> anyhow::Result<()> {
    let stage = step("Presale and ten services run", Stage::build()).await?;
    let outcome = acts(&stage).await;
    if outcome.is_err() {
        eprintln!("{}\nthe operator's log:\n{}", stage.pods_of_all().await, release::log(&stage.node).await);
    }
    stage.clear().await?;
    outcome
}

async fn acts(stage: &Stage) -> anyhow::Result<()> {
    let mut meter = Meter::default();
    let planned = promotion::create(stage);
    let planned = step("a promotion of five services is planned, those that are called first", planned).await?;
    let at_rest = async { meter.rests(stage).await };
    step("the shop is measured at rest", at_rest).await?;
    let visits = visits::play(stage, planned.start);
    let watched = async {
        step("all of them are Ready in time, those that are called first", promotion::check(stage, &planned)).await?;
        meter.works(stage, planned.end).await
    };
    let (verdict, watched) = tokio::join!(visits, watched);
    let verdict = verdict?;
    println!("{}\n\n{}", verdict.table(), meter.table());
    watched?;
    step("no order is lost, and nobody was failed", async { served(&verdict) }).await?;
    step("the audit finds nothing", audited(stage)).await?;
    let restarted = stage.restarted().await?;
    ensure!(restarted.is_empty(), "ended by themselves: {restarted:#?}");
    Ok(())
}

/// Nobody was failed but those who came too often: on this way in all visitors have one address.
fn served(verdict: &Verdict) -> anyhow::Result<()> {
    let orders = &verdict.orders;
    ensure!(orders.lost.is_empty() && orders.accepted >= 10, "{orders:#?}");
    for (name, judged) in &verdict.classes {
        let failed: u64 = judged.failed.iter().filter(|(kind, _)| **kind != "limited").map(|(_, count)| count).sum();
        ensure!(failed == 0, "{name}: {:?}", judged.failed);
    }
    ensure!(verdict.classes["browse"].ok > 300, "too few looked around to mean anything");
    Ok(())
}

async fn audited(stage: &Stage) -> anyhow::Result<()> {
    let (within, deadline) = (Duration::from_mins(1), Duration::from_mins(10));
    let report = audit(&Places::read(&stage.shop.places)?, Terms { within, deadline, strangers: 5 }).await?;
    ensure!(report.findings.len() > 15, "only {} rules were looked at", report.findings.len());
    ensure!(report.passed, "{:#?}", report.broken().collect::<Vec<_>>());
    Ok(())
}
