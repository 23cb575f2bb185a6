//! `presale doctor`: everything that must be right for the operator to act, each fault with its cure.

use std::fmt::Write;
use std::process::ExitCode;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};
use presale_crds::{ConditionType, ShopService};
use serde::Serialize;

use super::conditions::condition;
use super::exit;
use super::output::{Output, columns};
use super::reach::{Place, Reach, kubeconfig};
use crate::readiness::Report;

/// Arguments of `presale doctor`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Look at the services of all namespaces
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    reach: Reach,
    #[command(flatten)]
    output: Output,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    check: String,
    ok: bool,
    found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    cure: Option<String>,
}

impl Finding {
    fn good(check: impl Into<String>, found: impl Into<String>) -> Self {
        Self { check: check.into(), ok: true, found: found.into(), cure: None }
    }

    fn bad(check: impl Into<String>, found: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { check: check.into(), ok: false, found: found.into(), cure: Some(cure.into()) }
    }
}

/// Looks at everything.
///
/// # Errors
/// Only where stdout is closed: whatever else fails is a finding.
pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let findings = examine(&args).await;
    args.output.print(&findings, |findings| table(findings))?;
    Ok(if findings.iter().all(|finding| finding.ok) { ExitCode::SUCCESS } else { ExitCode::from(exit::FOUND_WRONG) })
}

async fn examine(args: &Args) -> Vec<Finding> {
    let mut findings = Vec::new();
    let config = match kubeconfig().await {
        Ok(config) => config,
        Err(error) => {
            let cure = "set KUBECONFIG, or run inside of the cluster";
            return vec![Finding::bad("kubeconfig", error.to_string(), cure)];
        }
    };
    let namespace = args.place.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
    let client = match server(config).await {
        Ok((client, version)) => {
            findings.push(Finding::good("API server", version));
            client
        }
        Err(found) => {
            let cure = "check that the server runs and that the kubeconfig names it";
            findings.push(Finding::bad("API server", found, cure));
            return findings;
        }
    };
    for kind in ["shopservices", "promotionevents"] {
        findings.push(definition(&client, kind).await);
    }
    operator(&client, &args.reach, &mut findings).await;
    findings.push(resize(&client).await);
    let shops: Api<ShopService> =
        if args.all_namespaces { Api::all(client) } else { Api::namespaced(client, &namespace) };
    match shops.list(&ListParams::default()).await {
        Ok(list) if list.items.is_empty() => findings.push(Finding::good("services", "there is none here yet")),
        Ok(list) => findings.extend(list.items.iter().flat_map(service)),
        Err(error) => findings.push(Finding::bad(
            "services",
            error.to_string(),
            "install the CRDs (`helm install`, or `kubectl apply -f crds/`), or ask for the right to list shopservices",
        )),
    }
    findings
}

async fn server(config: kube::Config) -> Result<(Client, String), String> {
    let client = presale_cluster::connect(config).map_err(|error| error.to_string())?;
    let patience = std::time::Duration::from_secs(5);
    match tokio::time::timeout(patience, client.apiserver_version()).await {
        Ok(Ok(version)) => Ok((client, version.git_version)),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_elapsed) => Err("no answer within 5 s".to_owned()),
    }
}

async fn definition(client: &Client, plural: &str) -> Finding {
    let name = format!("{plural}.{}", presale_crds::GROUP);
    let check = format!("CRD {name}");
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let install = "install it: `helm upgrade --install` of the chart, or `kubectl apply -f crds/`";
    match definitions.get_opt(&name).await {
        Ok(Some(found)) => {
            let established = found.status.iter().flat_map(|s| s.conditions.iter().flatten());
            let established = established.into_iter().any(|c| c.type_ == "Established" && c.status == "True");
            let served = found.spec.versions.iter().any(|v| v.name == presale_crds::VERSION && v.served);
            match (established, served) {
                (true, true) => Finding::good(check, format!("serves {}", presale_crds::VERSION)),
                (false, _) => Finding::bad(check, "is not established", "look at its conditions: kubectl describe crd"),
                (_, false) => Finding::bad(check, format!("does not serve {}", presale_crds::VERSION), install),
            }
        }
        Ok(None) => Finding::bad(check, "is not installed", install),
        Err(error) => Finding::bad(check, error.to_string(), "ask for the right to read customresourcedefinitions"),
    }
}

/// Whether a warm reserve can shrink its pods here; without, it only cuts them off, which is no fault where nobody has one.
async fn resize(client: &Client) -> Finding {
    let check = "pods/resize";
    match presale_cluster::reserve::can_resize(client).await {
        Ok(true) => Finding::good(check, "is served: a warm reserve shrinks its pods in place"),
        Ok(false) => Finding::good(check, "is not served: a warm reserve cuts pods off without shrinking them"),
        Err(error) => Finding::bad(check, error.to_string(), "ask for the right to discover the API's resources"),
    }
}

