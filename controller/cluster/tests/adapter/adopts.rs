//! Adopting what somebody else runs: only its scale is written, and other hands on it are seen.

use std::time::Duration;

use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::{DeleteParams, ListParams};
use presale_cluster::{Error, Target, scale};
use presale_crds::ShopService;
use serde_json::{Value, json};

use crate::ground::{Ground, foreign, until};

fn adopting(kind: &str, name: &str) -> Value {
    json!({"workloadRef": {"apiVersion": "apps/v1", "kind": kind, "name": name}, "replicas": {"min": 1, "max": 9}})
}

async fn target(ground: &Ground, kind: &str, name: &str) -> Result<Target, Error> {
    ground.kinds.adopted(&ground.namespace, ("apps/v1", kind, name)).await
}

#[tokio::test]
async fn only_the_scale_of_an_adopted_workload_is_written_and_it_survives_its_shop() -> anyhow::Result<()> {
    let ground = Ground::new().await?;
    ground.foreign_deployment("legacy", 2).await?;
    let shop = ground.shop("orders", adopting("Deployment", "legacy")).await?;
    let target = target(&ground, "Deployment", "legacy").await?;
    let seen = ground.look(&target, &shop).await?;
    assert_eq!((seen.replicas.current, seen.image.as_deref()), (2, Some("legacy:7")));
    assert_eq!((seen.hand_scaled, seen.conflict), (None, None), "what stood there before us is a beginning");
    scale(&ground.writer, &target, 5).await?;
    let written = ground.writes()?;
    assert!(written.iter().all(|entry| entry.resource == "deployments/scale"), "{written:#?}");
    assert_eq!(written.len(), 1);
    until("five pods are starting", async || {
        let seen = ground.look(&target, &shop).await?;
        Ok((seen.replicas.current, seen.replicas.starting, seen.pods.len()) == (5, 5, 5))
    })
    .await?;
    ground.api::<ShopService>().delete("orders", &DeleteParams::default()).await?;
    until("the ShopService is gone", async || Ok(ground.api::<ShopService>().get_opt("orders").await?.is_none()))
        .await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let left: Deployment = ground.api().get("legacy").await?;
    assert_eq!(left.spec.and_then(|spec| spec.replicas), Some(5));
    Ok(())
}

#[tokio::test]
async fn ready_and_starting_pods_are_counted_apart() -> anyhow::Result<()> {
    let ground = Ground::new().await?;
    ground.foreign_deployment("legacy", 3).await?;
    let shop = ground.shop("orders", adopting("Deployment", "legacy")).await?;
    let target = target(&ground, "Deployment", "legacy").await?;
    until("three pods exist", async || Ok(ground.look(&target, &shop).await?.pods.len() == 3)).await?;
    let pods = ground.api::<Pod>().list(&ListParams::default()).await?;
    ground.make_ready(&pods.items[0].name_any()).await?;
    until("one of three is ready", async || {
        let seen = ground.look(&target, &shop).await?;
        Ok((seen.replicas.ready, seen.replicas.starting) == (1, 2))
    })
    .await?;
    let seen = ground.look(&target, &shop).await?;
    let ready = seen.pods.iter().find(|pod| pod.ready_since.is_some()).expect("a ready pod");
    assert!(ready.ready_since >= Some(ready.created) && ready.revision.is_some());
    assert!(!seen.rolling_out);
    Ok(())
}

#[tokio::test]
async fn any_kind_with_a_scale_can_be_adopted_and_no_other() -> anyhow::Result<()> {
    let ground = Ground::new().await?;
    ground.create::<StatefulSet>(foreign("StatefulSet", "ledger", 2)).await?;
    let shop = ground.shop("ledger", adopting("StatefulSet", "ledger")).await?;
    let ledger = target(&ground, "StatefulSet", "ledger").await?;
    let seen = ground.look(&ledger, &shop).await?;
    assert_eq!((seen.replicas.current, seen.image.as_deref()), (2, Some("legacy:7")));
    scale(&ground.writer, &ledger, 4).await?;
    let seen = ground.look(&ledger, &shop).await?;
    assert_eq!((seen.replicas.current, seen.hand_scaled), (4, None));
    assert_eq!(target(&ground, "DaemonSet", "x").await.expect_err("no scale").reason(), "NoScaleSubresource");
    assert_eq!(target(&ground, "Rocket", "x").await.expect_err("no kind").reason(), "UnknownKind");
    let missing = target(&ground, "Deployment", "missing").await?;
    let absent = ground.look(&missing, &shop).await.expect_err("absent");
    assert!(matches!(absent, Error::TargetMissing { .. }), "{absent}");
    Ok(())
}

#[tokio::test]
async fn a_hand_on_the_replicas_is_seen_until_we_write_again() -> anyhow::Result<()> {
    let ground = Ground::new().await?;
    ground.foreign_deployment("legacy", 2).await?;
    let shop = ground.shop("orders", adopting("Deployment", "legacy")).await?;
    let target = target(&ground, "Deployment", "legacy").await?;
    scale(&ground.writer, &target, 4).await?;
    ground.cached_replicas("legacy", 4).await?;
    let looking = async || ground.look(&target, &shop).await;
    assert_eq!(looking().await?.hand_scaled, None);
    tokio::time::sleep(Duration::from_millis(1_100)).await; // managed fields keep whole seconds
    ground.kubectl_scale("legacy", 7).await?;
    let hand = looking().await?.hand_scaled.expect("a hand");
    assert_eq!((hand.by.as_str(), hand.replicas), ("kubectl", 7));
    assert!(Some(hand.at) > shop.creation_timestamp().map(|time| time.0));
    assert_eq!(looking().await?.hand_scaled, Some(hand), "it stays in sight, and keeps its time");
    scale(&ground.writer, &target, 6).await?;
    ground.cached_replicas("legacy", 6).await?;
    assert_eq!(looking().await?.hand_scaled, None);
    Ok(())
}

#[tokio::test]
async fn a_foreign_autoscaler_is_named_as_a_conflict_until_it_goes() -> anyhow::Result<()> {
    let ground = Ground::new().await?;
    ground.foreign_deployment("legacy", 2).await?;
    let shop = ground.shop("orders", adopting("Deployment", "legacy")).await?;
    let target = target(&ground, "Deployment", "legacy").await?;
    let hpa = json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "old"},
        "spec": {"maxReplicas": 5, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "legacy"}}});
    ground.create::<HorizontalPodAutoscaler>(hpa).await?;
    let conflict = async || -> anyhow::Result<Option<String>> { Ok(ground.look(&target, &shop).await?.conflict) };
    until("it is seen", async || Ok(conflict().await?.as_deref() == Some("HorizontalPodAutoscaler old"))).await?;
    ground.api::<HorizontalPodAutoscaler>().delete("old", &DeleteParams::default()).await?;
    until("it is gone", async || Ok(conflict().await?.is_none())).await
}

#[tokio::test]
async fn of_two_services_on_one_workload_the_older_goes_on() -> anyhow::Result<()> {
    let ground = Ground::new().await?;
    ground.foreign_deployment("legacy", 2).await?;
    let elder = ground.shop("a-first", adopting("Deployment", "legacy")).await?;
    let younger = ground.shop("b-second", adopting("Deployment", "legacy")).await?;
    let target = target(&ground, "Deployment", "legacy").await?;
    let of_elder = ground.look(&target, &elder).await?;
    let of_younger = ground.look(&target, &younger).await?;
    assert_eq!((of_elder.conflict, of_younger.conflict.as_deref()), (None, Some("ShopService a-first")));
    Ok(())
}
