//! The plan of one occurrence: replicas per service and time, and the latest moment to order them so that all are ready
//! before the start.

use jiff::{SignedDuration, Timestamp};
use presale_models::{Level, Series, Uplift, uplift::Curve};
use serde::{Deserialize, Serialize};

use super::{
    PromotionFloor, PromotionSpec, TargetSpec,
    baseline::Baseline,
    binding::Binding,
    pace,
    schedule::Occurrence,
    takeover::{Running, ratio},
};
use crate::{Behavior, Recommendation, facts::replicas};

/// Fewest and most seconds between two floors of a plan.
const STEP_SECONDS: (i64, i64) = (30, 900);
/// Most floors of a plan.
const MOST_STEPS: i64 = 60;
/// A peak that falls by less than this share stays, so that the plan does not flicker.
const FLICKER: f64 = 0.1;

/// What the planner must know of a service to plan for it.
#[derive(Debug, Clone, Copy)]
pub struct TargetFacts<'a> {
    /// Name of the service.
    pub service: &'a str,
    /// Fewest replicas.
    pub min: u32,
    /// Most replicas.
    pub max: u32,
    /// Its rules for going up: they cost time.
    pub up: &'a Behavior,
    /// Level of the load that plans cover.
    pub level: Level,
    /// Load per replica that plans may count on; `None` = unknown.
    pub capacity_p10: Option<f64>,
    /// Decision → ready pod.
    pub lead_time: SignedDuration,
    /// What is believed of the uplift.
    pub uplift: Uplift,
    /// Load without the promotion.
    pub baseline: Baseline<'a>,
    /// Live load by the minute since the start; `None` = unknown, and the plan stands.
    pub live: Option<&'a Series>,
    /// What was planned for this occurrence before, from status; keeps a plan alive without Prometheus.
    pub before: Option<PlannedBefore>,
}

/// A plan as status remembers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedBefore {
    /// Most replicas.
    pub peak_replicas: u32,
    /// When they were or are to be ordered.
    pub scale_up_at: Timestamp,
}

/// The plan of one occurrence for one service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TargetPlan {
    /// Name of the service.
    pub service: String,
    /// Most replicas asked for.
    pub peak_replicas: u32,
    /// What would be asked for without bounds, ceiling and budget.
    pub wanted_replicas: u32,
    /// When replicas are ordered so that all are ready in time.
    pub scale_up_at: Timestamp,
    /// Ratio to normal load that is planned with; `None` where only a floor is known.
    pub uplift: Option<f64>,
    /// Replica-hours above those without the promotion.
    pub replica_hours: f64,
    /// What keeps the plan from what is wanted; `None` = nothing.
    pub binding: Option<Binding>,
    /// The floor for [`crate::PlanInput::promotions`].
    pub floor: PromotionFloor,
}

/// Floors over time, and what normal load needs at those times.
#[derive(Debug, Clone)]
pub(super) struct Path {
    pub(super) step: SignedDuration,
    /// Time, wanted, granted, normal.
    pub(super) points: Vec<Point>,
}

/// One step of a [`Path`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Point {
    pub(super) at: Timestamp,
    pub(super) wanted: u32,
    pub(super) granted: u32,
    pub(super) normal: u32,
}

impl Path {
    /// Replica-hours above normal.
    pub(super) fn hours(&self) -> f64 {
        let extra: f64 = self.points.iter().map(|p| f64::from(p.granted.saturating_sub(p.normal))).sum();
        extra * self.step.as_secs_f64() / 3600.0
    }
}

/// Plans one service for one occurrence.
pub(super) fn target(
    spec: &PromotionSpec,
    target: &TargetSpec,
    facts: &TargetFacts<'_>,
    occurrence: Occurrence,
    now: Timestamp,
) -> (TargetPlan, Path) {
    let curve = Curve::default().fitted(occurrence.end.duration_since(occurrence.start));
    let running = Running { occurrence, curve, baseline: facts.baseline, live: facts.live };
    let uplift = ratio(&facts.uplift, facts.level, &running, now);
    let lead = spec.lead_time.unwrap_or(facts.lead_time);
    let demand = Demand { running, uplift, capacity: facts.capacity_p10.filter(|c| c.is_finite() && *c > 0.0) };

    let normal = demand.normal(occurrence.start);
    let peak = grant(facts, target, demand.wanted(occurrence.start, occurrence.end, target, facts).unwrap_or(0));
    let climb = pace::climb(facts.up, normal.unwrap_or(facts.min).clamp(facts.min, facts.max), peak);
    let ordered = occurrence
        .start
        .saturating_sub(spec.ready_before.saturating_add(lead).saturating_add(climb.unwrap_or(SignedDuration::ZERO)))
        .unwrap_or(now);
    let scale_up_at = match facts.before {
        // Pre-scaling that began goes on, whatever the lead time is now.
        Some(before) if before.scale_up_at <= now => before.scale_up_at.min(ordered),
        _ => ordered,
    };

    let path = path(&demand, target, facts, scale_up_at, lead);
    let wanted = path.points.iter().map(|p| p.wanted).max().unwrap_or(0);
    let granted = path.points.iter().map(|p| p.granted).max().unwrap_or(0);
    let known = demand.known(occurrence.start);
    let late = spec.created > scale_up_at || (now > scale_up_at && facts.before.is_none());
    let binding = Binding::of(wanted, granted, target.ceiling, facts)
        .or(climb.is_none().then_some(Binding::StepLimit))
        .or((!known).then(|| Binding::unknown(facts)))
        .or((late && now < occurrence.start).then_some(Binding::LeadTime));
    let plan = TargetPlan {
        service: facts.service.to_owned(),
        peak_replicas: granted,
        wanted_replicas: wanted,
        scale_up_at,
        uplift: known.then_some(uplift),
        replica_hours: path.hours(),
        binding,
        floor: floor(spec, target, occurrence, &path, scale_up_at),
    };
    (plan, path)
}

