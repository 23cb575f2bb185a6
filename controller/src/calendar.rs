//! The promotions of one service as its forecast sees them: what is no normal load, and what is believed of those to come.

use jiff::Timestamp;
use kube::ResourceExt;
use presale_crds::{Phase, PromotionEvent};
use presale_models::{EventWindow, Expectation, ObservedUplift, UpliftModel};
use presale_planner::promotion::{Occurrence, windows};
use presale_prometheus::ServiceKey;

use crate::operator::Operator;

/// Labelled times of every promotion that reached or will reach the service.
pub(crate) fn events_of(operator: &Operator, key: &ServiceKey, now: Timestamp) -> Vec<EventWindow> {
    let mut all = operator.stores.promotions.state();
    all.retain(|event| event.metadata.namespace.as_deref() == Some(key.namespace.as_str()));
    let mut learned: Option<UpliftModel> = None;
    let mut events = Vec::new();
    for event in all {
        let known_from = event.metadata.creation_timestamp.as_ref().map_or(Timestamp::MIN, |time| time.0);
        let uplift = expectation(&event, &key.service);
        for occurrence in event.status.iter().flat_map(|status| &status.occurrences) {
            let over = occurrence.end.0 <= now;
            let planned = occurrence.plan.iter().any(|plan| plan.service == key.service);
            if !planned || !(over || acts(&event)) {
                continue;
            }
            let belief = (!over).then(|| {
                let model = learned.get_or_insert_with(|| learned_of(operator, &key.namespace));
                model.predict(&event.spec.kind, uplift)
            });
            let span = Occurrence { start: occurrence.start.0, end: occurrence.end.0 };
            events.extend(windows(&event.spec.kind, span, known_from, belief));
        }
    }
    events
}

/// Whether a promotion will happen, as far as its status tells.
fn acts(event: &PromotionEvent) -> bool {
    let phase = event.status.as_ref().and_then(|status| status.phase);
    matches!(phase, Some(Phase::Scheduled | Phase::PreScaling | Phase::Active | Phase::CoolingDown | Phase::Completed))
}

/// What earlier promotions of the namespace brought: their statuses are the memory.
pub(crate) fn learned_of(operator: &Operator, namespace: &str) -> UpliftModel {
    let mut model = UpliftModel::default();
    let mut all = operator.stores.promotions.state();
    all.retain(|other| other.metadata.namespace.as_deref() == Some(namespace));
    all.sort_by_key(|other| (other.creation_timestamp().map(|time| time.0), other.name_any()));
    for other in all {
        for stored in other.status.iter().flat_map(|s| &s.occurrences).flat_map(|o| &o.observed_uplift) {
            if let (Ok(mean), Ok(sd)) = (stored.mean.parse(), stored.sd.parse()) {
                let observed = ObservedUplift { mean, sd, censored: stored.censored };
                model.learn(&other.spec.kind, expectation(&other, &stored.service), &observed);
            }
        }
    }
    model
}

/// What people expect of a promotion for one service.
fn expectation(event: &PromotionEvent, service: &str) -> Option<Expectation> {
    let target = event.spec.targets.iter().find(|target| target.service.as_deref() == Some(service))?;
    let range = target.expected_uplift.as_ref()?;
    let (low, likely, high) = (range.low.parse().ok()?, range.likely.parse().ok()?, range.high.parse().ok()?);
    Expectation::new(low, likely, high).ok()
}
