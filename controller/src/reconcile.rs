//! One service, one round: facts in, one pure decision, one actuation, and the report. Read this first.

use std::sync::Arc;

use jiff::Timestamp;
use kube::ResourceExt;
use kube::runtime::controller::Action;
use presale_cluster::convert::ServiceSpec;
use presale_cluster::{
    Error, Notice, Observed, Report, Target, apply_owned, observe, scale, shop_status, write_shop_status,
};
use presale_crds::ShopService;
use presale_models::series::StepError;
use presale_planner::{Decision, Outcome, PlanInput, decide};
use presale_prometheus::ServiceKey;
use tracing::Instrument;

use crate::config::unsigned;
use crate::error_policy::{self, Failed};
use crate::learning::ReplicaFacts;
use crate::ledger::Record;
use crate::measure;
use crate::operator::{Operator, key_of};
use crate::reserve;

/// How soon a process that does not lead looks again whether it does.
const FOLLOWING: std::time::Duration = std::time::Duration::from_secs(2);
/// How soon the next step of a warm reserve follows, where no watch brings it sooner.
const STEP: std::time::Duration = std::time::Duration::from_secs(1);

/// Reconciles one service; a failure becomes its status, an event, and another round.
///
/// # Errors
/// [`Failed`], for the error policy.
pub(crate) async fn reconcile(shop: Arc<ShopService>, operator: Arc<Operator>) -> Result<Action, Failed> {
    if shop.metadata.deletion_timestamp.is_some() {
        return Ok(Action::await_change());
    }
    if !operator.leadership.leads() {
        return Ok(Action::requeue(FOLLOWING));
    }
    let span = tracing::info_span!("reconcile", trace_id = operator.trace_ids.next(), service = %key_of(&shop));
    let rounds = async {
        let done = Box::pin(recipe(&shop, &operator)).await;
        if let Err(failed) = &done {
            error_policy::tell(&operator, &shop, failed).await;
        }
        done
    };
    rounds.instrument(span).await
}

/// What an actuation came to.
struct Applied {
    /// Whether the decision's count reached the target.
    written: bool,
    /// Whether there is more to do soon.
    goes_on: bool,
}

/// The recipe.
async fn recipe(shop: &ShopService, operator: &Operator) -> Result<Action, Failed> {
    let round = Round { shop, key: key_of(shop), spec: operator.spec(shop)?, now: operator.now(), operator };

    let (target, failure) = Box::pin(round.own()).await?;
    let observed = round.look(&target).await?;
    let input = round.facts(&observed)?;

    let decision = measure::stage(operator, "decide", || decide(&input));

    let applied = round.apply(&target, &observed, &input, &decision).await?;
    round.report(&input, &decision, &observed, failure.as_ref()).await?;
    round.record(input, &decision, applied.written).await;
    Ok(Action::requeue(if applied.goes_on { STEP } else { unsigned(decision.next_check) }))
}

/// One service at one instant.
struct Round<'a> {
    shop: &'a ShopService,
    key: ServiceKey,
    spec: ServiceSpec,
    now: Timestamp,
    operator: &'a Operator,
}

