//! A whole promotion at one moment: its occurrence, phase, plans per service, and whether they are feasible.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    Phase, PromotionFloor, PromotionSpec,
    binding::Binding,
    phase,
    plan::{self, Path, TargetFacts, TargetPlan},
    schedule::{Occurrence, Schedule, ScheduleError},
};
use crate::facts::count;

/// How far back and ahead occurrences are looked for.
const REACH: SignedDuration = SignedDuration::from_hours(400 * 24);
/// Most occurrences that are looked at.
const MOST: usize = 64;

/// A promotion, planned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PromotionPlan {
    /// Where it stands.
    pub phase: Phase,
    /// The occurrence that counts now: the running or next one, else the last; `None` if there is none.
    pub occurrence: Option<Occurrence>,
    /// Plans of that occurrence, one per target whose facts were given, in the order of the targets.
    pub targets: Vec<TargetPlan>,
    /// Whether all that is wanted is granted, in a sentence that names what binds.
    pub message: String,
}

impl PromotionPlan {
    /// Whether nothing binds.
    pub fn feasible(&self) -> bool {
        self.targets.iter().all(|t| t.binding.is_none())
    }

    /// Floors of one service for [`crate::PlanInput::promotions`]; none while it is not approved, cancelled or over.
    pub fn floors_of<'a>(&'a self, service: &'a str) -> impl Iterator<Item = &'a PromotionFloor> {
        let acts = matches!(self.phase, Phase::Scheduled | Phase::PreScaling | Phase::Active);
        self.targets.iter().filter(move |t| acts && t.service == service).map(|t| &t.floor)
    }

    /// When to plan again at the latest: at the next of scale-up, start and end.
    pub fn next_step(&self, now: Timestamp) -> Option<Timestamp> {
        let ends = self.occurrence.map(|o| [o.start, o.end, phase::cooled(o)]).into_iter().flatten();
        self.targets.iter().map(|t| t.scale_up_at).chain(ends).filter(|t| *t > now).min()
    }
}

/// Plans a promotion. `before` is the phase last shown.
///
/// Needs no Prometheus once it was planned: pass [`super::PlannedBefore`] from status, and a plan stands although load,
/// capacity or forecast are unknown.
///
/// # Errors
/// [`ScheduleError`] for a schedule that is none; the promotion is then a draft.
pub fn plan_promotion(
    spec: &PromotionSpec,
    facts: &[TargetFacts<'_>],
    before: Option<Phase>,
    now: Timestamp,
) -> Result<PromotionPlan, ScheduleError> {
    let schedule = Schedule::parse(&spec.schedule)?;
    let from = now.saturating_sub(REACH).unwrap_or(Timestamp::MIN);
    let to = now.saturating_add(REACH).unwrap_or(Timestamp::MAX);
    let occurrence = occurrence(&schedule, from, to, now);
    let mut targets = occurrence.map_or_else(Vec::new, |occurrence| {
        let planned = spec.targets.iter().filter_map(|target| {
            let facts = facts.iter().find(|f| f.service == target.service)?;
            Some((target, plan::target(spec, target, facts, occurrence, now)))
        });
        planned.collect()
    });
    if let (Some(occurrence), Some(budget)) = (occurrence, spec.budget) {
        within_budget(spec, occurrence, &mut targets, budget);
    }
    let targets: Vec<TargetPlan> = targets.into_iter().map(|(_, (plan, _))| plan).collect();
    let scale_up_at = targets.iter().map(|t| t.scale_up_at).min();
    let phase = phase::phase(spec, occurrence, scale_up_at, before, now);
    let message = message(&targets);
    Ok(PromotionPlan { phase, occurrence, targets, message })
}

/// The occurrence that counts now. Far occurrences of a rare rule are found by looking far ahead, past ones by looking back.
fn occurrence(schedule: &Schedule, from: Timestamp, to: Timestamp, now: Timestamp) -> Option<Occurrence> {
    let near = now.saturating_sub(SignedDuration::from_hours(2)).unwrap_or(now);
    let coming = phase::current(&schedule.occurrences(near, to, MOST), now).filter(|o| now < phase::cooled(*o));
    coming
        .or_else(|| schedule.occurrences(from, now, usize::MAX).last().copied())
        .or_else(|| schedule.occurrences(Timestamp::MIN, now, usize::MAX).last().copied())
        .or_else(|| schedule.occurrences(now, Timestamp::MAX, 1).first().copied())
}

type Planned<'a> = (&'a super::TargetSpec, (TargetPlan, Path));

/// Cuts what is above normal by one share over all targets, so that the replica-hours fit.
fn within_budget(spec: &PromotionSpec, occurrence: Occurrence, targets: &mut [Planned<'_>], budget: f64) {
    let total: f64 = targets.iter().map(|(_, (_, path))| path.hours()).sum();
    if total <= budget || total <= 0.0 {
        return;
    }
    let share = (budget / total).clamp(0.0, 1.0);
    for (target, (plan, path)) in targets {
        for point in &mut path.points {
            let extra = f64::from(point.granted.saturating_sub(point.normal)) * share;
            point.granted = point.granted.min(point.normal.saturating_add(count(extra.floor())));
        }
        plan.peak_replicas = path.points.iter().map(|p| p.granted).max().unwrap_or(0);
        plan.replica_hours = path.hours();
        plan.binding = Some(Binding::Budget);
        plan.floor = plan::floor(spec, target, occurrence, path, plan.scale_up_at);
    }
}

fn message(targets: &[TargetPlan]) -> String {
    let parts: Vec<String> = targets.iter().map(sentence).collect();
    if parts.is_empty() { "no service to plan for yet".to_owned() } else { parts.join("; ") }
}

fn sentence(plan: &TargetPlan) -> String {
    let TargetPlan { service, peak_replicas, wanted_replicas, .. } = plan;
    let ratio = plan.uplift.map_or(String::new(), |u| format!(" for ×{u:.1} of the normal load"));
    let Some(binding) = plan.binding else { return format!("{service} gets {peak_replicas} replicas{ratio}") };
    let why = match binding {
        Binding::Budget => "the budget of replica-hours allows no more",
        Binding::Ceiling => "the promotion's ceiling allows no more",
        Binding::MaxReplicas => "spec.replicas.max allows no more",
        Binding::StepLimit => "spec.scaling.behavior.scaleUp never gets there",
        Binding::CapacityUnknown => "requests per replica are unknown, so only the stated floor counts",
        Binding::LoadUnknown => "the normal load is unknown, so only the stated floor counts",
        Binding::LeadTime => "it is too late for all of them to be ready in time",
    };
    if *wanted_replicas == 0 {
        return format!("{service} gets no replicas yet: {why}, and there is none");
    }
    format!("{service} gets {peak_replicas} of {wanted_replicas} replicas{ratio}: {why}")
}
