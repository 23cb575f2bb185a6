//! JSON schemas for kubeconform, made from what a real API server publishes, our CRDs included.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use test_kit::{ApiServer, tool};

use crate::manifests::{feed, kubectl, root};

/// A folder of schemas, one per kind.
#[derive(Debug)]
pub(crate) struct Schemas {
    folder: TempDir,
}

impl Schemas {
    /// Installs our CRDs on the server and writes the schemas of all kinds that it serves.
    pub(crate) async fn of(server: &ApiServer) -> anyhow::Result<Self> {
        kubectl(server, &["apply", "--server-side", "-f", &root().join("crds").display().to_string()], "")?;
        let mut definitions = published(server).await?;
        for definition in definitions.as_object_mut().into_iter().flat_map(|map| map.values_mut()) {
            tighten(definition);
        }
        // OpenAPI calls a quantity a string; the API server takes numbers as well.
        definitions["io.k8s.apimachinery.pkg.api.resource.Quantity"]["type"] = json!(["string", "number"]);
        let schemas = Self { folder: tempfile::tempdir()? };
        for (name, definition) in definitions.as_object().into_iter().flatten() {
            for kind in definition["x-kubernetes-group-version-kind"].as_array().into_iter().flatten() {
                std::fs::write(
                    schemas.path(kind),
                    json!({"$ref": format!("definitions.json#/definitions/{name}")}).to_string(),
                )?;
            }
        }
        let all = json!({ "definitions": definitions });
        std::fs::write(schemas.folder.path().join("definitions.json"), all.to_string())?;
        Ok(schemas)
    }

    /// Where kubeconform looks for a kind: it calls the core group by its version.
    fn path(&self, kind: &Value) -> PathBuf {
        let word = |key: &str| kind[key].as_str().unwrap_or_default();
        let group = if word("group").is_empty() { word("version") } else { word("group") };
        self.folder.path().join(format!("{}-{group}-{}.json", word("kind").to_lowercase(), word("version")))
    }

    /// Checks a stream of manifests; the kind of another operator has no schema here.
    pub(crate) fn check(&self, manifests: &str) -> anyhow::Result<()> {
        let location = self.folder.path().join("{{.ResourceKind}}-{{.Group}}-{{.ResourceAPIVersion}}.json");
        let mut command = Command::new(tool("kubeconform")?);
        command.args(["-summary", "-skip", "ServiceMonitor", "-schema-location"]).arg(location).arg("-");
        let said = feed(command, manifests).context("kubeconform")?;
        ensure!(said.contains("Invalid: 0, Errors: 0") && !said.contains("Valid: 0,"), "{said}");
        Ok(())
    }
}

/// Definitions of the OpenAPI document, once it tells of our kinds: CRDs are published a moment after they are taken.
async fn published(server: &ApiServer) -> anyhow::Result<Value> {
    for _ in 0..60 {
        let document: Value = serde_json::from_str(&kubectl(server, &["get", "--raw", "/openapi/v2"], "")?)?;
        let definitions = &document["definitions"];
        if ["ShopService", "PromotionEvent"]
            .iter()
            .all(|kind| definitions[format!("dev.presale.v1alpha1.{kind}")].is_object())
        {
            return Ok(definitions.clone());
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    anyhow::bail!("the API server did not publish our kinds within 30 s")
}

/// Refuses unknown fields where all are known, and takes numbers for what is a number or a string.
fn tighten(schema: &mut Value) {
    if schema["format"] == "int-or-string" || schema["x-kubernetes-int-or-string"] == true {
        *schema = json!({"type": ["string", "integer"]});
        return;
    }
    let open = schema["x-kubernetes-preserve-unknown-fields"] == true || schema.get("additionalProperties").is_some();
    let Some(map) = schema.as_object_mut() else { return };
    if let Some(properties) = map.get_mut("properties").and_then(Value::as_object_mut) {
        properties.values_mut().for_each(tighten);
        if !open {
            map.insert("additionalProperties".to_owned(), json!(false));
        }
    }
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = map.get_mut(key).filter(|inner| inner.is_object()) {
            tighten(inner);
        }
    }
}
