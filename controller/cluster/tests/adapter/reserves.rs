//! The warm reserve on the real API server: when a Service begins to pass pods by, and what is written to a pod.

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::ResourceExt;
use kube::api::{DeleteParams, ListParams};
use presale_cluster::reserve::{
    DELETION_COST, FULL_SIZE, IN_SERVICE, ServiceLabel, can_resize, cut_off, put_in_service, resize,
};
use presale_cluster::{Error, Observed, Target, apply_owned};
use presale_crds::ShopService;
use serde_json::{Value, json};

use crate::ground::{Ground, until};

fn spec(reserve: &Value) -> Value {
    json!({"image": "orders:1", "replicas": {"min": 3, "max": 9}, "scaling": {"reserve": reserve},
        "resources": {"requests": {"cpu": "500m", "memory": "64Mi"}, "limits": {"cpu": "500m", "memory": "128Mi"}}})
}

async fn pods(ground: &Ground) -> anyhow::Result<Vec<Pod>> {
    let all = ground.api::<Pod>().list(&ListParams::default()).await?;
    Ok(all.items.into_iter().filter(|pod| pod.metadata.deletion_timestamp.is_none()).collect())
}

/// One look of the kubelet: pods become Ready, and those that are to go are gone.
async fn play(ground: &Ground) -> anyhow::Result<usize> {
    let all = ground.api::<Pod>().list(&ListParams::default()).await?.items;
    for pod in &all {
        if pod.metadata.deletion_timestamp.is_some() {
            let now = DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() };
            let _gone_meanwhile = ground.api::<Pod>().delete(&pod.name_any(), &now).await;
        } else if pod.status.as_ref().is_none_or(|status| status.pod_ip.is_none()) {
            let _gone_meanwhile = ground.make_ready(&pod.name_any()).await;
        }
    }
    Ok(all.len())
}

/// Plays the kubelet until so many pods are left and nothing is left to apply.
async fn settle(ground: &Ground, shop: &ShopService, count: usize) -> anyhow::Result<()> {
    until("nothing is left to apply", async || {
        let pods = play(ground).await?;
        Ok(apply_owned(&ground.writer, &ground.stores, shop, 3).await?.is_empty() && pods == count)
    })
    .await
}

async fn selector(ground: &Ground) -> anyhow::Result<Option<String>> {
    let service: Service = ground.api().get("orders").await?;
    Ok(service.spec.and_then(|spec| spec.selector?.get(IN_SERVICE).cloned()))
}

/// What the adapter sees, once the caches show the Service as it is.
async fn seen(ground: &Ground, shop: &ShopService) -> anyhow::Result<Observed> {
    let target = Target::owned(&ground.namespace, "orders");
    until("the caches show the reserve", async || Ok(ground.look(&target, shop).await?.has_reserve)).await?;
    Ok(ground.look(&target, shop).await?)
}

