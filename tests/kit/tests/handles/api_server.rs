//! The API server: shared, separated by namespace, with controllers, killed and revived.

use anyhow::Context as _;
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{ListParams, PostParams};
use kube::{Api, ResourceExt as _};
use serde_json::json;
use test_kit::{ApiServer, ApiServerOptions};

fn named(name: &str) -> anyhow::Result<ConfigMap> {
    Ok(serde_json::from_value(json!({"metadata": {"name": name}}))?)
}

#[tokio::test]
async fn tests_share_a_server_and_do_not_see_each_other() -> anyhow::Result<()> {
    let server = ApiServer::shared().await?;
    let (one, other) = (server.namespace().await?, server.namespace().await?);
    assert_ne!(one, other);
    let client = server.client().await?;
    Api::namespaced(client.clone(), &one).create(&PostParams::default(), &named("mine")?).await?;
    let theirs = Api::<ConfigMap>::namespaced(client, &other).list(&ListParams::default()).await?;
    assert!(theirs.items.iter().all(|map| map.name_any() != "mine"));
    Ok(())
}

#[tokio::test]
async fn the_server_outlives_the_test_that_started_it() -> anyhow::Result<()> {
    // The kernel ends a child with the thread that started it; each test here is a thread and a runtime of its own.
    let started = std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        anyhow::Ok(runtime.block_on(ApiServer::shared())?.url())
    });
    let url = started.join().map_err(|_| anyhow::anyhow!("the first test panicked"))??;
    let server = ApiServer::shared().await?;
    assert_eq!(server.url(), url);
    assert!(server.client().await?.apiserver_version().await?.git_version.starts_with("v1.36"));
    Ok(())
}

#[tokio::test]
async fn somebody_else_may_not_do_what_nobody_allowed() -> anyhow::Result<()> {
    let server = ApiServer::shared().await?;
    let namespace = server.namespace().await?;
    let client = server.client_as("jane", &["system:authenticated"]).await?;
    let refused = Api::namespaced(client, &namespace).create(&PostParams::default(), &named("x")?).await;
    let message = refused.err().context("RBAC let jane write")?.to_string();
    assert!(message.contains("User \"jane\" cannot create resource \"configmaps\""), "{message}");
    Ok(())
}

#[tokio::test]
async fn controllers_turn_a_deployment_into_pods() -> anyhow::Result<()> {
    let server = ApiServer::shared_with_controllers().await?;
    let namespace = server.namespace().await?;
    let client = server.client().await?;
    let deployment: Deployment = serde_json::from_value(json!({
        "metadata": {"name": "web"},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "localhost/web:1"}]}}}
    }))?;
    Api::namespaced(client.clone(), &namespace).create(&PostParams::default(), &deployment).await?;
    let sets: Api<ReplicaSet> = Api::namespaced(client, &namespace);
    for _ in 0..600 {
        let made = sets.list(&ListParams::default()).await?;
        if made.items.iter().any(|set| set.status.as_ref().is_some_and(|status| status.replicas == 2)) {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    anyhow::bail!("no ReplicaSet made two pods within a minute")
}

#[tokio::test]
async fn what_was_written_survives_a_kill_of_the_server() -> anyhow::Result<()> {
    let server = ApiServer::start(ApiServerOptions::default()).await?;
    let maps: Api<ConfigMap> = Api::namespaced(server.client().await?, "default");
    maps.create(&PostParams::default(), &named("kept")?).await?;
    server.kill().await?;
    server.revive().await?;
    let kept: Api<ConfigMap> = Api::namespaced(server.client().await?, "default");
    assert_eq!(kept.get("kept").await?.name_any(), "kept");
    let processes = server.process_ids().await;
    drop(server);
    let alive: Vec<_> = processes.iter().filter(|id| std::path::Path::new(&format!("/proc/{id}")).exists()).collect();
    assert!(alive.is_empty(), "still running after drop: {alive:?}");
    Ok(())
}
