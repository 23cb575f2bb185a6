//! The files made from the API types: pure, path to text.

use std::collections::BTreeMap;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use serde_json::Value;

use crate::{PromotionEvent, ShopService};

/// Where the CRDs lie in the repository: for `kubectl apply -f crds/`, and in the Helm chart, which installs them
/// first and leaves them in place on uninstall.
const DIRECTORIES: [&str; 2] = ["crds", "deploy/charts/presale/crds"];

/// Why a CRD could not be rendered.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// The schema of a kind is no JSON value.
    #[error("turn the CRD of {kind} into JSON")]
    ToJson {
        /// The kind.
        kind: &'static str,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The JSON of a kind does not print as YAML.
    #[error("print the CRD of {kind} as YAML")]
    ToYaml {
        /// The kind.
        kind: &'static str,
        /// Why.
        #[source]
        source: serde_norway::Error,
    },
}

/// Every generated file: path from the repository's root, and text.
///
/// # Errors
/// [`RenderError`] where a type has a schema that does not serialize; its tests would have failed before.
pub fn render() -> Result<BTreeMap<String, String>, RenderError> {
    let kinds = [
        ("ShopService", "shopservices", ShopService::crd()),
        ("PromotionEvent", "promotionevents", PromotionEvent::crd()),
    ];
    let mut files = BTreeMap::new();
    for (kind, plural, crd) in kinds {
        let text = to_yaml(kind, crd)?;
        for directory in DIRECTORIES {
            files.insert(format!("{directory}/{plural}.yaml"), text.clone());
        }
    }
    Ok(files)
}

fn to_yaml(kind: &'static str, crd: CustomResourceDefinition) -> Result<String, RenderError> {
    let mut crd = serde_json::to_value(crd).map_err(|source| RenderError::ToJson { kind, source })?;
    adapt(&mut crd);
    let body = serde_norway::to_string(&crd).map_err(|source| RenderError::ToYaml { kind, source })?;
    Ok(format!("# Generated from crds/src by `make generate`; edit the types there.\n{body}"))
}

/// Adapts schemas to what the API server and `kubectl explain` expect. Kubernetes knows signed formats only and warns of
/// others (`minimum` already says that nothing is negative); explain breaks lines itself, and reads no Markdown.
fn adapt(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (key, value) in map.iter_mut() {
                match (key.as_str(), value.as_str()) {
                    ("format", Some("uint8" | "uint16" | "uint32")) => *value = "int32".into(),
                    ("format", Some("uint64" | "uint")) => *value = "int64".into(),
                    ("description", Some(text)) => *value = plain(text).into(),
                    _ => adapt(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(adapt),
        _ => {}
    }
}

/// A doc comment as `kubectl explain` shows it: one paragraph, without the marks of code and links.
fn plain(text: &str) -> String {
    text.replace("[`", "").replace("`]", "").replace('`', "").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_carry_no_markdown() {
        assert_eq!(plain("Shows [`Mode`] of\n`PodDisruptionBudget`."), "Shows Mode of PodDisruptionBudget.");
        for (path, text) in render().expect("the types render") {
            let marked = text.lines().find(|line| line.contains("description:") && line.contains('`'));
            assert_eq!(marked, None, "{path}");
        }
    }
}
