//! One promotion, one round: whom it reaches, what it asks of them, and what it brought; services read the floors.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;
use kube::runtime::controller::Action;
use presale_cluster::convert::promotion;
use presale_cluster::promotion_status::{self, PromotionReport, promotion_status};
use presale_cluster::{Notice, write_promotion_status};
use presale_crds::PromotionEvent;
use presale_metrics::PhaseLabels;
use presale_planner::promotion::{Phase, PlannedBefore, TargetFacts};
use presale_planner::{PromotionPlan, PromotionSpec, plan_promotion};
use tracing::Instrument;

use crate::config::unsigned;
use crate::error_policy::Failed;
use crate::operator::Operator;
use crate::promotion_facts::{self, Known};

/// How soon a process that does not lead looks again whether it does.
const FOLLOWING: std::time::Duration = std::time::Duration::from_secs(2);
/// Far from any step, a plan is made again this often: forecasts and capacities move.
const SLOWLY: SignedDuration = SignedDuration::from_secs(60);
/// Within this time of a step, and while it runs, a plan is made again every tick.
const NEAR: SignedDuration = SignedDuration::from_mins(10);

/// Every phase, for metrics that export all labels from the start.
const PHASES: [Phase; 9] = [
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

/// Reconciles one promotion.
///
/// # Errors
/// [`Failed`], for the error policy.
pub(crate) async fn reconcile(event: Arc<PromotionEvent>, operator: Arc<Operator>) -> Result<Action, Failed> {
    if event.metadata.deletion_timestamp.is_some() {
        return Ok(Action::await_change());
    }
    if !operator.leadership.leads() {
        return Ok(Action::requeue(FOLLOWING));
    }
    let name = format!("{}/{}", event.namespace().unwrap_or_default(), event.name_any());
    let span = tracing::info_span!("reconcile", trace_id = operator.trace_ids.next(), promotion = name);
    recipe(&event, &operator).instrument(span).await
}

/// The recipe.
async fn recipe(event: &PromotionEvent, operator: &Operator) -> Result<Action, Failed> {
    let now = operator.now();
    let namespace = event.namespace().unwrap_or_default();
    let shops = operator.shops();
    let spec = promotion(event, shops.iter().map(Arc::as_ref))?;
    let known = promotion_facts::gather(event, &spec, operator, now).await;
    let before = event.status.as_ref().and_then(|status| status.phase).map(promotion_status::remembered);
    let planned = plan_promotion(&spec, &facts_of(event, &spec, &known), before, now);

    let observed = match &planned {
        Ok(plan) => promotion_facts::observed(event, plan, &known, operator, now).await,
        Err(_) => Vec::new(),
    };
    let overlaps = operator.promotions.overlapping(&namespace, &event.name_any(), planned.as_ref().ok());
    let report_of = PromotionReport { event, spec: &spec, plan: planned.as_ref(), observed, overlaps, now };
    let status = promotion_status(&report_of);
    write_promotion_status(&operator.writer, event, &status).await?;

    let Ok(plan) = planned else { return Ok(Action::requeue(unsigned(SLOWLY))) };
    report(event, &plan, before, operator).await?;
    let again = next(&plan, operator.tick(), now);
    operator.promotions.put(&namespace, &event.name_any(), plan);
    Ok(Action::requeue(unsigned(again)))
}

/// The facts as the planner borrows them.
fn facts_of<'a>(event: &PromotionEvent, spec: &'a PromotionSpec, known: &'a [Known]) -> Vec<TargetFacts<'a>> {
    known
        .iter()
        .map(|known| TargetFacts {
            service: &known.service,
            min: known.policy.min,
            max: known.policy.max,
            up: &known.policy.up,
            level: known.policy.level,
            capacity_p10: known.capacity_p10,
            lead_time: known.lead_time,
            uplift: known.uplift,
            baseline: known.baseline(),
            live: known.live.as_ref(),
            before: planned_before(event, spec, known),
        })
        .collect()
}

/// What status remembers of the occurrence that is near: it keeps a plan alive without Prometheus.
fn planned_before(event: &PromotionEvent, spec: &PromotionSpec, known: &Known) -> Option<PlannedBefore> {
    let start = known.occurrence?.start;
    let occurrences = event.status.iter().flat_map(|status| &status.occurrences);
    let same = occurrences.filter(|o| o.start.0 == start).flat_map(|o| &o.plan).find(|p| p.service == known.service)?;
    (!spec.cancelled).then_some(PlannedBefore { peak_replicas: same.peak_replicas, scale_up_at: same.scale_up_at.0 })
}

/// Tells people of a new phase, and the metrics of the one that holds.
async fn report(
    event: &PromotionEvent,
    plan: &PromotionPlan,
    before: Option<Phase>,
    operator: &Operator,
) -> Result<(), Failed> {
    let phase = promotion_status::shown(plan.phase);
    for other in PHASES {
        let labels = PhaseLabels {
            namespace: event.namespace().unwrap_or_default(),
            promotion: event.name_any(),
            phase: promotion_status::shown(other).as_str(),
        };
        operator.metrics.promotion_phase.get_or_create(&labels).set(i64::from(other == plan.phase));
    }
    if before != Some(plan.phase) {
        tracing::info!(phase = phase.as_str(), "{}", plan.message);
        operator.events.tell(event, &Notice::phase(phase.as_str(), plan.message.clone())).await?;
    }
    Ok(())
}

/// When to plan again.
fn next(plan: &PromotionPlan, tick: SignedDuration, now: Timestamp) -> SignedDuration {
    let runs = matches!(plan.phase, Phase::PreScaling | Phase::Active | Phase::CoolingDown);
    let step = plan.next_step(now).map(|at| at.duration_since(now));
    match step {
        _ if runs => tick,
        Some(step) if step <= NEAR => step.min(tick).max(SignedDuration::from_millis(200)),
        _ => SLOWLY,
    }
}
