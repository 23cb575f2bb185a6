//! Owning a service: its objects appear, stay as they are, and nothing is written at rest.

use std::time::Duration;

use anyhow::{Result, ensure};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Service, ServiceAccount};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::api::{ListParams, Patch, PatchParams};
use kube::{Api, ResourceExt};
use presale_crds::ShopService;
use serde_json::json;
use test_kit::AuditOracle;

use crate::harness::{Stage, jiff_now, load, signal, until, within};

#[tokio::test]
async fn makes_what_a_service_needs_and_then_writes_nothing() -> Result<()> {
    let stage = Stage::new().await?;
    let data = tempfile::tempdir()?;
    let load = load(100.0, None).await?;
    let operator = stage.operator("one", data.path(), &[&load.url()]).await?;
    let spec = json!({"image": "localhost/catalog:1", "replicas": {"min": 2, "max": 10},
        "scaling": {"signal": signal(), "capacity": {"requestsPerReplica": "60"}}});
    stage.shop("catalog", spec).await?;
    stage.scaled("catalog", 2).await?;
    stage
        .status("catalog", "two are ready and the load is known", |status| {
            status["readyReplicas"] == 2 && status["conditions"].to_string().contains("SignalFresh")
        })
        .await?;
    let place = &stage.namespace;
    Api::<Service>::namespaced(stage.client.clone(), place).get("catalog").await?;
    Api::<ServiceAccount>::namespaced(stage.client.clone(), place).get("catalog").await?;
    Api::<PodDisruptionBudget>::namespaced(stage.client.clone(), place).get("catalog").await?;

    // The full five minutes are kept by the end-to-end suite; here, what a minute's worth of ticks would write shows.
    let rest = Duration::from_secs(20);
    stage.at_rest(rest).await?;
    let from = jiff_now();
    tokio::time::sleep(rest).await;
    let written = stage.written()?.between(from, jiff_now());
    ensure!(written.is_empty(), "at rest it wrote {written:#?}");
    let resident = operator.resident()?;
    ensure!(resident < 200.0, "{resident} MiB resident in a debug build");
    operator.stop().await
}

#[tokio::test]
async fn heals_what_is_ours_and_leaves_replicas_to_the_scaler() -> Result<()> {
    let stage = Stage::new().await?;
    let data = tempfile::tempdir()?;
    let operator = stage.operator("one", data.path(), &[]).await?;
    stage.shop("catalog", json!({"image": "localhost/catalog:1", "replicas": {"min": 3, "max": 10}})).await?;
    stage.scaled("catalog", 3).await?;
    let services: Api<Service> = Api::namespaced(stage.client.clone(), &stage.namespace);
    until("the Service is there", || async { Ok(services.get_opt("catalog").await?) }).await?;
    let wrong = json!({"spec": {"selector": {"presale.dev/service": "somebody-else"}}});
    services.patch("catalog", &PatchParams::default(), &Patch::Merge(wrong)).await?;
    until("the selector is healed", || async {
        let selector = services.get("catalog").await?.spec.and_then(|spec| spec.selector).unwrap_or_default();
        Ok((selector.get("presale.dev/service").map(String::as_str) == Some("catalog")).then_some(()))
    })
    .await?;
    stage.change("catalog", json!({"spec": {"image": "localhost/catalog:2"}})).await?;
    until("the new image is applied", || async {
        let deployment = stage.deployments().get("catalog").await?;
        let spec = deployment.spec.and_then(|spec| Some((spec.replicas, spec.template.spec?.containers.pop()?.image)));
        Ok((spec == Some((Some(3), Some("localhost/catalog:2".to_owned())))).then_some(()))
    })
    .await?;
    let scaled =
        AuditOracle::of(stage.server.audit_log()).writes()?.in_namespace(&stage.namespace).to("deployments/scale");
    ensure!(!scaled.is_empty() && scaled.filter(|entry| entry.manager != "presale-scaler").is_empty());
    operator.stop().await
}

/// Names of the services whose load signal went or came back since then.
fn flickered(shops: &[ShopService], since: Timestamp) -> Vec<String> {
    // Transitions are told to the second.
    let lately = |at: Timestamp| at.as_second() >= since.as_second();
    let moved = |shop: &&ShopService| {
        let conditions = shop.status.iter().flat_map(|status| &status.conditions);
        conditions.filter(|c| c.type_ == "MetricsAvailable").any(|c| lately(c.last_transition_time.0))
    };
    shops.iter().filter(moved).map(ResourceExt::name_any).collect()
}

#[tokio::test]
async fn fifty_services_at_rest_cost_no_write_and_little_memory() -> Result<()> {
    let stage = Stage::new().await?;
    let data = tempfile::tempdir()?;
    let load = load(60.0, None).await?;
    let operator = stage.operator("one", data.path(), &[&load.url()]).await?;
    for i in 0..50 {
        let spec = json!({"image": "localhost/catalog:1", "replicas": {"min": 1, "max": 10},
            "scaling": {"signal": signal(), "capacity": {"requestsPerReplica": "100"}}});
        stage.shop(&format!("catalog-{i}"), spec).await?;
    }
    for i in 0..50 {
        let name = format!("catalog-{i}");
        within(Duration::from_mins(5), &format!("{name} is ready, and its load known"), || async {
            let status = serde_json::to_value(stage.shops().get(&name).await?.status)?;
            let known = status["conditions"].to_string().contains("SignalFresh");
            Ok((known && status["readyReplicas"] == 1).then_some(()))
        })
        .await?;
    }
    let rest = Duration::from_secs(30);
    for window in 1.. {
        stage.at_rest(rest).await?;
        let from = jiff_now();
        tokio::time::sleep(rest).await;
        let written = stage.written()?.between(from, jiff_now());
        if written.is_empty() {
            break;
        }
        // A starved machine does not scrape in time, and a signal that goes stale and comes back is no rest.
        let flickered = flickered(&stage.shops().list(&ListParams::default()).await?.items, from);
        let excused = written.iter().all(|entry| flickered.contains(&entry.name));
        ensure!(window < 5 && excused, "at rest it wrote {written:#?}; the signals that flickered: {flickered:?}");
    }
    let resident = operator.resident()?;
    println!("{resident:.1} MiB resident with fifty services");
    ensure!(resident <= 60.0, "{resident:.1} MiB resident");
    operator.stop().await
}
