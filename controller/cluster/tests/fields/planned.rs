//! What a promotion comes to: its plan for a service with 200 requests per second and 50 per replica.

use jiff::{SignedDuration, Timestamp};
use kube::CustomResourceExt;
use presale_cluster::convert;
use presale_crds::{PromotionEvent, ShopService};
use presale_models::{LEVELS, ObservedUplift, Sample, Series, UpliftModel};
use presale_planner::promotion::{Baseline, TargetFacts};
use presale_planner::{Behavior, PromotionPlan, Select, plan_promotion};
use serde_json::{Value, json};

use crate::Case;

/// The plan at noon of the day, or of a week later.
fn plan(event: &Value, now: &str, known: &UpliftModel) -> PromotionPlan {
    let now: Timestamp = now.parse().expect("a time");
    let event: PromotionEvent = serde_json::from_value(event.clone()).expect("a PromotionEvent");
    let shop: ShopService = serde_json::from_value(crate::shop()).expect("a ShopService");
    let spec = convert::promotion(&event, [&shop]).expect("the schema would take it");
    let step = SignedDuration::from_mins(15);
    let past = Series::new(now - step * 1344, step, vec![Sample::Value(200.0); 1344]).expect("a step above zero");
    let up = Behavior { stabilization: None, limits: vec![], select: Select::Max };
    let facts: Vec<_> = spec
        .targets
        .iter()
        .map(|target| TargetFacts {
            service: &target.service,
            min: 2,
            max: 200,
            up: &up,
            level: LEVELS[3],
            capacity_p10: Some(50.0),
            lead_time: SignedDuration::from_mins(3),
            uplift: known.predict(&spec.kind, target.expectation),
            baseline: Baseline { forecast: None, past: Some(&past) },
            live: None,
            before: None,
        })
        .collect();
    plan_promotion(&spec, &facts, None, now).expect("a schedule that can be")
}

fn at_noon(event: &Value) -> PromotionPlan {
    plan(event, "2026-11-27T12:00:00Z", &UpliftModel::default())
}

/// Peak of the first target; null where nothing is planned.
fn peak(event: &Value) -> Value {
    json!(at_noon(event).targets.first().map(|target| target.peak_replicas))
}

/// Planned ratio to the normal load, to one decimal.
fn ratio(plan: &PromotionPlan) -> Value {
    let planned = plan.targets.first().and_then(|target| target.uplift);
    json!(planned.map(|ratio| (ratio * 10.0).round() / 10.0))
}

/// What is known once a promotion of the kind Drop brought nine times the normal load.
fn after_a_drop() -> UpliftModel {
    let mut known = UpliftModel::default();
    known.learn("Drop", None, &ObservedUplift { mean: 9.0, sd: 0.01, censored: false });
    known
}

fn ordered(event: &Value) -> Value {
    json!(at_noon(event).targets.first().map(|target| target.scale_up_at.to_string()))
}

fn phase(event: &Value) -> Value {
    json!(at_noon(event).phase)
}

/// The columns that show a field as it is written.
fn column(event: &Value, name: &str) -> Value {
    let crd = serde_json::to_value(PromotionEvent::crd()).expect("a CRD is JSON");
    let columns = crd["spec"]["versions"][0]["additionalPrinterColumns"].as_array().cloned().unwrap_or_default();
    let path = columns.iter().find(|c| c["name"] == name).and_then(|c| c["jsonPath"].as_str()).expect("the column");
    event.pointer(&path.replace('.', "/")).cloned().unwrap_or_default()
}

fn expecting(low: &str, likely: &str, high: &str) -> Value {
    json!({"targets": [{"service": "checkout", "expectedUplift": {"low": low, "likely": likely, "high": high}}]})
}

