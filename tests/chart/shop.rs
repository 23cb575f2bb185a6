//! The chart of the shop: ten services, a provider for trials, and the ways to PostgreSQL and NATS.

use std::collections::BTreeSet;

use serde_json::Value;
use test_kit::ApiServer;

use crate::manifests::{documents, helm, kubectl, leaves, root};
use crate::schemas::Schemas;

/// Values that differ from the chart's own in every leaf, each to be found again in what is rendered.
const EVERYTHING: &str = "tests/chart/shop.yaml";

const SERVICES: [&str; 10] = [
    "accounts",
    "cart",
    "catalog",
    "gateway",
    "inventory",
    "notifications",
    "orders",
    "payments",
    "pricing",
    "recommendations",
];

pub(crate) fn chart() -> String {
    root().join("deploy/charts/shop").display().to_string()
}

/// The chart's manifests in a namespace, with more flags.
fn render(more: &[&str]) -> anyhow::Result<String> {
    let chart = chart();
    helm(&[&["template", "shop", &chart, "--namespace", "shop"], more].concat())
}

fn shops(rendered: &str) -> anyhow::Result<Vec<Value>> {
    Ok(documents(rendered)?.into_iter().filter(|document| document["kind"] == "ShopService").collect())
}

#[tokio::test]
async fn every_rendered_manifest_is_valid() -> anyhow::Result<()> {
    let server = ApiServer::shared().await?;
    let schemas = Schemas::of(server).await?;
    let namespace = server.namespace().await?;
    let everything = root().join(EVERYTHING).display().to_string();
    for more in [&[][..], &["--values", &everything], &["--set", "postgres.address=10.244.0.1,nats.address=10.244.0.1"]]
    {
        let rendered = render(more)?;
        schemas.check(&rendered)?;
        let here = rendered.replace("namespace: shop\n", &format!("namespace: {namespace}\n"));
        kubectl(server, &["-n", &namespace, "apply", "--dry-run=server", "-f", "-"], &here)?;
    }
    Ok(())
}

#[test]
fn ten_services_are_told_how_to_scale_and_what_to_expose() -> anyhow::Result<()> {
    let rendered = render(&[])?;
    let shops = shops(&rendered)?;
    let names: Vec<_> = shops.iter().filter_map(|shop| shop["metadata"]["name"].as_str()).collect();
    assert_eq!(names.iter().copied().collect::<BTreeSet<_>>(), SERVICES.into_iter().collect());
    for shop in &shops {
        let (name, spec) = (shop["metadata"]["name"].as_str().unwrap_or_default(), &shop["spec"]);
        assert_eq!(spec["expose"].is_object(), name != "gateway", "{name}: all but the way in itself");
        let kind = if name == "notifications" { "Backlog" } else { "RequestRate" };
        assert_eq!(spec["scaling"]["signal"]["type"], kind, "{name}");
        let reads = spec["podTemplate"]["spec"]["automountServiceAccountToken"] == true;
        assert_eq!(reads, name == "gateway", "{name}: nobody else asks the API server");
        // Each has its own database's credential, and none has another's.
        let databases: Vec<_> = spec["env"].as_array().into_iter().flatten().filter_map(database).collect();
        assert_eq!(databases, if name == "gateway" { vec![] } else { vec![name] });
    }
    Ok(())
}

/// Whose database a variable opens.
fn database(variable: &Value) -> Option<&str> {
    let reference = &variable["valueFrom"]["secretKeyRef"];
    reference["key"].as_str().filter(|_| reference["name"] == "shop-databases")
}

#[test]
fn every_secret_that_is_asked_for_is_made() -> anyhow::Result<()> {
    let documents = documents(&render(&[])?)?;
    let mut made = BTreeSet::new();
    for secret in documents.iter().filter(|document| document["kind"] == "Secret") {
        let name = secret["metadata"]["name"].as_str().unwrap_or_default();
        let keys = [&secret["data"], &secret["stringData"]].into_iter().filter_map(Value::as_object).flatten();
        made.extend(keys.map(|(key, _)| format!("{name}/{key}")));
    }
    let mut asked = BTreeSet::new();
    for document in &documents {
        references(document, &mut asked);
    }
    assert_eq!(asked, made, "those that are used, and those that are there");
    Ok(())
}

fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            if let Some(reference) = map.get("secretKeyRef") {
                let word = |key: &str| reference[key].as_str().unwrap_or_default();
                found.insert(format!("{}/{}", word("name"), word("key")));
            }
            map.values().for_each(|inner| references(inner, found));
        }
        Value::Array(items) => items.iter().for_each(|inner| references(inner, found)),
        _ => {}
    }
}

#[test]
fn every_value_reaches_a_manifest() -> anyhow::Result<()> {
    let read = |path: &str| -> anyhow::Result<Value> {
        Ok(serde_norway::from_str(&std::fs::read_to_string(root().join(path))?)?)
    };
    let (own, changed) = (read("deploy/charts/shop/values.yaml")?, read(EVERYTHING)?);
    let rendered = render(&["--values", &root().join(EVERYTHING).display().to_string()])?;
    let (mut declared, mut set) = (Vec::new(), Vec::new());
    leaves(&own, "", &mut declared);
    leaves(&changed, "", &mut set);
    for (path, _) in &declared {
        assert!(set.iter().any(|(other, _)| other.starts_with(path.as_str())), "{EVERYTHING} does not set {path}");
    }
    for (path, value) in set.iter().filter(|(path, _)| !path.starts_with("/keys/")) {
        assert!(rendered.contains(value.as_str()), "{path}={value} reaches no manifest");
    }
    let stated = render(&["--set", "keys.adminToken=let-me-in"])?;
    assert!(stated.contains("admin-token: bGV0LW1lLWlu"), "what is stated is taken");
    Ok(())
}

#[test]
fn bad_values_are_refused_by_name() {
    for (value, words) in [
        ("psp.simulator=false", "psp/url"),
        ("services.orders.tier=Gold", "services/orders/tier"),
        ("services.orders.min=0", "services/orders/min"),
        ("services.checkout.min=1", "checkout"),
        ("postgres.address=database.example", "postgres/address"),
        ("keys.quoteKey=short", "keys/quoteKey"),
        ("backlog.clearWithin=2", "backlog/clearWithin"),
        ("gateway.service.type=Ingress", "gateway/service/type"),
    ] {
        let refused = render(&["--set", value]);
        let said = format!("{:#}", refused.expect_err(&format!("{value} was taken")));
        assert!(said.contains(words), "{value}: {said}");
    }
}

#[test]
fn the_notes_say_what_to_do_next() -> anyhow::Result<()> {
    let notes = helm(&["install", "shop", &chart(), "--namespace", "shop", "--dry-run=client"])?;
    for words in ["kubectl -n shop get shop", "port-forward service/shop", "no money moves", "orders, payments"] {
        assert!(notes.contains(words), "{words:?} is missing in {notes}");
    }
    Ok(())
}
