//! A `ShopService`'s status: what is seen and decided, rewritten only when something a person would act on has changed.

use std::fmt::Debug;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::api::{Patch, PatchParams};
use kube::{Api, Resource, ResourceExt};
use presale_crds::{
    DecisionInput, ForecastPeak, ForecastStatus, HealthStatus, LastDecision, Learned, Mode, NextChange, Quantity,
    ReserveStatus, ShopService, ShopServiceStatus,
};
use presale_planner::{Decision, PlanInput};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::write::{MANAGER, Writer};
use crate::{Error, Observed, conditions, target};

/// Everything that a status tells.
#[derive(Debug, Clone)]
pub struct Report<'a> {
    /// Whose.
    pub shop: &'a ShopService,
    /// What the decision rests on.
    pub input: &'a PlanInput,
    /// The decision.
    pub decision: &'a Decision,
    /// What runs.
    pub observed: &'a Observed,
    /// Why owned objects could not be applied; `None` = they are as wanted.
    pub failure: Option<&'a Error>,
    /// The forecast; `None` = there is none.
    pub forecast: Option<ForecastStatus>,
    /// What was learned; `None` = nothing yet.
    pub learned: Option<Learned>,
    /// Promotion in force or next, with its phase.
    pub promotion: Option<String>,
    /// Health of the pods; `None` = nobody looks.
    pub health: Option<HealthStatus>,
    /// The warm reserve; `None` = the service has none.
    pub reserve: Option<ReserveReport>,
    /// Clock for the NEXT column.
    pub time_zone: &'a TimeZone,
}

/// What is told of a warm reserve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReserveReport {
    /// Its pods.
    pub status: ReserveStatus,
    /// Whether the server resizes pods in place.
    pub can_resize: bool,
    /// Whether every pod that is cut off tells of its requests; where one does not, it is not shrunk.
    pub told: bool,
}

/// The status that `report` comes to. Conditions that did not change keep their transition time.
pub fn shop_status(report: &Report<'_>) -> ShopServiceStatus {
    let Report { shop, input, decision, observed, .. } = report;
    let old = shop.status.as_ref().map_or(&[][..], |status| status.conditions.as_slice());
    ShopServiceStatus {
        observed_generation: shop.metadata.generation,
        mode: Some(match input.policy.mode {
            presale_planner::Mode::Auto => Mode::Auto,
            presale_planner::Mode::Recommend => Mode::Recommend,
            presale_planner::Mode::Shadow => Mode::Shadow,
            presale_planner::Mode::Paused => Mode::Paused,
        }),
        selector: Some(observed.selector.clone()).filter(|selector| !selector.is_empty()),
        replicas: Some(observed.replicas.current),
        ready_replicas: Some(observed.replicas.ready),
        starting_replicas: Some(observed.replicas.starting),
        desired_replicas: Some(decision.desired),
        last_decision: Some(last_decision(decision)),
        next: decision.next.as_ref().map(|next| NextChange {
            replicas: next.replicas,
            at: Time(next.at),
            summary: format!("{} @{}", next.replicas, clock(next.at, report.time_zone)),
        }),
        promotion: report.promotion.clone(),
        forecast: report.forecast.clone(),
        learned: report.learned.clone(),
        health: report.health.clone(),
        reserve: report.reserve.map(|reserve| reserve.status),
        conditions: conditions::of(report, old),
    }
}

/// The status of a service whose target could not be looked at: what was known stays, the conditions say why.
pub fn failed_status(shop: &ShopService, error: &Error, now: Timestamp) -> ShopServiceStatus {
    let known = shop.status.clone().unwrap_or_default();
    ShopServiceStatus {
        observed_generation: shop.metadata.generation,
        conditions: conditions::of_failure(shop, error, now),
        ..known
    }
}

/// Whether `new` tells a person something that `old` does not.
///
/// It does if mode, counts, outcome, reason, desired, next, promotion, health, reserve or a condition differ, if a forecast or
/// something learned came or went, or if the forecast's peak or a learned figure moved by more than 10 %. The decision's
/// message, inputs and time, the time of training and scores ride along and cause no write.
pub fn is_due(old: Option<&ShopServiceStatus>, new: &ShopServiceStatus) -> bool {
    old.is_none_or(|old| {
        facts(old) != facts(new)
            || told(&old.conditions) != told(&new.conditions)
            || next_moved(old.next.as_ref(), new.next.as_ref())
            || forecast_moved(old.forecast.as_ref(), new.forecast.as_ref())
            || learned_moved(old.learned.as_ref(), new.learned.as_ref())
    })
}

