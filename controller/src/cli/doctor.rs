//! `presale doctor`: checks what Presale needs, one line per check, each failure with its cure.

use std::process::ExitCode;

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};
use presale_crds::ShopService;
use serde::Serialize;

use super::cluster::Cluster;
use super::operator_address::OperatorAddress;
use super::output::{Output, columns};

/// Arguments of `presale doctor`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    operator: OperatorAddress,
    #[command(flatten)]
    cluster: Cluster,
}

/// One check.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Check {
    name: String,
    passed: bool,
    found: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    cure: String,
}

impl Check {
    fn good(name: impl Into<String>, found: impl Into<String>) -> Self {
        Self { name: name.into(), passed: true, found: found.into(), cure: String::new() }
    }

    fn bad(name: impl Into<String>, found: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { name: name.into(), passed: false, found: found.into(), cure: cure.into() }
    }
}

/// Runs every check; the exit code is 1 where one fails.
///
/// # Errors
/// When there is no cluster to ask.
pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Args { output, operator, cluster } = args;
    let (client, _) = cluster.connect().await?;
    let mut checks = vec![server(&client).await];
    for kind in ["shopservices.presale.dev", "promotionevents.presale.dev"] {
        checks.push(definition(&client, kind).await);
    }
    checks.push(service(&client, &operator).await);
    checks.push(readiness(&client, &operator).await);
    checks.extend(shops(&client).await);
    output.print(&checks, |checks| {
        let mut rows = vec![["", "CHECK", "FOUND", "CURE"].map(str::to_owned)];
        let mark = |check: &Check| if check.passed { "✓" } else { "✗" }.to_owned();
        rows.extend(checks.iter().map(|c| [mark(c), c.name.clone(), c.found.clone(), c.cure.clone()]));
        columns(&rows)
    })?;
    Ok(if checks.iter().all(|check| check.passed) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn server(client: &Client) -> Check {
    match client.apiserver_version().await {
        Ok(info) => Check::good("API server", info.git_version),
        Err(error) => Check::bad("API server", error.to_string(), "set KUBECONFIG to a cluster that answers"),
    }
}

async fn definition(client: &Client, name: &str) -> Check {
    let cure = "kubectl apply -f crds/ (or helm install presale deploy/charts/presale)";
    match Api::<CustomResourceDefinition>::all(client.clone()).get_opt(name).await {
        Ok(Some(found)) => {
            let established = found.status.iter().flat_map(|s| s.conditions.iter().flatten());
            if established.into_iter().any(|c| c.type_ == "Established" && c.status == "True") {
                Check::good(format!("CRD {name}"), "established")
            } else {
                Check::bad(format!("CRD {name}"), "not established", format!("kubectl describe crd {name}"))
            }
        }
        Ok(None) => Check::bad(format!("CRD {name}"), "missing", cure),
        Err(error) => Check::bad(format!("CRD {name}"), error.to_string(), cure),
    }
}

async fn service(client: &Client, operator: &OperatorAddress) -> Check {
    let OperatorAddress { operator_namespace: namespace, operator_service: name } = operator;
    let cure = format!("helm install presale deploy/charts/presale -n {namespace} --create-namespace");
    match Api::<Service>::namespaced(client.clone(), namespace).get_opt(name).await {
        Ok(Some(_)) => Check::good("operator", format!("Service {namespace}/{name}")),
        Ok(None) => Check::bad("operator", format!("no Service {namespace}/{name}"), cure),
        Err(error) => Check::bad("operator", error.to_string(), cure),
    }
}

async fn readiness(client: &Client, operator: &OperatorAddress) -> Check {
    let namespace = &operator.operator_namespace;
    match operator.get::<serde_json::Value>(client, "/readyz").await {
        Ok(report) => Check::good("operator is ready", report.to_string()),
        Err(error) => Check::bad(
            "operator is ready",
            format!("{error:#}"),
            format!("kubectl logs -n {namespace} deploy/{}", operator.operator_service),
        ),
    }
}

/// Conditions of services that call for a person.
async fn shops(client: &Client) -> Vec<Check> {
    let found = match Api::<ShopService>::all(client.clone()).list(&ListParams::default()).await {
        Ok(found) => found.items,
        Err(error) => return vec![Check::bad("ShopServices", error.to_string(), "see the checks above")],
    };
    found.iter().map(shop).collect()
}

fn shop(shop: &ShopService) -> Check {
    let name = format!("ShopService {}/{}", shop.namespace().unwrap_or_default(), shop.name_any());
    let conditions = shop.status.as_ref().map(|s| s.conditions.as_slice()).unwrap_or_default();
    if conditions.is_empty() {
        return Check::bad(name, "no operator has looked at it", "see the checks above");
    }
    let wrong = conditions.iter().find(|condition| match condition.type_.as_str() {
        "Ready" | "MetricsAvailable" | "Healthy" => condition.status == "False",
        "Conflict" | "CapacityBlocked" => condition.status == "True",
        _ => false,
    });
    match wrong {
        None => Check::good(name, "well"),
        Some(condition) => {
            let cure = match condition.type_.as_str() {
                "Conflict" => "remove the other owner of the target, or this ShopService",
                "MetricsAvailable" => "check spec.scaling.signal, and that Prometheus scrapes the service",
                "CapacityBlocked" => "add nodes, or lower resources.requests",
                _ => "kubectl describe it, and `presale explain`",
            };
            Check::bad(name, format!("{} {}: {}", condition.type_, condition.reason, condition.message), cure)
        }
    }
}
