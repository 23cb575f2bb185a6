//! What runs: fields that show in the objects that the operator would apply.

use presale_cluster::owned::{deployment, owner_of, service};
use presale_cluster::reserve::Selecting;
use presale_crds::ShopService;
use serde_json::{Value, json};

use crate::Case;

fn owned(shop: &Value) -> (ShopService, k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference) {
    let shop: ShopService = serde_json::from_value(shop.clone()).expect("a ShopService");
    let owner = owner_of(&shop).expect("it has a name and a uid");
    (shop, owner)
}

fn template(shop: &Value) -> Value {
    let (shop, owner) = owned(shop);
    deployment::manifest(&owner, "shop", &shop.spec, Selecting::default())["spec"]["template"].clone()
}

fn container(shop: &Value) -> Value {
    template(shop)["spec"]["containers"][0].clone()
}

fn first_variable(shop: &Value) -> Value {
    container(shop)["env"][0].clone()
}

/// A variable that is read from somewhere.
fn from(source: &Value) -> Value {
    json!({"env": [{"name": "A", "valueFrom": source}]})
}

/// A field of a variable's source: without it the source is `rest`, with it `whole`.
fn source(field: &'static str, rest: &Value, whole: &Value) -> Case {
    let seen = |shop: &Value| first_variable(shop)["valueFrom"].clone();
    Case::new(field, from(whole), seen, [rest.clone(), whole.clone()]).besides(from(rest))
}

pub(crate) fn cases() -> Vec<Case> {
    let image = |shop: &Value| container(shop)["image"].clone();
    let ports = |shop: &Value| {
        let (parsed, owner) = owned(shop);
        let offered =
            service::manifest(&owner, "shop", &parsed.spec, Selecting::default())["spec"]["ports"][0]["port"].clone();
        json!([container(shop)["ports"][0]["containerPort"], offered])
    };
    let resources = |shop: &Value| container(shop)["resources"].clone();
    let mut cases = vec![
        Case::new("image", json!({"image": "checkout:2"}), image, [json!("checkout:1"), json!("checkout:2")]),
        Case::new("port", json!({"port": 9000}), ports, [json!([8080, 8080]), json!([9000, 9000])]),
        Case::new(
            "resources.requests{}",
            json!({"resources": {"requests": {"cpu": "250m"}}}),
            resources,
            [json!(null), json!({"requests": {"cpu": "250m"}})],
        ),
        Case::new(
            "resources.limits{}",
            json!({"resources": {"limits": {"memory": "64Mi"}}}),
            resources,
            [json!(null), json!({"limits": {"memory": "64Mi"}})],
        ),
        Case::new(
            "podTemplate.metadata",
            json!({"podTemplate": {"metadata": {"annotations": {"team": "blue"}}}}),
            |shop| template(shop)["metadata"]["annotations"].clone(),
            [json!(null), json!({"team": "blue"})],
        ),
        Case::new(
            "podTemplate.spec",
            json!({"podTemplate": {"spec": {"priorityClassName": "high"}}}),
            |shop| template(shop)["spec"]["priorityClassName"].clone(),
            [json!(null), json!("high")],
        ),
    ];
    cases.extend(probes());
    cases.extend(environment());
    cases
}

fn probes() -> [Case; 3] {
    [
        Case::new(
            "probes.startup",
            json!({"probes": {"startup": "/started"}}),
            |shop| container(shop)["startupProbe"]["httpGet"]["path"].clone(),
            [json!(null), json!("/started")],
        ),
        Case::new(
            "probes.readiness",
            json!({"probes": {"readiness": "/readyz"}}),
            |shop| container(shop)["readinessProbe"]["httpGet"]["path"].clone(),
            [json!(null), json!("/readyz")],
        ),
        Case::new(
            "probes.liveness",
            json!({"probes": {"liveness": "/healthz"}}),
            |shop| container(shop)["livenessProbe"]["httpGet"]["path"].clone(),
            [json!(null), json!("/healthz")],
        ),
    ]
}

fn environment() -> Vec<Case> {
    let named = |name: &str| json!({"env": [{"name": name, "value": "1"}]});
    let mut cases = vec![
        Case::new("env[].name", named("B"), |shop| first_variable(shop)["name"].clone(), [json!("A"), json!("B")])
            .besides(named("A")),
        Case::new(
            "env[].value",
            json!({"env": [{"name": "A", "value": "2"}]}),
            |shop| first_variable(shop)["value"].clone(),
            [json!("1"), json!("2")],
        )
        .besides(named("A")),
    ];
    for (kind, fields) in sources() {
        for (name, (field, first, other)) in fields.iter().map(|f| (f.0, (f.1, &f.2, &f.3))) {
            let mut rest =
                json!({kind: fields.iter().map(|f| (f.0.to_owned(), f.2.clone())).collect::<serde_json::Map<_, _>>()});
            let mut whole = rest.clone();
            rest[kind][name] = first.clone();
            whole[kind][name] = other.clone();
            cases.push(source(field, &rest, &whole));
        }
    }
    cases
}

type Field = (&'static str, &'static str, Value, Value);

/// Each source of a variable with its fields: name, path in the schema, and two values.
fn sources() -> Vec<(&'static str, Vec<Field>)> {
    vec![
        (
            "configMapKeyRef",
            vec![
                ("key", "env[].valueFrom.configMapKeyRef.key", json!("a"), json!("b")),
                ("name", "env[].valueFrom.configMapKeyRef.name", json!("a"), json!("b")),
                ("optional", "env[].valueFrom.configMapKeyRef.optional", json!(false), json!(true)),
            ],
        ),
        (
            "secretKeyRef",
            vec![
                ("key", "env[].valueFrom.secretKeyRef.key", json!("a"), json!("b")),
                ("name", "env[].valueFrom.secretKeyRef.name", json!("a"), json!("b")),
                ("optional", "env[].valueFrom.secretKeyRef.optional", json!(false), json!(true)),
            ],
        ),
        (
            "fieldRef",
            vec![
                ("apiVersion", "env[].valueFrom.fieldRef.apiVersion", json!("v1"), json!("v2")),
                ("fieldPath", "env[].valueFrom.fieldRef.fieldPath", json!("metadata.name"), json!("status.podIP")),
            ],
        ),
        (
            "fileKeyRef",
            vec![
                ("key", "env[].valueFrom.fileKeyRef.key", json!("a"), json!("b")),
                ("optional", "env[].valueFrom.fileKeyRef.optional", json!(false), json!(true)),
                ("path", "env[].valueFrom.fileKeyRef.path", json!("a"), json!("b")),
                ("volumeName", "env[].valueFrom.fileKeyRef.volumeName", json!("a"), json!("b")),
            ],
        ),
        (
            "resourceFieldRef",
            vec![
                ("containerName", "env[].valueFrom.resourceFieldRef.containerName", json!("app"), json!("sidecar")),
                ("divisor", "env[].valueFrom.resourceFieldRef.divisor", json!("1"), json!("1k")),
                ("resource", "env[].valueFrom.resourceFieldRef.resource", json!("limits.cpu"), json!("limits.memory")),
            ],
        ),
    ]
}
