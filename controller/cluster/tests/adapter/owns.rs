//! Owning a service: what is made, what is healed, what is never touched, and that nothing is written at rest.

use anyhow::ensure;
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::{Event, Service, ServiceAccount};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::ResourceExt;
use kube::api::{DeleteParams, ListParams};
use presale_cluster::{Error, Target, apply_owned, scale};
use presale_crds::ShopService;
use serde_json::{Value, json};

use crate::ground::{Ground, until};

fn spec(over: Value) -> Value {
    let mut spec = json!({"image": "orders:1", "replicas": {"min": 3, "max": 9}, "probes": {"readiness": "/readyz"},
        "resources": {"requests": {"cpu": "0.25", "memory": "64Mi"}}, "env": [{"name": "A", "value": "1"}]});
    presale_cluster::merge::merge(&mut spec, over);
    spec
}

/// Applies until the caches have caught up and nothing is left to write.
async fn settle(ground: &Ground, shop: &ShopService) -> anyhow::Result<()> {
    until("nothing is left to apply", async || {
        Ok(apply_owned(&ground.writer, &ground.stores, shop, 3).await?.is_empty())
    })
    .await
}

#[tokio::test]
async fn a_new_service_starts_with_its_least_replicas_and_not_with_one() -> anyhow::Result<()> {
    let ground = Ground::new().await?;
    let shop = ground.shop("orders", spec(json!({}))).await?;
    let written = apply_owned(&ground.writer, &ground.stores, &shop, 3).await?;
    assert_eq!(written, ["ServiceAccount", "PodDisruptionBudget", "Service", "Deployment"]);
    let deployment: Deployment = ground.api().get("orders").await?;
    let owns = |manager: &str, field: &str| {
        deployment.managed_fields().iter().any(|entry| {
            entry.manager.as_deref() == Some(manager)
                && entry.fields_v1.as_ref().is_some_and(|fields| fields.0.pointer(field).is_some())
        })
    };
    assert!(owns("presale-scaler", "/f:spec/f:replicas") && !owns("presale", "/f:spec/f:replicas"));
    assert!(owns("presale", "/f:spec/f:template"));
    assert!(deployment.owner_references().iter().any(|owner| Some(&owner.uid) == shop.uid().as_ref()));
    until("the ReplicaSet has three", async || {
        let sets = ground.api::<ReplicaSet>().list(&ListParams::default()).await?;
        Ok(sets.iter().any(|set| set.spec.as_ref().and_then(|spec| spec.replicas) == Some(3)))
    })
    .await?;
    let sets = ground.api::<ReplicaSet>().list(&ListParams::default()).await?;
    assert_eq!(sets.items.len(), 1, "one template was ever rolled out");
    until("the controller tells how it scaled", async || {
        let events = ground.api::<Event>().list(&ListParams::default()).await?;
        let told: Vec<_> = events.iter().filter(|e| e.reason.as_deref() == Some("ScalingReplicaSet")).collect();
        let all_at_once = |e: &&Event| e.message.as_deref().is_some_and(|text| text.contains("from 0 to 3"));
        ensure!(told.iter().all(all_at_once), "{told:?}");
        Ok(!told.is_empty())
    })
    .await?;
    let budget: PodDisruptionBudget = ground.api().get("orders").await?;
    assert_eq!(budget.spec.and_then(|spec| spec.max_unavailable), Some(IntOrString::String("40%".to_owned())));
    let account: ServiceAccount = ground.api().get("orders").await?;
    assert_eq!(account.automount_service_account_token, Some(false));
    Ok(())
}

#[tokio::test]
async fn nothing_is_written_at_rest() -> anyhow::Result<()> {
    let ground = Ground::new().await?;
    let shop = ground.shop("orders", spec(json!({}))).await?;
    settle(&ground, &shop).await?;
    let before = ground.writes()?.len();
    for _ in 0..20 {
        assert!(apply_owned(&ground.writer, &ground.stores, &shop, 3).await?.is_empty());
    }
    let after = ground.writes()?;
    assert_eq!(after.len(), before, "{:#?}", &after[before..]);
    Ok(())
}

#[tokio::test]
async fn a_new_template_is_rolled_out_and_the_replicas_stay() -> anyhow::Result<()> {
    let ground = Ground::new().await?;
    let shop = ground.shop("orders", spec(json!({}))).await?;
    settle(&ground, &shop).await?;
    scale(&ground.writer, &Target::owned(&ground.namespace, "orders"), 7).await?;
    ground.cached_replicas("orders", 7).await?;
    assert!(apply_owned(&ground.writer, &ground.stores, &shop, 3).await?.is_empty(), "a scale is no difference");
    let new = json!({"spec": {"image": "orders:2", "env": null, "podTemplate": {"spec": {"priorityClassName": null,
        "containers": [{"name": "app", "args": ["--fast"]}, {"name": "proxy", "image": "proxy:1"}]}}}});
    let shop: ShopService = ground.edit("kubectl", "orders", new).await?;
    assert_eq!(apply_owned(&ground.writer, &ground.stores, &shop, 3).await?, ["Deployment"]);
    let deployment: Deployment = ground.api().get("orders").await?;
    let spec = deployment.spec.expect("spec");
    assert_eq!(spec.replicas, Some(7));
    let containers = spec.template.spec.expect("pods").containers;
    let names: Vec<_> = containers.iter().map(|c| (c.name.as_str(), c.image.as_deref())).collect();
    assert_eq!(names, [("app", Some("orders:2")), ("proxy", Some("proxy:1"))]);
    assert!(containers[0].env.is_none(), "what is no longer wanted goes");
    assert_eq!(containers[0].args.as_deref(), Some(&["--fast".to_owned()][..]));
    Ok(())
}