pub(crate) fn cases() -> Vec<Case> {
    let texts = |without: &str, with: &str| [json!(without), json!(with)];
    let mut cases = vec![
        Case::new(
            "title",
            json!({"title": "Black Friday"}),
            |e| column(e, "Title"),
            [json!(null), json!("Black Friday")],
        ),
        Case::new(
            "schedule.timeZone",
            json!({"schedule": {"timeZone": "Europe/Berlin"}}),
            ordered,
            texts("2026-11-27T19:47:00Z", "2026-11-27T18:47:00Z"),
        ),
        Case::new(
            "schedule.start",
            json!({"schedule": {"start": "2026-11-27T21:00:00"}}),
            ordered,
            texts("2026-11-27T19:47:00Z", "2026-11-27T20:47:00Z"),
        ),
        Case::new(
            "schedule.duration",
            json!({"schedule": {"duration": "3h"}}),
            |e| json!(at_noon(e).occurrence.map(|o| o.end.to_string())),
            texts("2026-11-27T22:00:00Z", "2026-11-27T23:00:00Z"),
        ),
        Case::new(
            "schedule.recurrence",
            json!({"schedule": {"recurrence": "FREQ=WEEKLY;BYDAY=FR"}}),
            |e| json!(plan(e, "2026-12-04T12:00:00Z", &UpliftModel::default()).phase),
            texts("Completed", "Scheduled"),
        ),
        Case::new(
            "preScale.leadTime",
            json!({"preScale": {"leadTime": "5m"}}),
            ordered,
            texts("2026-11-27T19:47:00Z", "2026-11-27T19:45:00Z"),
        ),
        Case::new(
            "preScale.readyBefore",
            json!({"preScale": {"readyBefore": "30m"}}),
            ordered,
            texts("2026-11-27T19:47:00Z", "2026-11-27T19:27:00Z"),
        ),
    ];
    cases.extend(agreed());
    cases.extend(reached());
    cases
}

fn agreed() -> Vec<Case> {
    let texts = |without: &str, with: &str| [json!(without), json!(with)];
    let required = || json!({"approval": {"required": true}});
    vec![
        Case::new("approval.required", required(), phase, texts("Scheduled", "PendingApproval")),
        Case::new(
            "approval.approvedBy",
            json!({"approval": {"approvedBy": "jane"}}),
            phase,
            texts("PendingApproval", "Scheduled"),
        )
        .besides(required()),
        Case::new("cancelled", json!({"cancelled": true}), phase, texts("Scheduled", "Cancelled")),
        Case::new(
            "budget.replicaHours",
            json!({"budget": {"replicaHours": 5}}),
            |e| json!(at_noon(e).targets[0].replica_hours <= 5.0),
            [json!(false), json!(true)],
        )
        .besides(expecting("2", "4", "6")),
    ]
}

fn reached() -> Vec<Case> {
    let numbers = |without: Option<u32>, with: u32| [json!(without), json!(with)];
    let uplift = |event: &Value| ratio(&at_noon(event));
    let one = |target: Value| json!({"targets": [target]});
    let by_label = |tier: &str| one(json!({"selector": {"matchLabels": {"tier": tier}}, "floor": 90}));
    vec![
        Case::new(
            "kind",
            json!({"kind": "Drop"}),
            |event| ratio(&plan(event, "2026-11-27T12:00:00Z", &after_a_drop())),
            [json!(4.5), json!(5.7)],
        ),
        Case::new("targets[].service", one(json!({"service": "checkout", "floor": 90})), peak, numbers(None, 90))
            .besides(one(json!({"service": "nobody", "floor": 90}))),
        Case::new("targets[].selector.matchLabels{}", by_label("pay"), peak, numbers(None, 90))
            .besides(by_label("browse")),
        Case::new("targets[].floor", one(json!({"service": "checkout", "floor": 90})), peak, numbers(Some(10), 90)),
        Case::new(
            "targets[].ceiling",
            json!({"targets": [{"service": "checkout", "ceiling": 12,
                "expectedUplift": {"low": "2", "likely": "4", "high": "6"}}]}),
            peak,
            numbers(Some(27), 12),
        )
        .besides(expecting("2", "4", "6")),
        Case::new("targets[].expectedUplift.low", expecting("4", "4", "6"), uplift, [json!(6.0), json!(5.3)])
            .besides(expecting("2", "4", "6")),
        Case::new("targets[].expectedUplift.likely", expecting("2", "3", "6"), uplift, [json!(6.0), json!(4.6)])
            .besides(expecting("2", "4", "6")),
        Case::new("targets[].expectedUplift.high", expecting("2", "4", "5"), uplift, [json!(6.0), json!(5.0)])
            .besides(expecting("2", "4", "6")),
    ]
}