impl Round<'_> {
    /// Brings what we own to the spec, or finds what we adopted. A pod template that the server refuses fails no round:
    /// what runs is scaled all the same.
    async fn own(&self) -> Result<(Target, Option<Error>), Failed> {
        let Self { shop, spec, operator, .. } = self;
        let namespace = shop.namespace().unwrap_or_default();
        if let Some(workload) = &spec.workload {
            let named = (workload.api_version.as_str(), workload.kind.as_str(), workload.name.as_str());
            return Ok((operator.kinds.adopted(&namespace, named).await?, None));
        }
        let target = Target::owned(&namespace, &shop.name_any());
        let at_birth = spec.policy.fixed.unwrap_or(spec.policy.min);
        let applying = Box::pin(apply_owned(&operator.writer, &operator.stores, shop, at_birth));
        match measure::timed(operator, "own", applying).await {
            Ok(objects) if objects.is_empty() => Ok((target, None)),
            Ok(objects) => {
                operator.events.tell(*shop, &Notice::applied(&objects)).await?;
                Ok((target, None))
            }
            Err(error @ Error::TemplateRefused { .. }) => {
                operator.events.tell(*shop, &Notice::failed(&error)).await?;
                Ok((target, Some(error)))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Looks at what runs, and remembers its pods for the next reading.
    async fn look(&self, target: &Target) -> Result<Observed, Failed> {
        let Self { shop, spec, operator, .. } = self;
        let looking = observe(operator.writer.client(), &operator.stores, target, shop, self.now);
        let observed = measure::timed(operator, "observe", looking).await?;
        let facts = ReplicaFacts::of(shop, spec);
        operator.services.with(&self.key, |service| service.see(&observed, &facts, self.now));
        Ok(observed)
    }

    /// Everything that the decision rests on.
    fn facts(&self, observed: &Observed) -> Result<PlanInput, StepError> {
        let Self { key, spec, operator, now, .. } = self;
        let lead_time = operator.lead_time(key, spec, *now);
        let limit = spec.latency.map(|latency| latency.max.as_secs_f64());
        let forecast = operator.forecasts.input(key, *now, lead_time);
        let promotions = operator.promotions.floors(key);
        operator.services.with(key, |service| {
            let capacity = service.learning.capacity();
            Ok(PlanInput {
                now: *now,
                policy: spec.policy.clone(),
                replicas: observed.replicas,
                load: reserve::signal::live(service.signals.load, spec, service.reserve.load(*now), *now),
                recent: service.signals.recent()?,
                saturation: service.signals.saturation(limit),
                forecast,
                capacity_p10: capacity.map(|c| c.p10),
                capacity_p50: capacity.map(|c| c.p50),
                lead_time,
                promotions,
                history: service.memory.history.clone(),
                changes: service.memory.changes.clone(),
                hand_scaled: observed.hand_scaled.as_ref().map(Into::into),
                conflict: observed.conflict.clone(),
                reserve: reserve::input(observed, spec, &service.reserve),
            })
        })
    }

    /// Writes the replicas if the decision says so, or takes the next steps where there is a warm reserve.
    async fn apply(
        &self,
        target: &Target,
        observed: &Observed,
        input: &PlanInput,
        decision: &Decision,
    ) -> Result<Applied, Failed> {
        let written = writes(decision);
        let goes_on = if observed.has_reserve {
            let decided = (input, decision);
            reserve::carry_out(self.operator, self.shop, (target, &self.spec), observed, decided).await?
        } else {
            false
        };
        if !written {
            return Ok(Applied { written, goes_on });
        }
        if !observed.has_reserve {
            measure::timed(self.operator, "apply", scale(&self.operator.writer, target, decision.desired)).await?;
        }
        tracing::info!(
            target = target.describe(),
            from = decision.current,
            to = decision.desired,
            reason = decision.reason.as_str(),
            "scaled: {}",
            decision.message
        );
        Ok(Applied { written, goes_on })
    }

    /// Says what was decided: status where it changed, events where a person should know, metrics always.
    async fn report(
        &self,
        input: &PlanInput,
        decision: &Decision,
        observed: &Observed,
        failure: Option<&Error>,
    ) -> Result<(), Failed> {
        let Self { shop, key, spec, operator, now } = self;
        measure::decision(operator, key, input, decision);
        let (learned, health, reserve) = operator.services.with(key, |service| {
            let can_resize = operator.resizing.is_known();
            let reserve = reserve::report(observed, spec, decision, &service.reserve, can_resize);
            (service.learned(*now), service.health.status(), reserve)
        });
        measure::reserve(operator, key, reserve.map(|reserve| reserve.status));
        let status = shop_status(&Report {
            shop,
            input,
            decision,
            observed,
            failure,
            forecast: operator.forecasts.status(key, *now, spec),
            learned,
            promotion: operator.promotions.shown(key),
            health,
            reserve,
            time_zone: &spec.time_zone,
        });
        measure::timed(operator, "report", write_shop_status(&operator.writer, shop, &status)).await?;
        if let Some(hand) = &observed.hand_scaled {
            operator.events.tell(*shop, &Notice::hand_scaled(hand)).await?;
        }
        if let Some(rival) = &observed.conflict {
            operator.events.tell(*shop, &Notice::conflict(rival)).await?;
        }
        if writes(decision) {
            operator.events.tell(*shop, &Notice::scaled(decision)).await?;
        } else if decision.outcome == Outcome::Limited && observed.conflict.is_none() {
            operator.events.tell(*shop, &Notice::held(decision)).await?;
        }
        Ok(())
    }

    /// Remembers the decision, and writes it to the ledger where it differs from the last or some time has passed.
    async fn record(&self, input: PlanInput, decision: &Decision, written: bool) {
        let record = Arc::new(Record { at: decision.at, decision: decision.clone(), input });
        let due = self.operator.services.with(&self.key, |service| service.remember(&record, written));
        if due {
            self.operator.ledger.record(&self.key, record).await;
        }
    }
}

/// Whether a decision changes the target.
fn writes(decision: &Decision) -> bool {
    decision.write && decision.desired != decision.current
}
