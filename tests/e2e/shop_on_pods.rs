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

use std::time::Duration;

use anyhow::ensure;
use jiff::Timestamp;
use loadgen::journey::run::run;
use loadgen::journey::verdict::Verdict;
use loadgen::progress::Progress;
use presale_shop::{Day, audited, failed};
use tokio_util::sync::CancellationToken;

use cost::Meter;
use release::now;
use stage::Stage;
use steps::{step, until};

const DAY: Day = Day { promotion: Duration::from_secs(80), seed: 7 };

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
    let visits = visited(stage, planned.start);
    let watched = async {
        step("all of them are Ready in time, those that are called first", promotion::check(stage, &planned)).await?;
        meter.works(stage, planned.end).await
    };
    let (verdict, watched) = tokio::join!(visits, watched);
    let verdict = verdict?;
    println!("{}\n\n{}", verdict.table(), meter.table());
    watched?;
    step("no order is lost, and nobody was failed", async { served(&verdict) }).await?;
    step("the audit finds nothing", agree(stage)).await?;
    let restarted = stage.restarted().await?;
    ensure!(restarted.is_empty(), "ended by themselves: {restarted:#?}");
    Ok(())
}

/// Plays the day so that its promotion begins at `start`.
async fn visited(stage: &Stage, start: Timestamp) -> anyhow::Result<Verdict> {
    let plan = DAY.plan(&stage.shop)?;
    let left = Duration::try_from(start.duration_since(now())).unwrap_or_default();
    tokio::time::sleep(left.saturating_sub(DAY.morning())).await;
    Ok(run(plan, Progress::Silent, CancellationToken::new()).await?)
}

fn served(verdict: &Verdict) -> anyhow::Result<()> {
    let orders = &verdict.orders;
    ensure!(orders.lost.is_empty() && orders.accepted >= 10, "{orders:#?}");
    let failed = failed(verdict);
    ensure!(failed.is_empty(), "{failed:?}");
    ensure!(verdict.classes["browse"].ok > 300, "too few looked around to mean anything");
    Ok(())
}

async fn agree(stage: &Stage) -> anyhow::Result<()> {
    let report = audited(&stage.shop.places).await?;
    ensure!(report.findings.len() > 15, "only {} rules were looked at", report.findings.len());
    ensure!(report.passed, "{:#?}", report.broken().collect::<Vec<_>>());
    Ok(())
}
