//! What is reported: every field of both statuses is filled by a round in which everything happens.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use presale_cluster::{
    Observed, PromotionReport, Report, ReserveReport, Target, convert, promotion_status, shop_status,
};
use presale_crds::{PromotionEvent, ReserveStatus, ShopService};
use presale_models::ObservedUplift;
use presale_planner::{PromotionFloor, Recommendation, decide, plan_promotion};
use serde_json::{Value, json};

use crate::decided::expecting_a_rush;
use crate::schema::leaves;

/// Paths of all fields that a value fills.
fn filled(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            fields
                .iter()
                .for_each(|(name, below)| filled(below, format!("{path}.{name}").trim_start_matches('.'), found));
        }
        Value::Array(items) => items.iter().for_each(|item| filled(item, &format!("{path}[]"), found)),
        Value::Null => {}
        _ => drop(found.insert(path.to_owned())),
    }
}

fn empty(schema: &BTreeSet<String>, status: &impl serde::Serialize) -> Vec<String> {
    let mut found = BTreeSet::new();
    filled(&serde_json::to_value(status).expect("a status is JSON"), "", &mut found);
    schema.difference(&found).cloned().collect()
}

#[test]
fn a_round_in_which_everything_happens_fills_the_status_of_a_shop_service() {
    let mut object = crate::shop();
    object["metadata"]["generation"] = json!(3);
    let shop: ShopService = serde_json::from_value(object.clone()).expect("a ShopService");
    let mut input = expecting_a_rush(&object);
    let at = input.now + SignedDuration::from_mins(20);
    input.promotions.push(PromotionFloor {
        name: "sale".into(),
        from: input.now,
        until: at,
        starts: at,
        ends: at + SignedDuration::from_hours(1),
        floors: vec![Recommendation { at: input.now, replicas: 45 }],
        ceiling: None,
    });
    let decision = decide(&input);
    let observed = Observed {
        target: Target::owned("shop", "checkout"),
        selector: "presale.dev/service=checkout".into(),
        replicas: input.replicas,
        pods: vec![],
        image: Some("checkout:1".into()),
        rolling_out: false,
        total: 6,
        has_reserve: true,
        hand_scaled: None,
        conflict: None,
    };
    let time = "2026-11-27T14:00:00Z";
    let status = shop_status(&Report {
        shop: &shop,
        input: &input,
        decision: &decision,
        observed: &observed,
        failure: None,
        forecast: serde_json::from_value(json!({"model": "ladder", "trainedAt": time, "trusted": true,
            "relativeWql": "0.4", "coverage95": "0.96", "peak": {"p50": "800", "p95": "1000", "at": time}}))
        .expect("a forecast"),
        learned: serde_json::from_value(json!({"leadTime": "20s", "image": "checkout:1",
            "requestsPerReplica": {"p10": "80", "p50": "100"}}))
        .expect("what was learned"),
        promotion: Some("sale (PreScaling)".into()),
        health: serde_json::from_value(json!({"state": "Sick",
            "sickPods": [{"name": "e", "cause": "latency", "since": time}],
            "lastRemediation": {"pod": "d", "cause": "latency", "action": "Evicted", "at": time}}))
        .expect("a state of health"),
        reserve: Some(ReserveReport {
            status: ReserveStatus { wanted: 2, warm: 2, shrunk: 1, deferred: 0 },
            can_resize: true,
            told: true,
        }),
        time_zone: &TimeZone::UTC,
    });
    let schema = leaves::<ShopService>("status");
    assert_eq!(empty(&schema, &status), [""; 0], "{status:#?}");
    let bare = serde_json::json!({"mode": "Auto"});
    assert_eq!(empty(&schema, &bare).len(), schema.len() - 1, "an empty field is found");
}

#[test]
fn an_occurrence_that_was_observed_fills_the_status_of_a_promotion() {
    let mut object = crate::promotion();
    object["metadata"]["generation"] = json!(3);
    object["status"] = json!({"phase": "Active", "occurrences": [
        {"start": "2026-11-27T20:00:00Z", "end": "2026-11-27T22:00:00Z",
         "plan": [{"service": "checkout", "peakReplicas": 9, "scaleUpAt": "2026-11-27T19:48:00Z"}]}]});
    let event: PromotionEvent = serde_json::from_value(object).expect("a PromotionEvent");
    let spec = convert::promotion(&event, []).expect("the schema would take it");
    let now: Timestamp = "2026-11-27T22:01:00Z".parse().expect("a time");
    let plan = plan_promotion(&spec, &[], None, now).expect("a schedule that can be");
    let uplift = ObservedUplift { mean: 3.2, sd: 0.1, censored: false };
    let observed = vec![("checkout".to_owned(), uplift)];
    let report = PromotionReport { event: &event, spec: &spec, plan: Ok(&plan), observed, overlaps: vec![], now };
    let status = promotion_status(&report);
    assert_eq!(empty(&leaves::<PromotionEvent>("status"), &status), [""; 0], "{status:#?}");
}
