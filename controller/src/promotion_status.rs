//! A promotion's status from its plan: the phase, the plan that survives without Prometheus, and what was learned.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use presale_cluster::convert::promotion::PromotionSpec as Written;
use presale_crds::{
    ConditionStatus, ConditionType, ObservedUplift, Occurrence, OccurrencePlan, Phase as Shown, PromotionEvent,
    PromotionEventStatus, set_condition,
};
use presale_planner::PromotionPlan;
use presale_planner::promotion::{Phase, ScheduleError};

/// Past occurrences that status remembers: the durable memory of uplift, bounded.
const REMEMBERED: usize = 24;

/// Every phase.
pub(crate) const PHASES: [Phase; 9] = [
    Phase::Draft,
    Phase::PendingApproval,
    Phase::Scheduled,
    Phase::PreScaling,
    Phase::Active,
    Phase::CoolingDown,
    Phase::Completed,
    Phase::Cancelled,
    Phase::Missed,
];

/// What was seen beside the plan.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Uplift of the occurrence that is over, newly observed.
    pub(crate) observed: Vec<ObservedUplift>,
    /// Other promotions that raise the same service at the same time.
    pub(crate) others: Vec<String>,
}

/// The status that should be written.
pub(crate) fn status(
    event: &PromotionEvent,
    written: &Written,
    planned: &Result<PromotionPlan, ScheduleError>,
    seen: &Seen,
    now: Timestamp,
) -> PromotionEventStatus {
    let old = event.status.clone().unwrap_or_default();
    let occurrences = match planned {
        Ok(plan) => occurrences(&old.occurrences, plan, &seen.observed),
        Err(_) => old.occurrences.clone(),
    };
    let mut conditions = old.conditions;
    let mut set = |kind, (status, reason, message): (ConditionStatus, &str, &str)| {
        set_condition(&mut conditions, kind, (status, reason, message), event.metadata.generation, now);
    };
    set(ConditionType::Approved, approved(event, written));
    match planned {
        Ok(plan) => set(ConditionType::Feasible, feasible(plan)),
        Err(error) => set(ConditionType::Feasible, (ConditionStatus::False, "InvalidSchedule", &error.to_string())),
    }
    let others = seen.others.join(", ");
    set(
        ConditionType::Overlapping,
        if others.is_empty() {
            (ConditionStatus::False, "Alone", "no other promotion raises the same service at the same time")
        } else {
            (ConditionStatus::True, "OtherPromotions", &others)
        },
    );
    if occurrences.iter().any(|occurrence| !occurrence.observed_uplift.is_empty()) {
        let message = "its uplift was observed and serves as a prior from now on";
        set(ConditionType::Learned, (ConditionStatus::True, "UpliftObserved", message));
    }
    PromotionEventStatus {
        observed_generation: event.metadata.generation,
        phase: Some(planned.as_ref().map_or(Shown::Draft, |plan| shown(plan.phase))),
        occurrences,
        conditions,
    }
}

/// Past occurrences as they are remembered, and the one that is planned.
fn occurrences(old: &[Occurrence], plan: &PromotionPlan, observed: &[ObservedUplift]) -> Vec<Occurrence> {
    let Some(current) = plan.occurrence else { return old.to_vec() };
    let known = old.iter().find(|occurrence| occurrence.start.0 == current.start);
    let mut targets: Vec<OccurrencePlan> = plan
        .targets
        .iter()
        .map(|target| OccurrencePlan {
            service: target.service.clone(),
            peak_replicas: target.peak_replicas,
            scale_up_at: Time(whole_seconds(target.scale_up_at)),
        })
        .collect();
    let over = matches!(plan.phase, Phase::CoolingDown | Phase::Completed | Phase::Cancelled | Phase::Missed);
    if let (true, Some(known)) = (over, known) {
        // What is over is remembered as it was planned.
        targets.clone_from(&known.plan);
    }
    let mut all_observed = known.map(|known| known.observed_uplift.clone()).unwrap_or_default();
    all_observed.extend(observed.iter().cloned());
    let mut all: Vec<Occurrence> = old.iter().filter(|o| o.end.0 <= current.start).cloned().collect();
    all.push(Occurrence {
        start: Time(current.start),
        end: Time(current.end),
        plan: targets,
        observed_uplift: all_observed,
    });
    all.split_off(all.len().saturating_sub(REMEMBERED))
}

/// Status keeps whole seconds, as the API server does; rounded down, so that nothing is ordered later than planned.
fn whole_seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

fn approved<'a>(event: &'a PromotionEvent, written: &Written) -> (ConditionStatus, &'a str, &'a str) {
    let approval = event.spec.approval.as_ref();
    match approval.and_then(|approval| approval.approved_by.as_deref()) {
        Some(by) => (ConditionStatus::True, "Approved", by),
        None if written.approved => (ConditionStatus::True, "NotRequired", "approval.required is not set"),
        None => (ConditionStatus::False, "AwaitsApproval", "`presale promo approve` lets it happen"),
    }
}

fn feasible(plan: &PromotionPlan) -> (ConditionStatus, &str, &str) {
    match plan.targets.iter().find_map(|target| target.binding) {
        Some(binding) => (ConditionStatus::False, binding.as_str(), &plan.message),
        None if plan.targets.is_empty() => (ConditionStatus::Unknown, "NoTarget", &plan.message),
        None => (ConditionStatus::True, "Granted", "everything that is wanted is granted"),
    }
}

/// The phase as the API spells it.
pub(crate) fn shown(phase: Phase) -> Shown {
    match phase {
        Phase::Draft => Shown::Draft,
        Phase::PendingApproval => Shown::PendingApproval,
        Phase::Scheduled => Shown::Scheduled,
        Phase::PreScaling => Shown::PreScaling,
        Phase::Active => Shown::Active,
        Phase::CoolingDown => Shown::CoolingDown,
        Phase::Completed => Shown::Completed,
        Phase::Cancelled => Shown::Cancelled,
        Phase::Missed => Shown::Missed,
    }
}

/// The phase as the planner knows it.
pub(crate) fn planned(phase: Shown) -> Phase {
    PHASES.into_iter().find(|planned| shown(*planned) == phase).unwrap_or(Phase::Draft)
}

/// A condition by its type.
pub(crate) fn condition(conditions: &[Condition], kind: ConditionType) -> Option<&Condition> {
    conditions.iter().find(|condition| condition.type_ == kind.as_str())
}
