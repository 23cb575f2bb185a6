//! Status and events: written when a person would want to know, and not again.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Event;
use kube::api::ListParams;
use presale_cluster::{
    Error, Events, Notice, Observed, Report, Target, apply_owned, convert, failed_status, shop_status,
    write_shop_status,
};
use presale_crds::ShopService;
use presale_models::{Reading, Series};
use presale_planner::{Decision, ForecastInput, PlanInput, Saturation, decide};
use serde_json::json;

use crate::ground::{Ground, until};

/// The facts of a quiet service whose load is `load`.
fn facts(shop: &ShopService, observed: &Observed, load: Reading, now: Timestamp) -> anyhow::Result<PlanInput> {
    let spec = convert::service(shop, &convert::Defaults::default(), None)?;
    Ok(PlanInput {
        now,
        policy: spec.policy,
        replicas: observed.replicas,
        load,
        recent: Series::new(now, SignedDuration::from_secs(15), vec![])?,
        saturation: Saturation { latency: Reading::Empty, latency_limit: None, over_since: None },
        forecast: ForecastInput::Unavailable { reason: "not_enough_history".to_owned() },
        capacity_p10: Some(100.0),
        capacity_p50: Some(120.0),
        lead_time: SignedDuration::from_secs(30),
        promotions: vec![],
        history: vec![],
        changes: vec![],
        hand_scaled: observed.hand_scaled.as_ref().map(Into::into),
        conflict: observed.conflict.clone(),
        reserve: None,
    })
}

async fn report(
    ground: &Ground,
    shop: &ShopService,
    (observed, input, decision): (&Observed, &PlanInput, &Decision),
) -> Result<bool, Error> {
    let report = Report {
        shop,
        input,
        decision,
        observed,
        failure: None,
        forecast: None,
        learned: None,
        promotion: None,
        health: None,
        reserve: None,
        time_zone: &TimeZone::UTC,
    };
    write_shop_status(&ground.writer, shop, &shop_status(&report)).await
}

#[tokio::test]
async fn a_status_is_written_when_something_changed_and_not_while_it_only_aged() -> anyhow::Result<()> {
    let ground = Ground::new().await?;
    let mut shop = ground.shop("orders", json!({"image": "orders:1", "replicas": {"min": 2, "max": 9}})).await?;
    apply_owned(&ground.writer, &ground.stores, &shop, 2).await?;
    ground.cached_replicas("orders", 2).await?;
    let target = Target::owned(&ground.namespace, "orders");
    until("two pods are starting", async || {
        let seen = ground.look(&target, &shop).await?;
        Ok(seen.replicas.starting == 2)
    })
    .await?;
    let observed = ground.look(&target, &shop).await?;
    let (mut now, mut written) = ("2026-11-27T20:00:00Z".parse::<Timestamp>()?, Vec::new());
    for load in [150.0, 150.0, 151.0, 149.0, 450.0, 451.0] {
        now += SignedDuration::from_secs(15);
        let input = facts(&shop, &observed, Reading::Fresh { value: load, at: now }, now)?;
        let decision = decide(&input);
        written.push(report(&ground, &shop, (&observed, &input, &decision)).await?);
        shop = ground.read("orders").await?;
    }
    assert_eq!(written, [true, false, false, false, true, false]);
    assert_eq!(ground.writes()?.to("shopservices/status").len(), 2);
    let status = shop.status.clone().expect("a status");
    assert_eq!((status.replicas, status.ready_replicas, status.starting_replicas), (Some(2), Some(0), Some(2)));
    let decided = status.last_decision.expect("a decision");
    assert_eq!((decided.outcome.as_str(), decided.reason.as_str()), ("ScaledUp", "Reactive"));
    let condition = |kind: &str| {
        let found = status.conditions.iter().find(|condition| condition.type_ == kind);
        found.map(|condition| (condition.status.as_str(), condition.reason.as_str()))
    };
    assert_eq!(condition("Ready"), Some(("False", "ReplicasNotReady")));
    assert_eq!(condition("MetricsAvailable"), Some(("True", "SignalFresh")));
    assert_eq!(condition("ForecastTrusted"), Some(("False", "NotEnoughHistory")));
    assert_eq!(condition("Conflict"), Some(("False", "SoleOwner")));
    Ok(())
}

#[tokio::test]
async fn a_failure_becomes_a_condition_once_and_keeps_what_was_known() -> anyhow::Result<()> {
    let ground = Ground::new().await?;
    let missing = json!({"workloadRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "missing"},
        "replicas": {"min": 1, "max": 9}});
    let shop = ground.shop("orders", missing).await?;
    let target = ground.kinds.adopted(&ground.namespace, ("apps/v1", "Deployment", "missing")).await?;
    let error = ground.look(&target, &shop).await.expect_err("missing");
    let now = "2026-11-27T20:00:00Z".parse()?;
    assert!(write_shop_status(&ground.writer, &shop, &failed_status(&shop, &error, now)).await?);
    let shop = ground.read("orders").await?;
    let later = now + SignedDuration::from_mins(5);
    assert!(!write_shop_status(&ground.writer, &shop, &failed_status(&shop, &error, later)).await?);
    let conditions = shop.status.expect("a status").conditions;
    let ready = conditions.iter().find(|condition| condition.type_ == "Ready").expect("Ready");
    assert_eq!((ready.reason.as_str(), ready.status.as_str()), ("TargetMissing", "False"));
    Ok(())
}

#[tokio::test]
async fn the_same_event_is_told_once() -> anyhow::Result<()> {
    let ground = Ground::new().await?;
    let shop = ground.shop("orders", json!({"image": "orders:1", "replicas": {"min": 2, "max": 9}})).await?;
    let events = Events::new(ground.writer.clone(), "presale-0");
    for _ in 0..5 {
        events.tell(&shop, &Notice::conflict("HorizontalPodAutoscaler old")).await?;
    }
    events.tell(&shop, &Notice::evicted("orders-1", "errors 40 % against 1 % of its peers")).await?;
    assert_eq!(ground.writes()?.to("events").len(), 2);
    let told = ground.api::<Event>().list(&ListParams::default()).await?;
    let mut reasons: Vec<_> = told.iter().filter_map(|event| event.reason.as_deref()).collect();
    reasons.sort_unstable();
    assert_eq!(reasons, ["Conflict", "Evicted"]);
    Ok(())
}
