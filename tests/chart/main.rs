//! The Helm charts: linted, rendered through kubeconform, taken by a real API server; Presale's with the rights the code names.
#![expect(clippy::expect_used, reason = "the makers of test data are not test functions")]

mod manifests;
mod rights;
mod schemas;
mod shop;

use manifests::{chart, helm, kubectl, leaves, render, root};
use schemas::Schemas;
use serde_json::Value;
use test_kit::{ApiServer, ApiServerOptions, DEPLOYMENT_CONTROLLERS};

/// Values that differ from the chart's own in every leaf, each to be found again in what is rendered.
const EVERYTHING: &str = "tests/chart/everything.yaml";
/// The operator narrowed to one namespace, alone, with a volume.
const ONE_NAMESPACE: &str = "tests/chart/one-namespace.yaml";

#[test]
fn both_charts_are_linted_without_a_warning() -> anyhow::Result<()> {
    for chart in [chart(), shop::chart()] {
        let said = helm(&["lint", "--strict", &chart])?;
        assert!(said.contains("0 chart(s) failed") && !said.contains("[WARNING]"), "{said}");
    }
    Ok(())
}

#[tokio::test]
async fn every_rendered_manifest_and_example_is_valid() -> anyhow::Result<()> {
    let server = ApiServer::shared().await?;
    let schemas = Schemas::of(server).await?;
    for namespace in ["presale-system", "shop"] {
        kubectl(server, &["create", "namespace", namespace], "")?;
    }
    for values in [None, Some(EVERYTHING), Some(ONE_NAMESPACE)] {
        let rendered = render(values)?;
        schemas.check(&rendered)?;
        kubectl(server, &["apply", "--dry-run=server", "-f", "-"], &without_service_monitor(&rendered))?;
    }
    let mut examples = 0;
    for entry in std::fs::read_dir(root().join("deploy/examples"))? {
        let text = std::fs::read_to_string(entry?.path())?;
        schemas.check(&text)?;
        kubectl(server, &["apply", "--dry-run=server", "-f", "-"], &text)?;
        examples += 1;
    }
    assert!(examples >= 5, "only {examples} examples");
    Ok(())
}

#[tokio::test]
async fn the_schemas_find_a_misspelt_field() -> anyhow::Result<()> {
    let schemas = Schemas::of(ApiServer::shared().await?).await?;
    let bad = render(None)?.replace("readOnlyRootFilesystem", "readonlyRootFilesystem");
    let refused = schemas.check(&bad).expect_err("Kubernetes has no such field");
    let refused = format!("{refused:#}");
    assert!(refused.contains("readonlyRootFilesystem"), "{refused}");
    Ok(())
}

/// The kind of another operator, which no API server knows by itself.
fn without_service_monitor(rendered: &str) -> String {
    rendered
        .split("\n---")
        .filter(|document| !document.contains("kind: ServiceMonitor"))
        .collect::<Vec<_>>()
        .join("\n---")
}

#[test]
fn every_value_reaches_a_manifest() -> anyhow::Result<()> {
    let read = |path: &str| -> anyhow::Result<Value> {
        Ok(serde_norway::from_str(&std::fs::read_to_string(root().join(path))?)?)
    };
    let (own, changed) = (read("deploy/charts/presale/values.yaml")?, read(EVERYTHING)?);
    let rendered = render(Some(EVERYTHING))?;
    let (mut declared, mut set) = (Vec::new(), Vec::new());
    leaves(&own, "", &mut declared);
    leaves(&changed, "", &mut set);
    for (path, _) in &declared {
        assert!(set.iter().any(|(other, _)| other.starts_with(path.as_str())), "{EVERYTHING} does not set {path}");
    }
    for (path, value) in &set {
        assert!(rendered.contains(value), "{path}={value} reaches no manifest");
    }
    Ok(())
}

#[test]
fn bad_values_are_refused_by_name() {
    for (value, words) in [
        ("replicas=9", "replicas"),
        ("replica=1", "replica"),
        ("prometheus.url=prometheus:9090", "prometheus/url"),
        ("defaults.tier=Gold", "defaults/tier"),
        ("tick=15", "tick"),
        ("image.digest=latest", "image/digest"),
        ("persistence.enabled=true", "replicas"),
        ("rbac.adopt[0].resource=rollouts", "apiGroup"),
    ] {
        let refused = helm(&["template", "presale", &chart(), "--set", value]);
        let said = format!("{:#}", refused.expect_err(&format!("{value} was taken")));
        assert!(said.contains(words), "{value}: {said}");
    }
}

#[test]
fn the_notes_say_what_to_do_next() -> anyhow::Result<()> {
    let notes = helm(&["install", "presale", &chart(), "--namespace", "presale-system", "--dry-run=client"])?;
    for words in
        ["kubectl -n presale-system rollout status deployment/presale", "It has no Prometheus", "kubectl delete crd"]
    {
        assert!(notes.contains(words), "{words:?} is missing in {notes}");
    }
    Ok(())
}

#[tokio::test]
async fn uninstalling_leaves_crds_and_services_and_takes_the_rest() -> anyhow::Result<()> {
    let server = ApiServer::start(ApiServerOptions::with_controllers(DEPLOYMENT_CONTROLLERS)).await?;
    let kubeconfig = server.kubeconfig().display().to_string();
    let release = |verb: &str, more: &[&str]| {
        let fixed = [verb, "presale", "--namespace", "presale-system", "--kubeconfig", &kubeconfig];
        helm(&fixed.iter().chain(more).copied().collect::<Vec<_>>())
    };
    release("install", &[&chart(), "--create-namespace"])?;
    kubectl(&server, &["wait", "--for=condition=Established", "crd/shopservices.presale.dev", "--timeout=30s"], "")?;
    let example = std::fs::read_to_string(root().join("deploy/examples/adopt-a-deployment.yaml"))?;
    kubectl(&server, &["apply", "-f", "-"], &example)?;
    let ours = [
        "get",
        "deployments,services,serviceaccounts,roles,rolebindings,poddisruptionbudgets,clusterroles,clusterrolebindings",
        "-n",
        "presale-system",
        "-l",
        "app.kubernetes.io/name=presale",
        "-o",
        "name",
    ];
    let installed = kubectl(&server, &ours, "")?;
    assert!(installed.lines().count() >= 8, "{installed}");
    release("uninstall", &["--wait", "--timeout", "60s"])?;
    assert_eq!(kubectl(&server, &ours, "")?.trim(), "");
    let kept = kubectl(&server, &["get", "shopservice", "orders", "-o", "jsonpath={.spec.replicas}"], "")?;
    assert_eq!(kept, r#"{"max":40,"min":2}"#);
    Ok(())
}
