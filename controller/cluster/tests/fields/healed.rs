//! What happens to a sick pod: one slow pod among five, and what each field makes of it.

use jiff::{SignedDuration, Timestamp};
use presale_crds::Remediation;
use presale_planner::health::{PodReading, Suspect, Symptom};
use presale_planner::{HealthInput, HealthPolicy, remediate};
use serde_json::{Value, json};

use crate::Case;
use crate::read::parsed;

/// `[pod that is evicted, what holds it]`.
fn treatment(shop: &Value) -> Value {
    let spec = parsed(shop);
    let now: Timestamp = "2026-11-27T15:00:00Z".parse().expect("a time");
    let pod = |name: &str, latency| PodReading {
        name: name.into(),
        created: now - SignedDuration::from_hours(2),
        ready: true,
        not_ready_since: None,
        restarts: 0,
        load: Some(40.0),
        errors: Some(0.001),
        latency: Some(latency),
    };
    let since = now - SignedDuration::from_mins(2);
    let remedy = remediate(&HealthInput {
        now,
        policy: HealthPolicy {
            evict: spec.health.remediation == Remediation::Auto,
            min_healthy: spec.health.min_healthy,
            per_hour: spec.health.per_hour,
            ..HealthPolicy::default()
        },
        pods: vec![pod("a", 0.08), pod("b", 0.08), pod("c", 0.08), pod("d", 0.08), pod("e", 0.8)],
        replicas: 5,
        latency_limit: Some(0.25),
        lead_time: SignedDuration::from_mins(1),
        rolling_out: false,
        promotions: vec![],
        evictions: vec![],
        suspects: vec![Suspect { pod: "e".into(), since, seen: now, symptom: Symptom::Latency }],
    });
    json!([remedy.evict, remedy.held_by])
}

pub(crate) fn cases() -> Vec<Case> {
    let held_by = |hold: &str| [json!(["e", null]), json!([null, hold])];
    vec![
        Case::new("health.remediation", json!({"health": {"remediation": "Recommend"}}), treatment, held_by("Mode")),
        Case::new("health.minHealthy", json!({"health": {"minHealthy": "90%"}}), treatment, held_by("MinHealthy")),
        Case::new(
            "health.restartBudget.perHour",
            json!({"health": {"restartBudget": {"perHour": 0}}}),
            treatment,
            held_by("Budget"),
        ),
    ]
}