/// Writes the status if it is due; says whether it did.
///
/// # Errors
/// [`Error::NotLeader`], [`Error::Deadline`] or [`Error::Api`] (404: the `ShopService` is gone).
pub async fn write_shop_status(writer: &Writer, shop: &ShopService, status: &ShopServiceStatus) -> Result<bool, Error> {
    if !is_due(shop.status.as_ref(), status) {
        return Ok(false);
    }
    write(writer, shop, status).await.map(|()| true)
}

pub(crate) async fn write<K, S>(writer: &Writer, object: &K, status: &S) -> Result<(), Error>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
    S: Serialize,
{
    let name = object.name_any();
    let api: Api<K> = Api::namespaced(writer.client().clone(), &object.namespace().unwrap_or_default());
    let patch = Patch::Apply(json!({
        "apiVersion": K::api_version(&()), "kind": K::kind(&()), "metadata": {"name": name}, "status": status,
    }));
    let params = PatchParams::apply(MANAGER).force();
    let request = api.patch_status(&name, &params, &patch);
    writer.send("report status of", &target::describe(object), request).await.map(drop)
}

/// What conditions tell, their times left out.
pub(crate) fn told(conditions: &[Condition]) -> Vec<(&str, &str, &str, &str)> {
    conditions.iter().map(|c| (c.type_.as_str(), c.status.as_str(), c.reason.as_str(), c.message.as_str())).collect()
}

fn last_decision(decision: &Decision) -> LastDecision {
    LastDecision {
        outcome: decision.outcome.as_str().to_owned(),
        reason: decision.reason.as_str().to_owned(),
        message: decision.message.clone(),
        current: decision.current,
        desired: decision.desired,
        forecast_floor: decision.forecast_floor,
        reactive_floor: decision.reactive_floor,
        promotion_floor: decision.promotion_floor,
        limited_by: decision.clamps.iter().map(|clamp| clamp.by.as_str().to_owned()).collect(),
        at: Time(decision.at),
        inputs: decision
            .inputs
            .iter()
            .map(|input| DecisionInput { name: input.name.clone(), state: input.state.clone() })
            .collect(),
    }
}

fn facts(status: &ShopServiceStatus) -> impl PartialEq + '_ {
    let decided = status.last_decision.as_ref().map(|d| (d.outcome.as_str(), d.reason.as_str(), d.desired));
    let counts = (status.replicas, status.ready_replicas, status.starting_replicas, status.desired_replicas);
    let identity = (status.observed_generation, status.mode, status.selector.as_deref());
    (identity, counts, decided, status.promotion.as_deref(), status.health.as_ref(), status.reserve)
}

/// Another count, or another time by at least five minutes: forecasts shift by less from step to step.
fn next_moved(old: Option<&NextChange>, new: Option<&NextChange>) -> bool {
    match (old, new) {
        (Some(old), Some(new)) => {
            old.replicas != new.replicas || old.at.0.duration_since(new.at.0).abs().as_secs() >= 300
        }
        (old, new) => old.is_some() != new.is_some(),
    }
}

fn forecast_moved(old: Option<&ForecastStatus>, new: Option<&ForecastStatus>) -> bool {
    let peak = |peak: Option<&ForecastPeak>| peak.map(|peak| [peak.p50.clone(), peak.p95.clone()]);
    match (old, new) {
        (Some(old), Some(new)) => {
            let same = (&old.model, old.trusted) == (&new.model, new.trusted);
            !same || moved(peak(old.peak.as_ref()).as_ref(), peak(new.peak.as_ref()).as_ref())
        }
        (old, new) => old.is_some() != new.is_some(),
    }
}

fn learned_moved(old: Option<&Learned>, new: Option<&Learned>) -> bool {
    let rate = |learned: &Learned| learned.requests_per_replica.as_ref().map(|r| [r.p10.clone(), r.p50.clone()]);
    let lead = |learned: &Learned| {
        let seconds = learned.lead_time.as_ref()?.parse().ok()?.as_secs_f64();
        Quantity::rounded(seconds).map(|seconds| [seconds])
    };
    match (old, new) {
        (Some(old), Some(new)) => {
            old.image != new.image
                || moved(rate(old).as_ref(), rate(new).as_ref())
                || moved(lead(old).as_ref(), lead(new).as_ref())
        }
        (old, new) => old.is_some() != new.is_some(),
    }
}