#[tokio::test]
async fn an_edit_of_what_is_ours_is_healed_and_of_the_rest_is_kept() -> anyhow::Result<()> {
    let ground = Ground::new().await?;
    let shop = ground.shop("orders", spec(json!({}))).await?;
    settle(&ground, &shop).await?;
    let edit =
        json!({"metadata": {"annotations": {"team": "blue"}}, "spec": {"selector": {"presale.dev/service": "x"}}});
    let edited: Service = ground.edit("kubectl-edit", "orders", edit).await?;
    until("the cache sees the edit", async || {
        let all = ground.stores.services.state();
        Ok(all.iter().any(|service| service.resource_version() == edited.resource_version()))
    })
    .await?;
    assert_eq!(apply_owned(&ground.writer, &ground.stores, &shop, 3).await?, ["Service"]);
    let healed: Service = ground.api().get("orders").await?;
    assert_eq!(healed.annotations().get("team").map(String::as_str), Some("blue"));
    let selector = healed.spec.and_then(|spec| spec.selector).unwrap_or_default();
    assert_eq!(selector.get("presale.dev/service").map(String::as_str), Some("orders"));
    Ok(())
}

#[tokio::test]
async fn an_object_that_is_somebody_elses_is_never_written() -> anyhow::Result<()> {
    let ground = Ground::new().await?;
    let theirs = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "orders"},
        "spec": {"ports": [{"port": 80}], "selector": {"app": "theirs"}}});
    let theirs: Service = ground.create(theirs).await?;
    let shop = ground.shop("orders", spec(json!({}))).await?;
    let refused = apply_owned(&ground.writer, &ground.stores, &shop, 3).await.expect_err("a conflict");
    assert!(matches!(&refused, Error::Conflict { object, .. } if object.starts_with("Service ")), "{refused}");
    assert!(refused.to_string().contains("workloadRef"), "it names a cure: {refused}");
    let now: Service = ground.api().get("orders").await?;
    assert_eq!(now.resource_version(), theirs.resource_version());
    assert!(ground.writes()?.to("services").is_empty() && ground.writes()?.to("deployments").is_empty());
    Ok(())
}

#[tokio::test]
async fn a_refused_template_is_told_by_the_path_of_its_field() -> anyhow::Result<()> {
    let ground = Ground::new().await?;
    let never = json!({"podTemplate": {"spec": {"restartPolicy": "Never"}}});
    let shop = ground.shop("wrong-value", spec(never)).await?;
    let refused = apply_owned(&ground.writer, &ground.stores, &shop, 3).await.expect_err("refused");
    let Error::TemplateRefused { field, message } = &refused else { panic!("{refused}") };
    assert_eq!(field, "spec.podTemplate.spec.restartPolicy");
    assert!(message.contains("Always"), "{message}");
    let unknown = json!({"podTemplate": {"spec": {"nodeSelektor": {"a": "b"}}}});
    let shop = ground.shop("wrong-name", spec(unknown)).await?;
    let refused = apply_owned(&ground.writer, &ground.stores, &shop, 3).await.expect_err("refused");
    assert!(matches!(refused, Error::TemplateRefused { .. }), "{refused}");
    assert!(refused.to_string().contains("spec.podTemplate.spec.nodeSelektor"), "{refused}");
    assert!(ground.writes()?.to("deployments").is_empty(), "a dry run writes nothing");
    Ok(())
}

#[tokio::test]
async fn deleting_a_service_removes_what_it_owns_and_nothing_else() -> anyhow::Result<()> {
    let ground = Ground::new().await?;
    let shop = ground.shop("orders", spec(json!({}))).await?;
    settle(&ground, &shop).await?;
    ground.foreign_deployment("bystander", 1).await?;
    ground.api::<ShopService>().delete("orders", &DeleteParams::default()).await?;
    until("all four are gone", async || {
        let gone = [
            ground.api::<Deployment>().get_opt("orders").await?.is_none(),
            ground.api::<Service>().get_opt("orders").await?.is_none(),
            ground.api::<ServiceAccount>().get_opt("orders").await?.is_none(),
            ground.api::<PodDisruptionBudget>().get_opt("orders").await?.is_none(),
        ];
        Ok(gone == [true; 4])
    })
    .await?;
    ground.api::<Deployment>().get("bystander").await?;
    assert!(ground.writes()?.with_verb("delete").is_empty(), "the garbage collector deletes, not we");
    Ok(())
}
