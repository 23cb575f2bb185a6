//! What is decided: the same afternoon, and the count that each field makes of it.

use jiff::{SignedDuration, Timestamp};
use presale_models::{LEVELS, QuantileForecast, Reading, Sample, Series};
use presale_planner::{
    Decision, ForecastInput, PlanInput, Recommendation, ReplicaChange, ReplicaCounts, Saturation, decide,
};
use serde_json::{Value, json};

use crate::Case;
use crate::read::parsed;

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

fn now() -> Timestamp {
    "2026-11-27T15:00:00Z".parse().expect("a time")
}

/// A quiet afternoon of the service: four replicas of 50 requests per second, and what it states itself.
fn afternoon(shop: &Value, load: f64, current: u32) -> PlanInput {
    let spec = parsed(shop);
    let capacity = spec.requests_per_replica.or(Some(50.0));
    let wish = |minutes: i32, replicas| Recommendation { at: now() - MINUTE * minutes, replicas };
    PlanInput {
        now: now(),
        policy: spec.policy,
        replicas: ReplicaCounts { current, ready: current, starting: 0 },
        load: Reading::Fresh { value: load, at: now() },
        recent: Series::new(now(), MINUTE, vec![]).expect("a step above zero"),
        saturation: Saturation {
            latency: Reading::Fresh { value: 0.3, at: now() },
            latency_limit: spec.latency.map(|latency| latency.max.as_secs_f64()),
            over_since: Some(now() - MINUTE * 5),
        },
        forecast: ForecastInput::Unavailable { reason: "not_enough_history".into() },
        capacity_p10: capacity,
        capacity_p50: capacity,
        lead_time: spec.lead_time.unwrap_or(MINUTE * 2),
        promotions: vec![],
        history: vec![wish(60, 3), wish(8, current - 1), wish(2, current - 2)],
        changes: vec![ReplicaChange { at: now() - SignedDuration::from_secs(90), from: current - 1, to: current }],
        hand_scaled: None,
        conflict: None,
        reserve: None,
    }
}

/// 380 requests per second ask for eight replicas where four run.
fn rising(shop: &Value) -> Decision {
    decide(&afternoon(shop, 380.0, 4))
}

/// 100 requests per second ask for three replicas where ten run.
fn falling(shop: &Value) -> Decision {
    decide(&afternoon(shop, 100.0, 10))
}

/// 100 requests per second now, and a forecast of 250 at the level 0.9, 300 at 0.95, 400 at 0.99.
fn foreseen(shop: &Value, trusted: bool) -> Decision {
    decide(&PlanInput { forecast: forecast(trusted), ..afternoon(shop, 100.0, 4) })
}

fn forecast(trusted: bool) -> ForecastInput {
    let row = LEVELS.map(|level| match level.get() {
        p if p < 0.85 => 200.0,
        p if p < 0.92 => 250.0,
        p if p < 0.96 => 300.0,
        p if p < 0.98 => 350.0,
        _ => 400.0,
    });
    let maximum = QuantileForecast::new(now(), MINUTE, vec![row; 90]).expect("rows that do not cross");
    ForecastInput::Available { maximum, trusted, data_until: now(), bursty: false }
}

/// Everything at once: a live load, a forecast, a wish beyond the upper bound.
pub(crate) fn expecting_a_rush(shop: &Value) -> PlanInput {
    PlanInput { forecast: forecast(true), ..afternoon(shop, 380.0, 4) }
}

/// The load has risen from 300 to 380 within two minutes.
fn surging(shop: &Value) -> Decision {
    let samples = vec![Sample::Value(300.0), Sample::Value(340.0), Sample::Value(380.0)];
    let recent = Series::new(now() - MINUTE * 2, MINUTE, samples).expect("a step above zero");
    decide(&PlanInput { recent, ..afternoon(shop, 380.0, 4) })
}

pub(crate) fn up(shop: &Value) -> Value {
    json!(rising(shop).desired)
}

fn down(shop: &Value) -> Value {
    json!(falling(shop).desired)
}

fn counts(without: u32, with: u32) -> [Value; 2] {
    [json!(without), json!(with)]
}

pub(crate) fn cases() -> Vec<Case> {
    let replicas = |field: &str, n: u32| json!({"replicas": {field: n}});
    let mut cases = vec![
        Case::new("replicas.min", replicas("min", 9), up, counts(8, 9)),
        Case::new("replicas.max", replicas("max", 6), up, counts(8, 6)),
        Case::new("replicas.fixed", replicas("fixed", 5), up, counts(8, 5)),
        Case::new(
            "scaling.mode",
            json!({"scaling": {"mode": "Recommend"}}),
            |shop| json!(rising(shop).write),
            [json!(true), json!(false)],
        ),
        Case::new(
            "scaling.leadTime",
            json!({"scaling": {"leadTime": "4m"}}),
            |shop| json!(surging(shop).desired),
            counts(10, 11),
        ),
        Case::new(
            "scaling.forecast.trust",
            json!({"scaling": {"forecast": {"trust": "Always"}}}),
            |shop| json!(foreseen(shop, false).desired),
            counts(3, 6),
        ),
    ];
    cases.extend(risk());
    for direction in ["scaleUp", "scaleDown"] {
        cases.extend(behavior(direction));
    }
    cases
}

