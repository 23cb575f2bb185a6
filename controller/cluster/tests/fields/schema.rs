//! The fields of a CRD, read from the schema that the API server enforces.

use std::collections::BTreeSet;

use kube::CustomResourceExt;
use serde_json::Value;

/// Paths of all fields below `part` of the objects: lists end in `[]`, maps in `{}`, what may hold anything is one field.
pub(crate) fn leaves<K: CustomResourceExt>(part: &str) -> BTreeSet<String> {
    let crd = serde_json::to_value(K::crd()).expect("a CRD is JSON");
    let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"][part];
    let mut found = BTreeSet::new();
    walk(schema, "", &mut found);
    found
}

fn walk(schema: &Value, path: &str, found: &mut BTreeSet<String>) {
    if let Some(properties) = schema["properties"].as_object() {
        for (name, below) in properties {
            walk(below, format!("{path}.{name}").trim_start_matches('.'), found);
        }
    } else if schema["type"] == "array" {
        walk(&schema["items"], &format!("{path}[]"), found);
    } else if schema["additionalProperties"].is_object() {
        found.insert(format!("{path}{{}}"));
    } else {
        found.insert(path.to_owned());
    }
}
