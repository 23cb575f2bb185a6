//! Visitors of a day of promotion, squeezed into two minutes.

use std::time::Duration;

use anyhow::Context;
use jiff::Timestamp;
use loadgen::journey::people;
use loadgen::journey::preset::Preset;
use loadgen::journey::run::{Plan, run};
use loadgen::journey::verdict::Verdict;
use loadgen::journey::visit::Arrivals;
use loadgen::progress::Progress;
use loadgen::session::Assortment;
use tokio_util::sync::CancellationToken;

use crate::release::now;
use crate::stage::{PRODUCTS, Stage};

/// Customers with accounts. All visitors have one address on the way in, which may open ten accounts at once.
const CUSTOMERS: u32 = 8;
/// Length of the day, seconds; its promotion begins after a sixth of it and lasts two thirds.
pub(crate) const DAY: f64 = 120.0;
/// Ordinary visitors per second: five calls a second, and three times as many in the promotion.
const VISITORS: f64 = 1.2;

/// Opens the accounts.
pub(crate) async fn arrive(stage: &Stage) -> anyhow::Result<()> {
    Ok(people::open(stage.shop.gateway, CUSTOMERS).await?)
}

/// Plays the day so that its promotion begins at `start`.
pub(crate) async fn play(stage: &Stage, start: Timestamp) -> anyhow::Result<Verdict> {
    let plan = Plan {
        arrivals: Arrivals { preset: Preset::Promo, rate: VISITORS, duration: DAY, variation: 0.1, seed: 7 },
        assortment: Assortment::new(PRODUCTS, 1.0).context("products")?,
        target: stage.shop.gateway,
        customers: CUSTOMERS,
        think: 0.7,
        timeout: Duration::from_secs(10),
        settle: Duration::from_mins(1),
    };
    let morning = start.duration_since(now()).as_secs_f64() - DAY / 6.0;
    tokio::time::sleep(Duration::from_secs_f64(morning.max(0.0))).await;
    Ok(run(plan, Progress::Silent, CancellationToken::new()).await?)
}