#[tokio::test]
async fn a_pod_leaves_service_shrinks_and_returns_in_place() -> anyhow::Result<()> {
    let ground = Ground::new().await?;
    let shop = ground.shop("orders", spec(&json!({"size": 1, "resources": {"memory": "16Mi"}}))).await?;
    assert!(can_resize(ground.writer.client()).await?, "this server resizes pods");
    settle(&ground, &shop, 3).await?;
    assert_eq!(selector(&ground).await?.as_deref(), Some("true"));
    let reserve = presale_cluster::convert::service(&shop, &presale_cluster::convert::Defaults::default(), None)?;
    let reserve = reserve.reserve.expect("a reserve");

    let observed = seen(&ground, &shop).await?;
    assert_eq!((observed.total, observed.replicas.current, observed.replicas.ready), (3, 3, 3));
    let pod = observed.pods[0].clone();
    cut_off(&ground.writer, &ground.namespace, &pod).await?;
    let small = pod.reserve.small(&reserve).expect("it gives something back");
    resize(&ground.writer, &ground.namespace, &pod, &small).await?;
    let target = Target::owned(&ground.namespace, "orders");
    until("the cache sees it cut off and small", async || {
        let observed = ground.look(&target, &shop).await?;
        Ok(observed.pods.iter().any(|pod| pod.reserve.label == ServiceLabel::CutOff && pod.reserve.is_small()))
    })
    .await?;
    let observed = ground.look(&target, &shop).await?;
    assert_eq!((observed.total, observed.replicas.current, observed.replicas.ready), (3, 2, 2));
    let live: Pod = ground.api().get(&pod.name).await?;
    let resources = serde_json::to_value(&live.spec.as_ref().expect("spec").containers[0].resources)?;
    let wanted = json!({"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"cpu": "10m", "memory": "128Mi"}});
    assert_eq!(resources, wanted);
    assert_eq!((live.labels()[IN_SERVICE].as_str(), live.annotations()[DELETION_COST].as_str()), ("false", "-1000"));

    // One that serves is missing in what the budget protects.
    until("the budget counts pods that serve", async || {
        apply_owned(&ground.writer, &ground.stores, &shop, 3).await?;
        let budget: PodDisruptionBudget = ground.api().get("orders").await?;
        Ok(budget.spec.and_then(|spec| spec.min_available) == Some(IntOrString::Int(1)))
    })
    .await?;

    let small_pod = observed.pods.iter().find(|seen| seen.uid == pod.uid).expect("it is still there");
    resize(&ground.writer, &ground.namespace, small_pod, &small_pod.reserve.full()).await?;
    put_in_service(&ground.writer, &ground.namespace, small_pod).await?;
    let live: Pod = ground.api().get(&pod.name).await?;
    let resources = serde_json::to_value(&live.spec.as_ref().expect("spec").containers[0].resources)?;
    let full = json!({"requests": {"cpu": "500m", "memory": "64Mi"}, "limits": {"cpu": "500m", "memory": "128Mi"}});
    assert_eq!(resources, full);
    assert_eq!((live.labels()[IN_SERVICE].as_str(), live.annotations().get(DELETION_COST)), ("true", None));
    assert!(live.annotations().contains_key(FULL_SIZE), "what it had is kept: a resize may still wait");
    assert_eq!(live.uid(), Some(pod.uid.clone()), "it never restarted");

    let mut other = pod.clone();
    "00000000-0000-0000-0000-000000000000".clone_into(&mut other.uid);
    let stranger = cut_off(&ground.writer, &ground.namespace, &other).await.expect_err("another pod has that name");
    assert!(matches!(&stranger, Error::Api { .. }) && stranger.reason() == "Invalid", "{stranger}");
    Ok(())
}

#[tokio::test]
async fn a_service_rolls_once_for_its_reserve_and_never_for_losing_it() -> anyhow::Result<()> {
    let ground = Ground::new().await?;
    let shop = ground.shop("orders", spec(&json!({"size": "None"}))).await?;
    settle(&ground, &shop, 3).await?;
    let deployment: Deployment = ground.api().get("orders").await?;
    let template = |deployment: &Deployment| deployment.spec.as_ref().expect("spec").template.clone();
    let labels = template(&deployment).metadata.and_then(|metadata| metadata.labels).unwrap_or_default();
    assert!(!labels.contains_key(IN_SERVICE), "without a reserve nothing is labelled: no pod restarts for an upgrade");

    let on = json!({"spec": {"scaling": {"reserve": {"size": 1}}}});
    let shop: ShopService = ground.edit("kubectl", "orders", on).await?;
    let written = apply_owned(&ground.writer, &ground.stores, &shop, 3).await?;
    assert_eq!(written, ["Deployment"], "as long as pods without the label serve, the Service leads to them");
    assert_eq!(selector(&ground).await?, None);
    until("the Service asks for the label", async || {
        play(&ground).await?;
        apply_owned(&ground.writer, &ground.stores, &shop, 3).await?;
        Ok(selector(&ground).await?.is_some())
    })
    .await?;
    settle(&ground, &shop, 3).await?;
    let labelled = pods(&ground).await?;
    assert!(labelled.iter().all(|pod| pod.labels()[IN_SERVICE] == "true"), "{labelled:#?}");

    let off = json!({"spec": {"scaling": {"reserve": null}}});
    let shop: ShopService = ground.edit("kubectl", "orders", off).await?;
    settle(&ground, &shop, 3).await?;
    assert_eq!(selector(&ground).await?, None);
    let deployment: Deployment = ground.api().get("orders").await?;
    let kept = template(&deployment).metadata.and_then(|metadata| metadata.labels).unwrap_or_default();
    assert!(kept.contains_key(IN_SERVICE), "the label stays in the template");
    let sets = ground.api::<ReplicaSet>().list(&ListParams::default()).await?;
    assert_eq!(sets.items.len(), 2, "it rolled once");
    let after: Vec<_> = pods(&ground).await?.iter().map(ResourceExt::uid).collect();
    assert_eq!(after, labelled.iter().map(ResourceExt::uid).collect::<Vec<_>>());
    Ok(())
}
