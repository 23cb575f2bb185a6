//! A promotion of five services by `presale promo create`: each has its capacity in time, those that are called first.

use std::time::Duration;

use anyhow::ensure;
use jiff::Timestamp;
use presale_crds::Occurrence;
use presale_shop::{FLOOR, PROMOTED};

use crate::release::{ACCOUNT, now};
use crate::stage::Stage;
use crate::{DAY, until};

/// When it is.
pub(crate) struct Planned {
    /// When it was asked for.
    asked: Timestamp,
    /// Its start.
    pub(crate) start: Timestamp,
    /// Its end.
    pub(crate) end: Timestamp,
}

/// Creates it, and looks whether those that are called grow before those that call them.
pub(crate) async fn create(stage: &Stage) -> anyhow::Result<Planned> {
    let announcement = DAY.announcement("in 75s");
    let args: Vec<&str> = announcement.iter().map(String::as_str).collect();
    let asked = now();
    stage.presale(&args).await?;
    let Occurrence { start, end, plan, .. } = until("it is planned", Duration::from_secs(20), || async {
        let occurrences = stage.promotion("flash").await?.status.unwrap_or_default().occurrences;
        Ok(occurrences.into_iter().next().filter(|occurrence| occurrence.plan.len() == PROMOTED.len()))
    })
    .await?;
    let at = |service: &str| plan.iter().find(|plan| plan.service == service).map(|plan| plan.scale_up_at.0);
    let times: Vec<Option<Timestamp>> = PROMOTED.iter().map(|(service, _)| at(service)).collect();
    ensure!(times.iter().all(Option::is_some) && times.is_sorted(), "they do not grow one after another: {plan:#?}");
    Ok(Planned { asked, start: start.0, end: end.0 })
}

/// Waits for the start: by then all replicas have been Ready, and they were ordered in order.
pub(crate) async fn check(stage: &Stage, planned: &Planned) -> anyhow::Result<()> {
    let left = Duration::try_from(planned.start.duration_since(now())).unwrap_or_default();
    tokio::time::sleep(left + Duration::from_secs(1)).await;
    let before = stage.shop.ready_before(FLOOR, planned.start).await?;
    ensure!(
        before.iter().all(|before| *before >= Some(0)),
        "Ready so many seconds before {}: {PROMOTED:?} {before:?}",
        planned.start
    );
    let ordered = stage.shop.ordered(ACCOUNT, planned.asked)?;
    let in_order = ordered.iter().all(Option::is_some) && ordered.is_sorted();
    ensure!(in_order, "they were ordered at {ordered:?}, {PROMOTED:?}");
    Ok(())
}
