//! What is read, learned and adopted: fields that the trainer, the queries and the target are made from.
//!
//! What they come to there has tests of its own: presets and queries in the Prometheus adapter, holidays and local clocks in
//! the models, adoption on the real API server.

use presale_cluster::convert::{Defaults, ServiceSpec, service};
use presale_crds::ShopService;
use serde_json::{Value, json};

use crate::Case;

/// The service as the operator acts on it.
pub(crate) fn parsed(shop: &Value) -> ServiceSpec {
    let shop: ShopService = serde_json::from_value(shop.clone()).expect("a ShopService");
    service(&shop, &Defaults::default(), None).expect("the schema would take it")
}

fn signal(shop: &Value) -> Value {
    json!(format!("{:?}", parsed(shop).signal))
}

fn query(errors: &str, latency: &str) -> Value {
    json!(format!("Query {{ load: \"q\", errors: {errors}, latency: {latency} }}"))
}

/// A worker that 100 messages wait for, and 40 more each second.
fn worker() -> Value {
    json!({"scaling": {"signal": {"type": "Backlog", "query": "w", "arrivalsQuery": "a", "perReplica": "20"}}})
}

fn own() -> Value {
    json!({"scaling": {"signal": {"type": "Prometheus", "query": "q"}}})
}

pub(crate) fn cases() -> Vec<Case> {
    let preset = |source: &str| json!(format!("Preset({source})"));
    let mut cases = vec![
        Case::new("scaling.signal.type", own(), signal, [preset("OpenTelemetry"), query("None", "None")]),
        Case::new(
            "scaling.signal.source",
            json!({"scaling": {"signal": {"source": "IngressNginx"}}}),
            signal,
            [preset("OpenTelemetry"), preset("IngressNginx")],
        )
        .besides(json!({"scaling": {"signal": {"type": "RequestRate"}}})),
        Case::new(
            "scaling.signal.query",
            json!({"scaling": {"signal": {"query": "q"}}}),
            signal,
            [json!("Query { load: \"p\", errors: None, latency: None }"), query("None", "None")],
        )
        .besides(json!({"scaling": {"signal": {"type": "Prometheus", "query": "p"}}})),
        Case::new(
            "scaling.signal.errorsQuery",
            json!({"scaling": {"signal": {"errorsQuery": "e"}}}),
            signal,
            [query("None", "None"), query("Some(\"e\")", "None")],
        )
        .besides(own()),
        Case::new(
            "scaling.signal.latencyQuery",
            json!({"scaling": {"signal": {"latencyQuery": "l"}}}),
            signal,
            [query("None", "None"), query("None", "Some(\"l\")")],
        )
        .besides(own()),
    ];
    cases.extend(queue());
    cases.extend(learned());
    cases.extend(adopted());
    cases
}

fn queue() -> Vec<Case> {
    let asked = |per_replica: &str, arrivals: &str, within: &str| {
        json!(format!(
            "Backlog {{ waiting: \"w\", arrivals: \"{arrivals}\", per_replica: {per_replica}, clear_within: {within}, \
             errors: None, latency: None }}"
        ))
    };
    vec![
        Case::new(
            "scaling.signal.arrivalsQuery",
            json!({"scaling": {"signal": {"arrivalsQuery": "b"}}}),
            signal,
            [asked("20.0", "a", "1m"), asked("20.0", "b", "1m")],
        )
        .besides(worker()),
        Case::new(
            "scaling.signal.perReplica",
            json!({"scaling": {"signal": {"perReplica": "50"}}}),
            |shop| json!([parsed(shop).requests_per_replica, crate::decided::up(shop)]),
            [json!([20.0, 20]), json!([50.0, 8])],
        )
        .besides(worker()),
        Case::new(
            "scaling.signal.clearWithin",
            json!({"scaling": {"signal": {"clearWithin": "10m"}}}),
            signal,
            [asked("20.0", "a", "1m"), asked("20.0", "a", "10m")],
        )
        .besides(worker()),
    ]
}

fn learned() -> Vec<Case> {
    vec![
        Case::new(
            "scaling.forecast.horizon",
            json!({"scaling": {"forecast": {"horizon": "6h"}}}),
            |shop| json!(parsed(shop).horizon.as_hours()),
            [json!(24), json!(6)],
        ),
        Case::new(
            "scaling.forecast.lookback",
            json!({"scaling": {"forecast": {"lookback": "14d"}}}),
            |shop| json!(parsed(shop).lookback.as_hours()),
            [json!(672), json!(336)],
        ),
        Case::new(
            "scaling.calendar.timeZone",
            json!({"scaling": {"calendar": {"timeZone": "Europe/Berlin"}}}),
            |shop| json!(parsed(shop).time_zone.iana_name()),
            [json!("UTC"), json!("Europe/Berlin")],
        ),
        Case::new(
            "scaling.calendar.country",
            json!({"scaling": {"calendar": {"country": "DE"}}}),
            |shop| json!(parsed(shop).country),
            [json!(null), json!("DE")],
        ),
        Case::new(
            "scaling.capacity.latency.quantile",
            json!({"scaling": {"capacity": {"latency": {"quantile": "0.95"}}}}),
            |shop| json!(parsed(shop).latency.map(|latency| latency.quantile.get())),
            [json!(0.99), json!(0.95)],
        )
        .besides(json!({"scaling": {"capacity": {"latency": {"quantile": "0.99", "max": "250ms"}}}})),
    ]
}

fn adopted() -> Vec<Case> {
    let workload = |kind: &str, name: &str, version: &str| json!({"image": null, "workloadRef": {"apiVersion": version, "kind": kind, "name": name}});
    let seen = |shop: &Value| {
        let found = parsed(shop).workload.map(|w| format!("{} {} {}", w.api_version, w.kind, w.name));
        json!(found)
    };
    let change = |with: &str| [json!("apps/v1 Deployment legacy"), json!(with)];
    let legacy = || workload("Deployment", "legacy", "apps/v1");
    vec![
        Case::new(
            "workloadRef.apiVersion",
            workload("Deployment", "legacy", "apps/v2"),
            seen,
            change("apps/v2 Deployment legacy"),
        )
        .besides(legacy()),
        Case::new(
            "workloadRef.kind",
            workload("StatefulSet", "legacy", "apps/v1"),
            seen,
            change("apps/v1 StatefulSet legacy"),
        )
        .besides(legacy()),
        Case::new(
            "workloadRef.name",
            workload("Deployment", "orders", "apps/v1"),
            seen,
            change("apps/v1 Deployment orders"),
        )
        .besides(legacy()),
    ]
}
