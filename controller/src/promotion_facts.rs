//! What must be known to plan a promotion: whom it reaches, what they serve, their normal load, and what was learned before.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;
use presale_crds::{PromotionEvent, ShopService};
use presale_models::uplift::Curve;
use presale_models::{ObservedUplift, QuantileForecast, Series, Uplift};
use presale_planner::promotion::{Baseline, Occurrence, Phase, Schedule, observe};
use presale_planner::{Policy, PromotionPlan, PromotionSpec};
use presale_prometheus::{Measure, ServiceQuery};

use crate::calendar::{events_of, learned_of};
use crate::operator::{Operator, key_of};
use crate::recent::floor;
use crate::tick::query_of;

/// How long an occurrence that is over still counts as the near one.
const AFTER: SignedDuration = SignedDuration::from_hours(2);
/// How long a read past serves.
const FRESH: SignedDuration = SignedDuration::from_hours(6);
/// Grid of that past.
const GRID: SignedDuration = SignedDuration::from_mins(5);

/// One service that a promotion reaches.
#[derive(Debug)]
pub(crate) struct Known {
    /// Its name.
    pub(crate) service: String,
    /// Its policy.
    pub(crate) policy: Policy,
    /// Load per replica that plans may count on.
    pub(crate) capacity_p10: Option<f64>,
    /// Decision → Ready pod.
    pub(crate) lead_time: SignedDuration,
    /// What is believed of the uplift.
    pub(crate) uplift: Uplift,
    /// Live load, by tick.
    pub(crate) live: Option<Series>,
    /// The occurrence that is near.
    pub(crate) occurrence: Option<Occurrence>,
    forecast: Option<QuantileForecast>,
    past: Option<Arc<Series>>,
    query: ServiceQuery,
}

impl Known {
    /// Normal load by time.
    pub(crate) fn baseline(&self) -> Baseline<'_> {
        Baseline { forecast: self.forecast.as_ref(), past: self.past.as_deref() }
    }
}

/// Gathers what is known of every target.
pub(crate) async fn gather(
    event: &PromotionEvent,
    spec: &PromotionSpec,
    operator: &Operator,
    now: Timestamp,
) -> Vec<Known> {
    let occurrence = near(spec, now);
    let learned = learned_of(operator, &event.namespace().unwrap_or_default());
    let mut all = Vec::new();
    for target in &spec.targets {
        let place = kube::runtime::reflector::ObjectRef::<ShopService>::new(&target.service);
        let Some(shop) = operator.stores.shops.get(&place.within(&event.namespace().unwrap_or_default())) else {
            continue;
        };
        let Ok(service) = operator.spec(&shop) else { continue };
        let key = key_of(&shop);
        let query = query_of(operator, &shop, &service);
        let past = past(operator, &query, service.lookback, now).await;
        let normal = operator.forecasts.normal(&key, now, service.horizon);
        let (capacity, live) =
            operator.services.with(&key, |service| (service.learning.capacity(), service.signals.demand().ok()));
        all.push(Known {
            service: target.service.clone(),
            capacity_p10: capacity.map(|c| c.p10),
            lead_time: operator.lead_time(&key, &service, now),
            uplift: learned.predict(&spec.kind, target.expectation),
            live,
            occurrence,
            forecast: operator.promotions.normal(&key, occurrence, now, normal),
            past,
            query,
            policy: service.policy,
        });
    }
    all
}

/// The running or next occurrence; `None` where there is none or the schedule is none.
fn near(spec: &PromotionSpec, now: Timestamp) -> Option<Occurrence> {
    let schedule = Schedule::parse(&spec.schedule).ok()?;
    let from = now.saturating_sub(AFTER).unwrap_or(Timestamp::MIN);
    let coming = schedule.occurrences(from, Timestamp::MAX, 2);
    coming.iter().find(|o| now < o.end).or_else(|| coming.first()).copied()
}

/// The past of one service without its promotions, read at most every few hours; the old one serves while Prometheus does not answer.
async fn past(
    operator: &Operator,
    query: &ServiceQuery,
    lookback: SignedDuration,
    now: Timestamp,
) -> Option<Arc<Series>> {
    let known = operator.promotions.past(&query.key);
    if let Some((read, series)) = &known
        && now.duration_since(*read) < FRESH
    {
        return Some(Arc::clone(series));
    }
    let end = floor(now, GRID);
    let start = floor(end.checked_sub(lookback).ok()?, GRID);
    match operator.prometheus.as_ref()?.history(query, Measure::Load, (start, end), GRID).await {
        Ok(series) => {
            let labelled: Vec<_> = events_of(operator, &query.key, now).iter().map(|e| (e.start, e.end)).collect();
            let series = Arc::new(series.without(&labelled));
            operator.promotions.keep_past(&query.key, now, Arc::clone(&series));
            Some(series)
        }
        Err(error) => {
            tracing::warn!(service = %query.key, %error, "the past cannot be read; earlier plans stand");
            known.map(|(_, series)| series)
        }
    }
}

/// What the occurrence that is over brought, for services of which status does not tell yet.
pub(crate) async fn observed(
    event: &PromotionEvent,
    plan: &PromotionPlan,
    known: &[Known],
    operator: &Operator,
    now: Timestamp,
) -> Vec<(String, ObservedUplift)> {
    let (Some(occurrence), Some(prometheus)) = (plan.occurrence, &operator.prometheus) else { return Vec::new() };
    let over = matches!(plan.phase, Phase::CoolingDown | Phase::Completed);
    if !over || now.duration_since(occurrence.end) > AFTER {
        return Vec::new();
    }
    let told = event.status.iter().flat_map(|s| &s.occurrences).filter(|o| o.start.0 == occurrence.start);
    let told: Vec<&str> = told.flat_map(|o| &o.observed_uplift).map(|o| o.service.as_str()).collect();
    let minute = SignedDuration::from_mins(1);
    let (start, end) = (floor(occurrence.start, minute), floor(occurrence.end, minute));
    let mut all = Vec::new();
    for service in known.iter().filter(|service| !told.contains(&service.service.as_str()) && start < end) {
        match prometheus.history(&service.query, Measure::Load, (start, end), minute).await {
            Ok(load) => all.extend(
                observe(&load, service.baseline(), Curve::default(), occurrence, now)
                    .map(|observed| (service.service.clone(), observed)),
            ),
            Err(error) => tracing::warn!(service = service.service, %error, "the uplift cannot be read yet"),
        }
    }
    all
}
