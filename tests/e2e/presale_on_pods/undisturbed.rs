//! A service at constant load, while its neighbours are promoted, sick and adopted.

use std::time::Duration;

use anyhow::ensure;
use jiff::Timestamp;
use k8s_openapi::api::events::v1::Event;
use kube::Api;
use kube::api::ListParams;
use tokio::time::Instant;

use crate::release::now;
use crate::stage::{CALM, Stage};

/// For so long nothing is written.
const REST: Duration = Duration::from_mins(5);
/// By then load, forecast and what was learned have been told once.
const SETTLES: Duration = Duration::from_secs(45);

/// Where the rest began.
pub(crate) struct Rest {
    from: Instant,
    status: String,
}

/// Waits until the service has settled, and remembers its status.
pub(crate) async fn begin(stage: &Stage) -> anyhow::Result<Rest> {
    tokio::time::sleep(SETTLES).await;
    Ok(Rest { from: Instant::now(), status: status(stage).await? })
}

async fn status(stage: &Stage) -> anyhow::Result<String> {
    Ok(serde_json::to_string(&stage.shop(CALM.name).await?.status)?)
}

/// Waits until it has lasted five minutes, and looks for writes in the audit log.
pub(crate) async fn check(stage: &Stage, rest: &Rest) -> anyhow::Result<()> {
    tokio::time::sleep_until(rest.from + REST).await;
    let until_now = now();
    let begun = until_now - REST;
    let written = stage.written()?.between(begun, until_now).filter(|entry| entry.name == CALM.name);
    ensure!(
        written.is_empty(),
        "in five minutes at rest {} was written {} times: {written:#?}\nbefore: {}\nafter: {}",
        CALM.name,
        written.len(),
        rest.status,
        status(stage).await?
    );
    // Events bear names of their own: what they are about is in them.
    let events = Api::<Event>::namespaced(stage.client.clone(), &stage.namespace).list(&ListParams::default()).await?;
    let regards = |event: &Event| event.regarding.as_ref().and_then(|object| object.name.as_deref()) == Some(CALM.name);
    let ours = |event: &Event| event.reporting_controller.as_deref().is_some_and(|who| who.contains("presale"));
    let told: Vec<&Event> = events.items.iter().filter(|event| ours(event)).collect();
    ensure!(!told.is_empty(), "no event of Presale's was found at all");
    let of_calm: Vec<_> = told.into_iter().filter(|event| regards(event) && last(event) >= Some(begun)).collect();
    ensure!(of_calm.is_empty(), "in five minutes at rest these events were told of {}: {of_calm:#?}", CALM.name);
    Ok(())
}

/// When an event was seen last.
fn last(event: &Event) -> Option<Timestamp> {
    let again = event.series.as_ref().map(|series| series.last_observed_time.0);
    again.or(event.event_time.as_ref().map(|time| time.0))
}
