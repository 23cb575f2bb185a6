//! The cases of the API suites: read from YAML, laid over a base, sent to the real API server.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Patch, PatchParams};
use kube::runtime::conditions::is_crd_established;
use kube::runtime::wait::await_condition;
use kube::{Api, Client, ResourceExt};
use serde::Deserialize;
use serde_json::Value;
use test_kit::ApiServer;

/// A file of objects that must be refused.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Refused {
    /// The object that each case starts from; itself accepted.
    pub(crate) base: Value,
    /// What is laid over the base before it is created.
    pub(crate) cases: Vec<Case>,
    /// What is laid over an object that exists.
    #[serde(default)]
    pub(crate) changes: Vec<Case>,
}

/// One bad object and what must be said about it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    /// Path of the field that the case is about, without list indices.
    pub(crate) field: String,
    /// For changes: what is laid over the base before it is created.
    #[serde(default)]
    pub(crate) before: Option<Value>,
    /// The merge patch that makes it bad.
    pub(crate) set: Value,
    /// Fragments that the answer must contain.
    pub(crate) says: Vec<String>,
}

/// A file of specs that must be taken as they are.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Accepted {
    /// Kind of the objects.
    pub(crate) kind: String,
    /// Specs by what they show.
    pub(crate) specs: BTreeMap<String, Value>,
    /// Pairs of specs by what they show: the first is replaced by the second.
    #[serde(default)]
    pub(crate) changes: BTreeMap<String, [Value; 2]>,
}

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace").to_path_buf()
}

/// Reads a YAML file of this directory.
pub(crate) fn read<T: for<'de> Deserialize<'de>>(path: &str) -> anyhow::Result<T> {
    let path = root().join("tests/control_plane").join(path);
    let text = std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    serde_norway::from_str(&text).with_context(|| format!("understand {}", path.display()))
}

/// The CRDs as they lie in the repository.
pub(crate) fn crds() -> anyhow::Result<Vec<CustomResourceDefinition>> {
    let read = |plural: &str| {
        let path = root().join("crds").join(format!("{plural}.yaml"));
        let text = std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        serde_norway::from_str(&text).with_context(|| format!("understand {}", path.display()))
    };
    ["shopservices", "promotionevents"].into_iter().map(read).collect()
}

/// The shared API server with our CRDs established, a client for this test and a namespace of its own.
pub(crate) async fn server() -> anyhow::Result<(Client, String)> {
    let server = ApiServer::shared().await?;
    let client = server.client().await?;
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    for crd in crds()? {
        let name = crd.name_any();
        api.patch(&name, &PatchParams::apply("api-suite").force(), &Patch::Apply(&crd)).await?;
        await_condition(api.clone(), &name, is_crd_established()).await?;
    }
    Ok((client, server.namespace().await?))
}

/// What to do with an object.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Verb {
    /// Create it as if, and keep nothing.
    TryCreate,
    /// Create it.
    Create,
    /// Put it in the place of the one that exists.
    Replace,
    /// Read it.
    Read,
}

/// Sends an object of one of our kinds, refusing unknown fields as `kubectl apply` does, and returns what the server
/// holds. What is sent is what the YAML says: no Rust type stands between.
pub(crate) async fn send(client: &Client, namespace: &str, verb: Verb, object: &Value) -> kube::Result<Value> {
    let plural = format!("{}s", text(&object["kind"]).to_lowercase());
    let all = format!("/apis/{}/{}/namespaces/{namespace}/{plural}", presale_crds::GROUP, presale_crds::VERSION);
    let one = format!("{all}/{}", text(&object["metadata"]["name"]));
    let (method, uri) = match verb {
        Verb::TryCreate => ("POST", format!("{all}?fieldValidation=Strict&dryRun=All")),
        Verb::Create => ("POST", format!("{all}?fieldValidation=Strict")),
        Verb::Replace => ("PUT", format!("{one}?fieldValidation=Strict")),
        Verb::Read => ("GET", one),
    };
    let body = serde_json::to_vec(object).map_err(kube::Error::SerdeError)?;
    let request =
        http::Request::builder().method(method).uri(uri).header("content-type", "application/json").body(body);
    client.request(request.expect("method, path and header are fixed words and Kubernetes names")).await
}

/// A JSON string's text; empty for anything else.
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Lays a JSON merge patch (RFC 7386) over a value.
pub(crate) fn lay_over(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let Some(fields) = target.as_object_mut() else { return };
    for (name, change) in changes {
        if change.is_null() {
            fields.remove(name);
        } else {
            lay_over(fields.entry(name.clone()).or_insert(Value::Null), change);
        }
    }
}

/// An object with this name, so that objects of one test do not meet.
pub(crate) fn named(mut object: Value, name: &str) -> Value {
    object["metadata"]["name"] = name.into();
    object
}
