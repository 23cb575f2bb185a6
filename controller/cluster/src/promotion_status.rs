//! A `PromotionEvent`'s status: phase, occurrences with their plan, and what was learned; its memory outlives the operator.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use presale_crds::{
    ConditionStatus, ConditionType, ObservedUplift, Occurrence, OccurrencePlan, Phase, PromotionEvent,
    PromotionEventStatus, Quantity, set_condition,
};
use presale_planner::promotion::ScheduleError;
use presale_planner::{PromotionPlan, PromotionSpec, promotion};

use crate::Error;
use crate::status::write;
use crate::write::Writer;

/// Most occurrences that are remembered.
const REMEMBERED: usize = 24;

/// Everything that the status of a promotion tells.
#[derive(Debug, Clone)]
pub struct PromotionReport<'a> {
    /// Whose.
    pub event: &'a PromotionEvent,
    /// As the planner sees it.
    pub spec: &'a PromotionSpec,
    /// The plan, or why its schedule is none.
    pub plan: Result<&'a PromotionPlan, &'a ScheduleError>,
    /// Uplift newly observed, of the plan's occurrence, per service.
    pub observed: Vec<(String, presale_models::ObservedUplift)>,
    /// Other promotions that raise a same service at the same time, by name.
    pub overlaps: Vec<String>,
    /// The clock reading of the plan.
    pub now: Timestamp,
}

/// The status that `report` comes to. What was observed before is kept, whatever the spec says now.
pub fn promotion_status(report: &PromotionReport<'_>) -> PromotionEventStatus {
    let old = report.event.status.clone().unwrap_or_default();
    let occurrences = occurrences(report, old.occurrences);
    PromotionEventStatus {
        observed_generation: report.event.metadata.generation,
        phase: Some(report.plan.map_or(Phase::Draft, |plan| shown(plan.phase))),
        conditions: conditions(report, old.conditions, &occurrences),
        occurrences,
    }
}

/// Whether `new` differs from `old` in phase, plans, what was observed, or a condition's status or reason. Messages and
/// times ride along: nothing here ages.
pub fn is_due(old: Option<&PromotionEventStatus>, new: &PromotionEventStatus) -> bool {
    let told = |status: &PromotionEventStatus| {
        let one = |c: &Condition| (c.type_.clone(), c.status.clone(), c.reason.clone());
        status.conditions.iter().map(one).collect::<Vec<_>>()
    };
    old.is_none_or(|old| {
        let plain = |status: &PromotionEventStatus| (status.observed_generation, status.phase);
        plain(old) != plain(new) || old.occurrences != new.occurrences || told(old) != told(new)
    })
}

/// Writes the status if it is due; says whether it did.
///
/// # Errors
/// [`Error::NotLeader`], [`Error::Deadline`] or [`Error::Api`] (404: the `PromotionEvent` is gone).
pub async fn write_promotion_status(
    writer: &Writer,
    event: &PromotionEvent,
    status: &PromotionEventStatus,
) -> Result<bool, Error> {
    if !is_due(event.status.as_ref(), status) {
        return Ok(false);
    }
    write(writer, event, status).await.map(|()| true)
}

/// The phase in the API's terms.
pub fn shown(phase: promotion::Phase) -> Phase {
    match phase {
        promotion::Phase::Draft => Phase::Draft,
        promotion::Phase::PendingApproval => Phase::PendingApproval,
        promotion::Phase::Scheduled => Phase::Scheduled,
        promotion::Phase::PreScaling => Phase::PreScaling,
        promotion::Phase::Active => Phase::Active,
        promotion::Phase::CoolingDown => Phase::CoolingDown,
        promotion::Phase::Completed => Phase::Completed,
        promotion::Phase::Cancelled => Phase::Cancelled,
        promotion::Phase::Missed => Phase::Missed,
    }
}

