//! Rights that the chart grants against those that the code says it uses, both ways.

use std::collections::BTreeSet;

use presale_cluster::rbac::{OWN_NAMESPACE, RULES, Rule};
use serde_json::Value;

use crate::manifests::{documents, render};

/// One right: group, resource, verb.
type Right = (String, String, String);

fn used(rules: &[Rule]) -> BTreeSet<Right> {
    let of_rule =
        |rule: &Rule| rule.verbs.iter().map(|verb| right(rule.group, rule.resource, verb)).collect::<Vec<_>>();
    rules.iter().flat_map(of_rule).collect()
}

fn right(group: &str, resource: &str, verb: &str) -> Right {
    (group.to_owned(), resource.to_owned(), verb.to_owned())
}

fn granted(role: &Value) -> BTreeSet<Right> {
    let words = |rule: &Value, key: &str| -> Vec<String> {
        rule[key].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let mut rights = BTreeSet::new();
    for rule in role["rules"].as_array().into_iter().flatten() {
        for group in words(rule, "apiGroups") {
            for resource in words(rule, "resources") {
                rights.extend(words(rule, "verbs").iter().map(|verb| right(&group, &resource, verb)));
            }
        }
    }
    rights
}

fn role(rendered: &str, kind: &str, name: &str, namespace: Option<&str>) -> anyhow::Result<Value> {
    let found = documents(rendered)?.into_iter().find(|document| {
        document["kind"] == kind
            && document["metadata"]["name"] == name
            && document["metadata"]["namespace"].as_str() == namespace
    });
    found.ok_or_else(|| anyhow::anyhow!("the chart renders no {kind} {name} in {namespace:?}"))
}

#[test]
fn the_chart_grants_what_the_code_uses_and_nothing_else() -> anyhow::Result<()> {
    let rendered = render(None)?;
    assert_eq!(granted(&role(&rendered, "ClusterRole", "presale", None)?), used(RULES));
    assert_eq!(granted(&role(&rendered, "Role", "presale-lease", Some("presale-system"))?), used(OWN_NAMESPACE));
    let narrow = render(Some(crate::ONE_NAMESPACE))?;
    assert_eq!(granted(&role(&narrow, "Role", "presale", Some("shop"))?), used(RULES));
    assert!(role(&narrow, "ClusterRole", "presale", None).is_err(), "one namespace needs no right in the others");
    Ok(())
}
