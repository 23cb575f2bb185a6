//! Bad objects, each refused by the real API server in words that name the field and the cure.

use std::collections::BTreeSet;

use crate::cases::{Case, Refused, Verb, crds, lay_over, named, read, send, server};
use kube::Client;
use serde_json::Value;

const FILES: [&str; 2] = ["refused/shop_service.yaml", "refused/promotion_event.yaml"];

/// Why the server's answer is not what the case wants; `None` where it is.
fn fault(case: &Case, answer: kube::Result<Value>) -> Option<String> {
    let about = format!("{} {}", case.field, serde_json::to_string(&case.set).unwrap_or_default());
    match answer {
        Ok(_) => Some(format!("{about}\n  was accepted")),
        Err(kube::Error::Api(status)) if matches!(status.code, 400 | 422) => {
            let missing: Vec<_> = case.says.iter().filter(|words| !status.message.contains(*words)).collect();
            (!missing.is_empty()).then(|| format!("{about}\n  lacks {missing:?}\n  says  {}", status.message))
        }
        Err(other) => Some(format!("{about}\n  failed otherwise: {other}")),
    }
}

async fn faults_of_cases(client: &Client, namespace: &str, file: &Refused) -> anyhow::Result<Vec<String>> {
    let mut faults = Vec::new();
    for case in &file.cases {
        let mut object = named(file.base.clone(), "bad");
        lay_over(&mut object, &case.set);
        faults.extend(fault(case, send(client, namespace, Verb::TryCreate, &object).await));
    }
    for (number, case) in file.changes.iter().enumerate() {
        let mut object = named(file.base.clone(), &format!("change-{number}"));
        lay_over(&mut object, case.before.as_ref().unwrap_or(&Value::Object(serde_json::Map::new())));
        let mut held = send(client, namespace, Verb::Create, &object).await?;
        lay_over(&mut held, &case.set);
        faults.extend(fault(case, send(client, namespace, Verb::Replace, &held).await));
    }
    Ok(faults)
}

#[tokio::test]
async fn every_bad_object_is_refused_by_a_message_that_names_field_and_cure() -> anyhow::Result<()> {
    let (client, namespace) = server().await?;
    let (mut count, mut faults) = (0, Vec::new());
    for path in FILES {
        let file: Refused = read(path)?;
        send(&client, &namespace, Verb::TryCreate, &named(file.base.clone(), "base")).await?;
        count += file.cases.len() + file.changes.len();
        faults.extend(faults_of_cases(&client, &namespace, &file).await?);
    }
    assert!(faults.is_empty(), "{} of {count} cases:\n{}", faults.len(), faults.join("\n"));
    println!("{count} bad objects refused");
    assert!(count >= 60, "only {count} cases");
    Ok(())
}

/// Paths of all fields below `spec`, without list indices; fields whose schema is Kubernetes' own are leaves.
fn fields(schema: &Value, path: &str, found: &mut BTreeSet<String>) {
    let inner = if schema["type"] == "array" { &schema["items"] } else { schema };
    match inner["properties"].as_object() {
        Some(properties) if path != "spec.env" => {
            for (name, field) in properties {
                fields(field, &format!("{path}.{name}"), found);
            }
        }
        _ => {
            found.insert(path.to_owned());
        }
    }
}

#[test]
fn each_declared_field_has_a_bad_value_that_is_refused() -> anyhow::Result<()> {
    for (crd, path) in crds()?.iter().zip(FILES) {
        let file: Refused = read(path)?;
        let cases: BTreeSet<_> = file.cases.iter().chain(&file.changes).map(|case| case.field.clone()).collect();
        let schema = serde_json::to_value(&crd.spec.versions[0].schema)?;
        let mut declared = BTreeSet::new();
        fields(&schema["openAPIV3Schema"]["properties"]["spec"], "spec", &mut declared);
        let without: Vec<_> = declared.difference(&cases).collect();
        assert!(without.is_empty(), "{path} has no case for {without:?}");
        assert!(declared.len() > 15, "only {declared:?} were found: the walk over the schema is broken");
    }
    Ok(())
}

#[test]
fn every_rule_of_ours_says_in_words_what_would_pass() -> anyhow::Result<()> {
    fn rules(value: &Value, found: &mut Vec<Value>) {
        match value {
            Value::Object(map) => {
                found.extend(
                    map.get("x-kubernetes-validations").and_then(Value::as_array).into_iter().flatten().cloned(),
                );
                map.values().for_each(|inner| rules(inner, found));
            }
            Value::Array(items) => items.iter().for_each(|inner| rules(inner, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    for crd in crds()? {
        rules(&serde_json::to_value(crd)?, &mut found);
    }
    assert!(found.len() >= 40, "only {} rules: the walk over the schemas is broken", found.len());
    for rule in found {
        assert!(rule["message"].is_string(), "without words, the server would answer with the rule itself: {rule}");
    }
    Ok(())
}