fn risk() -> Vec<Case> {
    let asked = |shop: &Value| json!(foreseen(shop, true).desired);
    let prices = |lost: &str, idle: &str| json!({"scaling": {"prices": {"lostRequest": lost, "replicaHour": idle}}});
    let known = json!({"scaling": {"capacity": {"requestsPerReplica": "50"},
        "prices": {"lostRequest": "0.0001", "replicaHour": "3.6"}}});
    let slow = |max: &str| json!({"scaling": {"capacity": {"latency": {"quantile": "0.99", "max": max}}}});
    vec![
        Case::new("scaling.tier", json!({"scaling": {"tier": "Critical"}}), asked, counts(6, 8)),
        // 0.0001 x 50/s x 3600 s = 18 lost per hour against 3.6 for the replica: the level is 0.83.
        Case::new("scaling.prices.lostRequest", prices("0.01", "3.6"), asked, counts(5, 8)).besides(known.clone()),
        Case::new("scaling.prices.replicaHour", prices("0.0001", "0.01"), asked, counts(5, 8)).besides(known),
        Case::new(
            "scaling.capacity.requestsPerReplica",
            json!({"scaling": {"capacity": {"requestsPerReplica": "100"}}}),
            up,
            counts(8, 4),
        ),
        Case::new(
            "scaling.capacity.latency.max",
            slow("250ms"),
            |shop| json!(decide(&afternoon(shop, 100.0, 4)).desired),
            counts(3, 5),
        )
        .besides(slow("500ms")),
    ]
}

/// The fields of one direction: going up from 4 to 8, going down from 10 to 3.
fn behavior(direction: &'static str) -> Vec<Case> {
    let rising = direction == "scaleUp";
    let seen = if rising { up } else { down };
    let rules = move |rules: Value| {
        let mut behavior = json!({"scaleDown": {"stabilizationWindowSeconds": 0}});
        crate::lay_over(&mut behavior, &json!({direction: rules}));
        json!({"scaling": {"behavior": behavior}})
    };
    let policy = move |kind: &str, value: u32, period: u32| {
        rules(json!({"policies": [{"type": kind, "value": value, "periodSeconds": period}]}))
    };
    let two = json!([{"type": "Pods", "value": 1, "periodSeconds": 60}, {"type": "Percent", "value": 50, "periodSeconds": 60}]);
    let [window, select, kind, value, period] = if rising {
        [
            "scaling.behavior.scaleUp.stabilizationWindowSeconds",
            "scaling.behavior.scaleUp.selectPolicy",
            "scaling.behavior.scaleUp.policies[].type",
            "scaling.behavior.scaleUp.policies[].value",
            "scaling.behavior.scaleUp.policies[].periodSeconds",
        ]
    } else {
        [
            "scaling.behavior.scaleDown.stabilizationWindowSeconds",
            "scaling.behavior.scaleDown.selectPolicy",
            "scaling.behavior.scaleDown.policies[].type",
            "scaling.behavior.scaleDown.policies[].value",
            "scaling.behavior.scaleDown.policies[].periodSeconds",
        ]
    };
    let pick = |of_up: [u32; 2], of_down: [u32; 2]| {
        let [without, with] = if rising { of_up } else { of_down };
        counts(without, with)
    };
    vec![
        Case::new(window, rules(json!({"stabilizationWindowSeconds": 600})), seen, pick([8, 4], [3, 9]))
            .besides(rules(json!({"stabilizationWindowSeconds": 0}))),
        Case::new(select, rules(json!({"selectPolicy": "Min"})), seen, pick([6, 5], [5, 9]))
            .besides(rules(json!({"policies": two}))),
        Case::new(kind, policy("Percent", 50, 60), seen, pick([8, 6], [3, 5])).besides(policy("Pods", 50, 60)),
        Case::new(value, policy("Pods", 2, 60), seen, pick([5, 6], [9, 8])).besides(policy("Pods", 1, 60)),
        // Ninety seconds ago one replica was added: a period of two minutes began below it.
        Case::new(period, policy("Pods", 1, 120), seen, pick([5, 4], [9, 8])).besides(policy("Pods", 1, 60)),
    ]
}