/// The phase in the planner's terms, to plan on after a restart.
pub fn remembered(phase: Phase) -> promotion::Phase {
    match phase {
        Phase::Draft => promotion::Phase::Draft,
        Phase::PendingApproval => promotion::Phase::PendingApproval,
        Phase::Scheduled => promotion::Phase::Scheduled,
        Phase::PreScaling => promotion::Phase::PreScaling,
        Phase::Active => promotion::Phase::Active,
        Phase::CoolingDown => promotion::Phase::CoolingDown,
        Phase::Completed => promotion::Phase::Completed,
        Phase::Cancelled => promotion::Phase::Cancelled,
        Phase::Missed => promotion::Phase::Missed,
    }
}

/// Past occurrences that were observed, the newest of them last, with the plan's occurrence in its place. Future ones that
/// the schedule no longer has are dropped.
fn occurrences(report: &PromotionReport<'_>, old: Vec<Occurrence>) -> Vec<Occurrence> {
    let current = report.plan.ok().and_then(|plan| Some((plan, plan.occurrence?)));
    let is_current = |o: &Occurrence| current.is_some_and(|(_, c)| (o.start.0, o.end.0) == (c.start, c.end));
    let known = old.iter().find(|o| is_current(o)).cloned();
    let mut all: Vec<_> = old.into_iter().filter(|o| !is_current(o) && !o.observed_uplift.is_empty()).collect();
    if let Some((plan, occurrence)) = current {
        let planned: Vec<_> = plan.targets.iter().map(of_plan).collect();
        let (old_plan, mut observed) = known.map(|o| (o.plan, o.observed_uplift)).unwrap_or_default();
        for (service, uplift) in &report.observed {
            observed.retain(|old| old.service != *service);
            observed.extend(of_uplift(service, uplift));
        }
        // Once it is over, the plan that was carried out is history; before, an empty plan must not erase a made one.
        let keep = report.now >= occurrence.end || planned.is_empty();
        let plan = if keep && !old_plan.is_empty() { old_plan } else { planned };
        all.push(Occurrence {
            start: Time(occurrence.start),
            end: Time(occurrence.end),
            plan,
            observed_uplift: observed,
        });
    }
    all.sort_by_key(|occurrence| occurrence.start.0);
    let surplus = all.len().saturating_sub(REMEMBERED);
    all.split_off(surplus)
}

fn of_plan(plan: &promotion::TargetPlan) -> OccurrencePlan {
    OccurrencePlan {
        service: plan.service.clone(),
        peak_replicas: plan.peak_replicas,
        scale_up_at: Time(whole_seconds(plan.scale_up_at)),
    }
}

/// Status keeps whole seconds, as the API server does, so that what is read back equals what is planned; rounded down, so
/// that nothing is ordered later than planned.
fn whole_seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

fn of_uplift(service: &str, uplift: &presale_models::ObservedUplift) -> Option<ObservedUplift> {
    let (mean, sd) = (Quantity::rounded(uplift.mean)?, Quantity::rounded(uplift.sd)?);
    Some(ObservedUplift { service: service.to_owned(), mean, sd, censored: uplift.censored })
}

