//! The audit oracle: who wrote what, told from the real server's own log.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::json;
use test_kit::{ApiServer, AuditOracle, Clock};

#[tokio::test]
async fn writes_are_told_by_user_manager_verb_resource_and_time() -> anyhow::Result<()> {
    let server = ApiServer::shared().await?;
    let namespace = server.namespace().await?;
    let maps: Api<ConfigMap> = Api::namespaced(server.client().await?, &namespace);
    let map: ConfigMap =
        serde_json::from_value(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}))?;

    let before = Clock::of_machine().now();
    maps.patch("a", &PatchParams::apply("first-manager"), &Patch::Apply(&map)).await?;
    let between = Clock::of_machine().now();
    maps.patch("a", &PatchParams::apply("first-manager").dry_run(), &Patch::Apply(&map)).await?;
    maps.get("a").await?;
    maps.delete("a", &DeleteParams::default()).await?;
    let after = Clock::of_machine().now();

    let oracle = AuditOracle::of(server.audit_log());
    let written = oracle.writes()?.in_namespace(&namespace).to("configmaps").except("leases");
    let told: Vec<_> = written.iter().map(|entry| (entry.verb.as_str(), entry.code)).collect();
    assert_eq!(told, [("patch", 201), ("delete", 200)], "{written:#?}");
    assert!(written.iter().all(|entry| entry.user == "admin" && entry.name == "a"), "{written:#?}");
    assert_eq!(written.clone().by_manager("first-manager").between(before, between).len(), 1);
    assert_eq!(written.clone().with_verb("delete").between(before, between).len(), 0);
    assert_eq!(written.between(between, after).with_verb("delete").len(), 1);
    let read = oracle.requests()?.in_namespace(&namespace).with_verb("get");
    assert_eq!(read.len(), 1, "reads by programs under test are in the log: {read:#?}");
    Ok(())
}

#[tokio::test]
async fn a_refused_write_is_told_with_the_impersonated_user() -> anyhow::Result<()> {
    let server = ApiServer::shared().await?;
    let namespace = server.namespace().await?;
    let maps: Api<ConfigMap> = Api::namespaced(server.client_as("joe", &["system:authenticated"]).await?, &namespace);
    let map: ConfigMap = serde_json::from_value(json!({"metadata": {"name": "a"}}))?;
    assert!(maps.create(&PostParams::default(), &map).await.is_err());
    let tried = AuditOracle::of(server.audit_log()).writes()?.in_namespace(&namespace).by_user("joe");
    assert_eq!(tried.iter().map(|entry| entry.code).collect::<Vec<_>>(), [403]);
    assert!(tried.succeeded().is_empty());
    Ok(())
}
