//! Good objects, each taken by the real API server and unchanged by the round trip; and CRDs that install as they are.

use std::process::Command;

use crate::cases::{Accepted, Verb, crds, named, read, root, send, server};
use anyhow::{Context, ensure};
use presale_crds::{PromotionEventSpec, ShopServiceSpec};
use presale_models::holidays::Holidays;
use serde_json::{Value, json};
use test_kit::{ApiServer, ApiServerOptions};

const FILES: [&str; 2] = ["accepted/shop_service.yaml", "accepted/promotion_event.yaml"];

/// The largest object that `kubectl apply` can carry in its annotation.
const APPLY_LIMIT: u64 = 256 * 1024;

fn object(kind: &str, name: &str, spec: &Value) -> Value {
    named(json!({"apiVersion": "presale.dev/v1alpha1", "kind": kind, "metadata": {}, "spec": spec}), name)
}

/// The spec read into our type and written again.
fn through_rust(kind: &str, spec: &Value) -> anyhow::Result<Value> {
    Ok(match kind {
        "ShopService" => serde_json::to_value(serde_json::from_value::<ShopServiceSpec>(spec.clone())?)?,
        _ => serde_json::to_value(serde_json::from_value::<PromotionEventSpec>(spec.clone())?)?,
    })
}

/// What is left of a spec when empty lists and objects count as absent, as they mean the same in both kinds.
fn without_empty(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.iter().map(|(name, inner)| (name.clone(), without_empty(inner)));
            Value::Object(kept.filter(|(_, inner)| *inner != json!({}) && *inner != json!([])).collect())
        }
        other => other.clone(),
    }
}

#[tokio::test]
async fn every_good_object_comes_back_as_it_was_written() -> anyhow::Result<()> {
    let (client, namespace) = server().await?;
    let mut count = 0;
    for path in FILES {
        let file: Accepted = read(path)?;
        for (number, (what, spec)) in file.specs.iter().enumerate() {
            let sent = object(&file.kind, &format!("good-{number}"), spec);
            send(&client, &namespace, Verb::Create, &sent).await.with_context(|| format!("{path}: {what}"))?;
            let held = send(&client, &namespace, Verb::Read, &sent).await?;
            ensure!(held["spec"] == *spec, "{path}: {what}: came back as {}", held["spec"]);
            let ours = through_rust(&file.kind, &held["spec"]).with_context(|| format!("{path}: {what}"))?;
            ensure!(without_empty(&ours) == without_empty(spec), "{path}: {what}: our types made it {ours}");
            count += 1;
        }
    }
    println!("{count} good objects unchanged");
    assert!(count >= 20, "only {count} cases");
    Ok(())
}

#[tokio::test]
async fn every_good_change_is_taken() -> anyhow::Result<()> {
    let (client, namespace) = server().await?;
    let mut count = 0;
    for path in FILES {
        let file: Accepted = read(path)?;
        for (number, (what, [before, after])) in file.changes.iter().enumerate() {
            let first = object(&file.kind, &format!("change-{number}"), before);
            let mut held = send(&client, &namespace, Verb::Create, &first).await?;
            held["spec"] = after.clone();
            let taken =
                send(&client, &namespace, Verb::Replace, &held).await.with_context(|| format!("{path}: {what}"))?;
            assert_eq!(taken["spec"], *after, "{path}: {what}");
            count += 1;
        }
    }
    assert!(count >= 2, "only {count} changes");
    Ok(())
}

#[tokio::test]
async fn both_crds_install_with_plain_kubectl_apply_and_explain_themselves() -> anyhow::Result<()> {
    let server = ApiServer::start(ApiServerOptions::default()).await?;
    let kubectl = |arguments: &[&str]| -> anyhow::Result<String> {
        let output = Command::new(test_kit::tool("kubectl")?)
            .arg("--kubeconfig")
            .arg(server.kubeconfig())
            .args(arguments)
            .current_dir(root())
            .output()?;
        ensure!(output.status.success(), "kubectl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        let warnings = String::from_utf8_lossy(&output.stderr);
        ensure!(!warnings.contains("Warning"), "kubectl {arguments:?} warns: {warnings}");
        Ok(String::from_utf8(output.stdout)?)
    };
    for plural in ["shopservices", "promotionevents"] {
        let file = format!("crds/{plural}.yaml");
        assert!(std::fs::metadata(root().join(&file))?.len() < APPLY_LIMIT, "{file} is too large for kubectl apply");
        kubectl(&["apply", "-f", &file])?;
        kubectl(&["wait", "--for=condition=Established", &format!("crd/{plural}.presale.dev"), "--timeout=30s"])?;
    }
    // The API server publishes what a CRD says of itself a moment after it is established.
    let mut explained = kubectl(&["explain", "shopservices.spec.scaling"]);
    for _ in 0..30 {
        if explained.is_ok() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        explained = kubectl(&["explain", "shopservices.spec.scaling"]);
    }
    let explained = explained?;
    for words in [
        "leadTime\t<string>",
        "Range 1s to 1h. Default: learned",
        "enum: Critical, Standard, BestEffort",
        "Default Auto.",
    ] {
        assert!(
            explained.split_whitespace().collect::<Vec<_>>().join(" ").contains(&words.replace('\t', " ")),
            "{words:?} is missing in:\n{explained}"
        );
    }
    Ok(())
}

#[test]
fn the_columns_are_those_that_the_design_names() -> anyhow::Result<()> {
    let columns = |number: usize, wide: bool| -> anyhow::Result<Vec<String>> {
        let crd = crds()?.swap_remove(number);
        let columns = crd.spec.versions[0].additional_printer_columns.clone().unwrap_or_default();
        let chosen = columns.into_iter().filter(|column| (column.priority.unwrap_or(0) > 0) == wide);
        Ok(chosen.map(|column| column.name.to_uppercase()).collect())
    };
    assert_eq!(columns(0, false)?, ["MODE", "MIN", "NOW", "NEXT", "MAX", "READY", "FORECAST", "PROMO", "AGE"]);
    assert_eq!(columns(0, true)?, ["P95-PEAK", "LEAD", "IMAGE", "REASON"]);
    assert_eq!(columns(1, false)?, ["PHASE", "KIND", "START", "ZONE", "DURATION", "FEASIBLE", "AGE"]);
    Ok(())
}

/// Paths of fields without a description; what Kubernetes itself describes is checked as well.
fn undescribed(schema: &Value, path: &str, found: &mut Vec<String>, seen: &mut usize) {
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        *seen += 1;
        if field["description"].as_str().is_none_or(|text| text.trim().len() < 4) {
            found.push(path.clone());
        }
        undescribed(field, &path, found, seen);
        undescribed(&field["items"], &format!("{path}[]"), found, seen);
    }
}

#[test]
fn every_field_says_what_it_is() -> anyhow::Result<()> {
    let (mut found, mut seen) = (Vec::new(), 0);
    for crd in crds()? {
        let schema = serde_json::to_value(&crd.spec.versions[0].schema)?;
        undescribed(&schema["openAPIV3Schema"], &crd.spec.names.kind, &mut found, &mut seen);
    }
    assert!(found.is_empty(), "no description: {found:?}");
    assert!(seen > 150, "only {seen} fields: the walk over the schemas is broken");
    Ok(())
}

#[test]
fn every_country_that_the_api_takes_has_holidays() {
    for country in presale_crds::COUNTRIES {
        let known = Holidays::of(Some(country), 2026..=2026);
        assert_ne!(known, Holidays::default(), "{country} would change nothing");
    }
}