/// The floor over the points of a path, equal neighbours left out.
pub(super) fn floor(
    spec: &PromotionSpec,
    target: &TargetSpec,
    occurrence: Occurrence,
    path: &Path,
    scale_up_at: Timestamp,
) -> PromotionFloor {
    let mut floors: Vec<Recommendation> = Vec::new();
    for point in &path.points {
        if floors.last().is_none_or(|last| last.replicas != point.granted) {
            floors.push(Recommendation { at: point.at, replicas: point.granted });
        }
    }
    PromotionFloor {
        name: spec.name.clone(),
        from: scale_up_at,
        until: occurrence.end,
        starts: occurrence.start,
        ends: occurrence.end,
        floors,
        ceiling: target.ceiling,
    }
}

/// What is asked of a service, by time.
struct Demand<'a> {
    running: Running<'a>,
    uplift: f64,
    capacity: Option<f64>,
}

impl Demand<'_> {
    fn known(&self, t: Timestamp) -> bool {
        self.capacity.is_some() && self.running.baseline.at(t, self.running.occurrence.start).is_some()
    }

    /// Replicas for normal load at `t`.
    fn normal(&self, t: Timestamp) -> Option<u32> {
        Some(replicas(self.running.baseline.at(t, self.running.occurrence.start)?, self.capacity?))
    }

    /// Replicas for the promotion's load at `t`. From the start to the plateau the opening is planned in full.
    fn at(&self, t: Timestamp) -> Option<u32> {
        let Occurrence { start, end } = self.running.occurrence;
        let opening = t >= start && t.duration_since(start) <= self.running.curve.ramp;
        let share = if opening {
            self.running.curve.peak(end.duration_since(start)).max(1.0)
        } else {
            self.running.curve.share(t, start, end)
        };
        let load = self.running.baseline.at(t, start)? * (1.0 + (self.uplift - 1.0) * share);
        Some(replicas(load, self.capacity?))
    }

    /// Most replicas that are wanted at any time within `[from, to]`: by the load, the stated floor, or the earlier plan
    /// where the load is unknown.
    fn wanted(&self, from: Timestamp, to: Timestamp, target: &TargetSpec, facts: &TargetFacts<'_>) -> Option<u32> {
        let step = step(self.running.occurrence);
        let mut most = None;
        let mut t = from;
        for _ in 0..=2 * MOST_STEPS {
            most = most.max(self.at(t.min(to)));
            t = t.saturating_add(step).unwrap_or(to);
            if t > to {
                break;
            }
        }
        let most = most.or(facts.before.map(|b| b.peak_replicas)).max(target.floor)?;
        // A plan that falls a little stays as it was.
        let kept = facts.before.map(|b| b.peak_replicas).filter(|before| {
            from <= self.running.occurrence.start
                && *before > most
                && f64::from(*before - most) <= FLICKER * f64::from(*before)
        });
        Some(kept.unwrap_or(most))
    }
}

/// Bounds and ceiling.
fn grant(facts: &TargetFacts<'_>, target: &TargetSpec, wanted: u32) -> u32 {
    let max = facts.max.max(facts.min);
    wanted.min(target.ceiling.unwrap_or(max)).clamp(facts.min, max)
}

fn step(occurrence: Occurrence) -> SignedDuration {
    let length = occurrence.end.duration_since(occurrence.start).as_secs();
    SignedDuration::from_secs((length / MOST_STEPS).clamp(STEP_SECONDS.0, STEP_SECONDS.1))
}

/// Floors from `scale_up_at` to the end, each covering what a pod ordered then must serve.
fn path(
    demand: &Demand<'_>,
    target: &TargetSpec,
    facts: &TargetFacts<'_>,
    scale_up_at: Timestamp,
    lead: SignedDuration,
) -> Path {
    let Occurrence { start, end } = demand.running.occurrence;
    let step = step(demand.running.occurrence);
    let opened = start.saturating_add(demand.running.curve.ramp).unwrap_or(end).min(end);
    let mut points = Vec::new();
    let mut t = scale_up_at;
    // One floor up to the start: all of the opening's capacity stands ready before it.
    while t < end && points.len() < 1_000 {
        let to = t.saturating_add(lead.saturating_add(step)).unwrap_or(end).max(opened).min(end);
        let from = t.max(start);
        if let Some(wanted) = demand.wanted(from, to.max(from), target, facts) {
            let normal = demand.normal(t).unwrap_or(facts.min).clamp(facts.min, facts.max.max(facts.min));
            points.push(Point { at: t, wanted, granted: grant(facts, target, wanted), normal });
        }
        t = match t.checked_add(step) {
            Ok(next) => next,
            Err(_) => break,
        };
    }
    Path { step, points }
}