fn conditions(report: &PromotionReport<'_>, old: Vec<Condition>, occurrences: &[Occurrence]) -> Vec<Condition> {
    let mut all = old;
    let generation = report.event.metadata.generation;
    let mut set = |kind, status, reason: &str, message: &str| {
        set_condition(&mut all, kind, (status, reason, message), generation, report.now);
    };
    let (yes, no) = (ConditionStatus::True, ConditionStatus::False);
    let approved_by = report.event.spec.approval.as_ref().and_then(|approval| approval.approved_by.as_deref());
    match approved_by {
        _ if report.spec.awaits_approval => {
            set(ConditionType::Approved, no, "AwaitsApproval", "`presale promo approve` lets it happen");
        }
        Some(person) => set(ConditionType::Approved, yes, "ApprovedByHuman", &format!("approved by {person}")),
        None => set(ConditionType::Approved, yes, "NotRequired", "it needs no approval"),
    }
    match report.plan {
        Err(error) => set(ConditionType::Feasible, no, "ScheduleRefused", &error.to_string()),
        Ok(plan) => match plan.targets.iter().find_map(|target| target.binding) {
            Some(binding) => set(ConditionType::Feasible, no, binding.as_str(), &plan.message),
            None if plan.targets.is_empty() => set(ConditionType::Feasible, no, "NoTargets", &plan.message),
            None => set(ConditionType::Feasible, yes, "PlanFits", &plan.message),
        },
    }
    if report.overlaps.is_empty() {
        set(ConditionType::Overlapping, no, "Alone", "no other promotion raises a same service at the same time");
    } else {
        let message = format!("{}: the largest plan counts, they do not add up", report.overlaps.join(", "));
        set(ConditionType::Overlapping, yes, "SameService", &message);
    }
    if occurrences.iter().any(|occurrence| !occurrence.observed_uplift.is_empty()) {
        set(ConditionType::Learned, yes, "UpliftObserved", "its uplift is a prior for the next of its kind");
    } else {
        set(ConditionType::Learned, no, "NothingObserved", "no occurrence of it was observed to its end yet");
    }
    all
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(occurrences: &serde_json::Value) -> PromotionEvent {
        serde_json::from_value(json!({"apiVersion": "presale.dev/v1alpha1", "kind": "PromotionEvent",
            "metadata": {"name": "bf", "namespace": "shop", "generation": 3},
            "spec": {"kind": "FlashSale", "targets": [{"service": "pay"}],
                "schedule": {"timeZone": "UTC", "start": "2026-11-27T20:00:00", "duration": "1h"}},
            "status": {"phase": "Active", "occurrences": occurrences}}))
        .expect("a PromotionEvent")
    }

    fn status(
        event: &PromotionEvent,
        now: &str,
        observed: Vec<(String, presale_models::ObservedUplift)>,
    ) -> PromotionEventStatus {
        let now: Timestamp = now.parse().expect("time");
        let spec = crate::convert::promotion(event, []).expect("parses");
        let plan = presale_planner::plan_promotion(&spec, &[], None, now).expect("plans");
        let overlaps = vec![];
        promotion_status(&PromotionReport { event, spec: &spec, plan: Ok(&plan), observed, overlaps, now })
    }

    fn remembered_plan() -> serde_json::Value {
        json!([
            {"start": "2025-11-27T20:00:00Z", "end": "2025-11-27T21:00:00Z",
             "observedUplift": [{"service": "pay", "mean": "3.2", "sd": "0.1", "censored": false}]},
            {"start": "2026-11-20T20:00:00Z", "end": "2026-11-20T21:00:00Z",
             "plan": [{"service": "pay", "peakReplicas": 5, "scaleUpAt": "2026-11-20T19:48:00Z"}]},
            {"start": "2026-11-27T20:00:00Z", "end": "2026-11-27T21:00:00Z",
             "plan": [{"service": "pay", "peakReplicas": 9, "scaleUpAt": "2026-11-27T19:48:00Z"}]}])
    }

    #[test]
    fn a_plan_outlives_a_round_that_knows_no_facts() {
        let status = status(&event(&remembered_plan()), "2026-11-27T20:10:00Z", vec![]);
        let starts: Vec<_> = status.occurrences.iter().map(|o| o.start.0.to_string()).collect();
        assert_eq!(
            starts,
            ["2025-11-27T20:00:00Z", "2026-11-27T20:00:00Z"],
            "what was observed is kept, what was moved is not"
        );
        assert_eq!(status.occurrences[1].plan[0].peak_replicas, 9);
    }

    #[test]
    fn what_was_observed_is_written_once() {
        let uplift = presale_models::ObservedUplift { mean: 3.456_78, sd: 0.05, censored: false };
        let first = status(&event(&remembered_plan()), "2026-11-27T21:30:00Z", vec![("pay".to_owned(), uplift)]);
        let seen = &first.occurrences[1].observed_uplift;
        assert_eq!((seen.len(), seen[0].mean.0.as_str()), (1, "3.457"));
        let mut after = event(&json!([]));
        after.status = Some(first.clone());
        let second = status(&after, "2026-11-27T21:31:00Z", vec![]);
        assert!(!is_due(Some(&first), &second), "{second:?}");
        assert!(is_due(event(&remembered_plan()).status.as_ref(), &first));
    }
}
