//! Evictions ask the disruption budget first, and meet the pod that was meant or none.

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::ResourceExt;
use kube::api::ListParams;
use presale_cluster::{Evicted, apply_owned, evict};
use serde_json::json;

use crate::ground::{Ground, until};

#[tokio::test]
async fn a_budget_lets_one_of_two_go_and_holds_the_other() -> anyhow::Result<()> {
    let ground = Ground::new().await?;
    let shop = ground.shop("orders", json!({"image": "orders:1", "replicas": {"min": 2, "max": 9}})).await?;
    apply_owned(&ground.writer, &ground.stores, &shop, 2).await?;
    until("two pods exist", async || Ok(ground.api::<Pod>().list(&ListParams::default()).await?.items.len() == 2))
        .await?;
    let pods = ground.api::<Pod>().list(&ListParams::default()).await?.items;
    for pod in &pods {
        ground.make_ready(&pod.name_any()).await?;
    }
    until("the budget allows one disruption", async || {
        let budget: PodDisruptionBudget = ground.api().get("orders").await?;
        let status = budget.status.unwrap_or_default();
        Ok((status.current_healthy, status.disruptions_allowed) == (Some(2), Some(1)))
    })
    .await?;
    let evict = async |at: usize, uid: &str| evict(&ground.writer, &ground.namespace, &pods[at].name_any(), uid).await;
    let (first, second) = (pods[0].uid().unwrap_or_default(), pods[1].uid().unwrap_or_default());
    assert_eq!(evict(0, &first).await?, Evicted::Accepted);
    let held = evict(1, &second).await?;
    assert!(matches!(&held, Evicted::RefusedByBudget(why) if why.contains("disruption budget")), "{held:?}");
    let there: Pod = ground.api().get(&pods[1].name_any()).await?;
    assert!(there.metadata.deletion_timestamp.is_none());
    Ok(())
}

#[tokio::test]
async fn a_namesake_of_the_pod_that_was_meant_stays() -> anyhow::Result<()> {
    let ground = Ground::new().await?;
    ground.foreign_deployment("legacy", 1).await?;
    until("a pod exists", async || Ok(!ground.api::<Pod>().list(&ListParams::default()).await?.items.is_empty()))
        .await?;
    let pods = ground.api::<Pod>().list(&ListParams::default()).await?.items;
    let (name, uid) = (pods[0].name_any(), pods[0].uid().unwrap_or_default());
    ground.make_ready(&name).await?; // of a pending pod, the server tries for ten seconds to evict the namesake
    let other = "00000000-0000-0000-0000-000000000000";
    assert_eq!(evict(&ground.writer, &ground.namespace, &name, other).await?, Evicted::Gone);
    assert!(ground.api::<Pod>().get(&name).await?.metadata.deletion_timestamp.is_none());
    assert_eq!(evict(&ground.writer, &ground.namespace, "nobody", &uid).await?, Evicted::Gone);
    assert_eq!(evict(&ground.writer, &ground.namespace, &name, &uid).await?, Evicted::Accepted);
    Ok(())
}
