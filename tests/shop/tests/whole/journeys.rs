//! Journeys: everybody is served, every order is followed to its end, and a lost one is told.

use std::time::Duration;

use loadgen::journey::run::{Plan, run};
use loadgen::journey::verdict::Verdict;
use loadgen::progress::Progress;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::open::{audited, open};
use crate::plan::flash;

async fn played(plan: Plan) -> anyhow::Result<Verdict> {
    Ok(run(plan, Progress::Silent, CancellationToken::new()).await?)
}

#[tokio::test]
async fn a_flash_sale_through_crashes_loses_no_order_and_the_books_agree() -> anyhow::Result<()> {
    let mut shop = open(&[("orders", "--saga-retry-delay=100ms"), ("payments", "--psp-retry-delay=100ms")]).await?;
    let sale = tokio::spawn(played(flash(shop.gateway, 9.0, Duration::from_mins(1))));
    for name in ["orders", "payments", "inventory"] {
        sleep(Duration::from_millis(1_800)).await;
        let service = shop.services.get_mut(name).unwrap();
        service.kill()?;
        service.revive().await?;
    }
    let verdict = sale.await??;
    assert!(verdict.visits > 50 && verdict.classes["browse"].ok > 0, "{}", verdict.table());
    assert!(verdict.orders.accepted > 0, "{}", verdict.table());
    assert_eq!(verdict.orders.lost, Vec::<String>::new());
    let report = audited(&shop, Duration::from_mins(1)).await?;
    assert!(report.passed, "{:#?}", report.broken().collect::<Vec<_>>());
    shop.close().await
}

#[tokio::test]
async fn orders_that_never_come_to_rest_are_lost_and_the_verdict_says_so() -> anyhow::Result<()> {
    let mut shop = open(&[("orders", "--saga-concurrency=1"), ("orders", "--call-timeout=200ms")]).await?;
    shop.services.get_mut("inventory").unwrap().kill()?;
    let verdict = played(flash(shop.gateway, 4.0, Duration::from_millis(500))).await?;
    assert!(!verdict.orders.lost.is_empty() && !verdict.passed, "{}", verdict.table());
    let lost = verdict.orders.lost.len().to_string();
    assert!(verdict.table().contains(&format!("{lost} lost")) && verdict.table().ends_with("NOT passed"));
    shop.close().await
}