/// Whether one of the figures moved by more than 10 %, or they came or went.
fn moved<const N: usize>(old: Option<&[Quantity; N]>, new: Option<&[Quantity; N]>) -> bool {
    match (old, new) {
        (Some(old), Some(new)) => old.iter().zip(new).any(|(old, new)| match (old.parse(), new.parse()) {
            (Ok(old), Ok(new)) => (new - old).abs() > 0.1 * old.abs(),
            _ => old != new,
        }),
        (old, new) => old.is_some() != new.is_some(),
    }
}

fn clock(at: Timestamp, zone: &TimeZone) -> String {
    let local = at.to_zoned(zone.clone());
    format!("{:02}:{:02}", local.hour(), local.minute())
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    fn at(second: i64) -> Time {
        Time(Timestamp::from_second(second).expect("in range"))
    }

    fn status() -> ShopServiceStatus {
        serde_json::from_value(json!({
            "mode": "Auto", "replicas": 4, "readyReplicas": 4, "startingReplicas": 0, "desiredReplicas": 4,
            "lastDecision": {"outcome": "NoScale", "reason": "Forecast", "message": "4 for 312 req/s", "current": 4,
                "desired": 4, "at": "2026-11-27T20:00:00Z"},
            "next": {"replicas": 9, "at": "2026-11-27T20:40:00Z", "summary": "9 @20:40"},
            "forecast": {"model": "regression", "trainedAt": "2026-11-27T00:00:00Z", "trusted": true,
                "peak": {"p50": "800", "p95": "1000", "at": "2026-11-27T21:00:00Z"}},
            "learned": {"leadTime": "20s", "requestsPerReplica": {"p10": "80", "p50": "100"}, "image": "orders:1"},
            "conditions": [{"type": "Ready", "status": "True", "reason": "ReplicasReady", "message": "4 of 4",
                "lastTransitionTime": "2026-11-27T19:00:00Z"}]
        }))
        .expect("a status")
    }

    fn due(change: impl FnOnce(&mut ShopServiceStatus)) -> bool {
        let mut new = status();
        change(&mut new);
        is_due(Some(&status()), &new)
    }

    #[test]
    fn what_ages_causes_no_write() {
        assert!(!due(|s| {
            let decision = s.last_decision.as_mut().expect("decision");
            decision.at = at(2_000_000_000);
            decision.message = "4 for 315 req/s".to_owned();
            let forecast = s.forecast.as_mut().expect("forecast");
            forecast.trained_at = at(2_000_000_000);
            forecast.peak.as_mut().expect("peak").p95 = Quantity("1090".to_owned());
            s.next.as_mut().expect("next").at.0 += SignedDuration::from_secs(299);
            s.learned.as_mut().expect("learned").requests_per_replica.as_mut().expect("rate").p10 =
                Quantity("87".into());
            s.conditions[0].last_transition_time = at(2_000_000_000);
        }));
    }

    #[test]
    fn what_a_person_would_act_on_causes_one() {
        assert!(is_due(None, &status()));
        assert!(due(|s| s.desired_replicas = Some(5)));
        assert!(due(|s| s.last_decision.as_mut().expect("decision").reason = "Reactive".to_owned()));
        assert!(due(|s| s.last_decision.as_mut().expect("decision").outcome = "Limited".to_owned()));
        assert!(due(|s| s.next = None));
        assert!(due(|s| s.next.as_mut().expect("next").replicas = 10));
        assert!(due(|s| s.next.as_mut().expect("next").at.0 += SignedDuration::from_secs(300)));
        assert!(due(|s| s.conditions[0].status = "False".to_owned()));
        assert!(due(|s| s.ready_replicas = Some(3)));
        assert!(due(|s| s.promotion = Some("black-friday (Scheduled)".to_owned())));
    }

    #[test]
    fn a_forecast_that_moves_by_a_tenth_is_told() {
        let peak = |s: &mut ShopServiceStatus, p95: &str| {
            s.forecast.as_mut().expect("forecast").peak.as_mut().expect("peak").p95 = Quantity(p95.to_owned());
        };
        assert!(due(|s| peak(s, "1101")) && due(|s| peak(s, "899")) && !due(|s| peak(s, "1100")));
        assert!(due(|s| s.forecast.as_mut().expect("forecast").trusted = false));
        assert!(due(|s| s.learned = None));
    }

    #[test]
    fn the_next_column_reads_the_customers_clock() {
        let berlin = crate::convert::zone("zone", "Europe/Berlin").expect("zone");
        let at: Timestamp = "2026-11-27T18:40:00Z".parse().expect("time");
        assert_eq!(clock(at, &berlin), "19:40");
    }
}