async fn operator(client: &Client, reach: &Reach, findings: &mut Vec<Finding>) {
    let start = "see `kubectl -n NAMESPACE logs deploy/presale`; name it by --operator-namespace or --operator";
    let asked = async { reach.operator(client).await?.get::<Report>("/readyz").await };
    match asked.await {
        Ok(report) => {
            let found = if report.leads { "answers, ready, leads" } else { "answers, ready, follows" };
            findings.push(Finding::good("operator", found));
            for words in report.missing {
                findings.push(Finding::bad("operator", words, "see its logs; it goes on by itself once that is there"));
            }
            if report.degraded.is_empty() {
                findings.push(Finding::good("Prometheus", "answers the operator"));
            }
            for words in report.degraded {
                let cure =
                    "check --prometheus-url, its token, CA and tenant header, and that the operator may reach it";
                findings.push(Finding::bad("Prometheus", words, cure));
            }
        }
        Err(error) => findings.push(Finding::bad("operator", format!("{error:#}"), start)),
    }
}

/// What a service's conditions say is wrong.
fn service(shop: &ShopService) -> Vec<Finding> {
    let name = format!("{}/{}", shop.namespace().unwrap_or_default(), shop.name_any());
    let Some(status) = &shop.status else {
        return vec![Finding::bad(name, "no status yet", "is the operator running, and does it watch this namespace?")];
    };
    let faults = [
        (ConditionType::Ready, "True", "see the pods: kubectl describe pod"),
        (
            ConditionType::MetricsAvailable,
            "True",
            "see that the pods are scraped, with labels namespace, service and pod as the operator expects them; or write spec.scaling.signal",
        ),
        (
            ConditionType::CapacityBlocked,
            "False",
            "add nodes or quota, correct the image, or lower spec.resources.requests",
        ),
        (ConditionType::Healthy, "True", "see status.health; where all pods are slow raise spec.replicas.max"),
        (ConditionType::ScalingLimited, "False", "raise spec.replicas.max, or loosen spec.scaling.behavior"),
        (ConditionType::Conflict, "False", "remove the other owner, or this ShopService"),
        (
            ConditionType::ReserveHeld,
            "True",
            "see `presale explain NAME`; guarantee Reserved keeps room for the way back, Kubernetes 1.33 and above shrinks pods in place, and without a cure the reserve works, larger or slower than it could",
        ),
        (
            ConditionType::Paused,
            "False",
            "kubectl annotate shop NAME presale.dev/paused-; or set spec.scaling.mode to Auto",
        ),
    ];
    let mut findings: Vec<Finding> = faults
        .into_iter()
        .filter_map(|(kind, good, cure)| {
            let found = condition(&status.conditions, kind).filter(|c| c.status != good && c.status != "Unknown")?;
            let words = format!("{} {}: {}", found.type_, found.reason, found.message);
            Some(Finding::bad(name.clone(), words, cure.replace("NAME", &shop.name_any())))
        })
        .collect();
    if findings.is_empty() {
        let decision = status.last_decision.as_ref().map(|d| d.message.clone()).unwrap_or_default();
        findings.push(Finding::good(name, decision));
    }
    findings
}

fn table(findings: &[Finding]) -> String {
    // As wide whether or not anything is wrong, so that two runs can be compared line by line.
    let word = |finding: &Finding| if finding.ok { "ok " } else { "BAD" }.to_owned();
    let rows: Vec<_> = findings.iter().map(|f| [word(f), f.check.clone(), f.found.clone()]).collect();
    let mut text = String::new();
    for (finding, line) in findings.iter().zip(columns(&rows).lines()) {
        let _infallible = writeln!(text, "{line}");
        if let Some(cure) = &finding.cure {
            let _infallible = writeln!(text, "     cure: {cure}");
        }
    }
    let bad = findings.iter().filter(|finding| !finding.ok).count();
    let _infallible = match bad {
        0 => writeln!(text, "everything is as it should be"),
        1 => writeln!(text, "1 thing is wrong"),
        n => writeln!(text, "{n} things are wrong"),
    };
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_column_is_as_wide_whether_or_not_anything_is_wrong() {
        let good = || Finding::good("API server", "v1.36.2");
        let alone = table(&[good()]);
        let beside_a_fault = table(&[good(), Finding::bad("operator", "no answer", "see its logs")]);
        assert_eq!(alone.lines().next(), Some("ok   API server  v1.36.2"));
        assert_eq!(alone.lines().next(), beside_a_fault.lines().next());
    }

    #[test]
    fn every_fault_of_a_service_comes_with_its_cure() {
        let condition = |kind: &str, status: &str| json!({"type": kind, "status": status, "reason": "R", "message": "m", "lastTransitionTime": "2026-11-27T19:00:00Z"});
        let shop: ShopService = serde_json::from_value(json!({
            "apiVersion": "presale.dev/v1alpha1", "kind": "ShopService",
            "metadata": {"name": "catalog", "namespace": "shop"},
            "spec": {"image": "a", "replicas": {"min": 1, "max": 2}},
            "status": {"conditions": [
                condition("Ready", "True"), condition("MetricsAvailable", "False"), condition("Paused", "True")]}
        }))
        .unwrap();
        let findings = service(&shop);
        assert_eq!(findings.len(), 2);
        assert!(findings.iter().all(|finding| !finding.ok && finding.cure.is_some()));
        let text = table(&findings);
        assert!(text.contains("kubectl annotate shop catalog presale.dev/paused-"), "{text}");
        assert!(text.ends_with("2 things are wrong\n"), "{text}");
    }
}
