//! What promotions ask of services right now: floors for decisions, and a line for people; written by their reconciler.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use presale_models::{QuantileForecast, Series};
use presale_planner::promotion::{Occurrence, Phase};
use presale_planner::{PromotionFloor, PromotionPlan};
use presale_prometheus::ServiceKey;

/// How long after its start a promotion's forecast of the normal load is kept.
const KEPT: SignedDuration = SignedDuration::from_hours(48);

/// Plans by namespace and name of their `PromotionEvent`.
#[derive(Debug, Default)]
pub(crate) struct Promotions {
    plans: Mutex<HashMap<(String, String), PromotionPlan>>,
    pasts: Mutex<HashMap<ServiceKey, (Timestamp, Arc<Series>)>>,
    normals: Mutex<HashMap<(ServiceKey, Timestamp), QuantileForecast>>,
}

impl Promotions {
    /// Notes the newest plan of a promotion.
    pub(crate) fn put(&self, namespace: &str, name: &str, plan: PromotionPlan) {
        self.plans(|plans| plans.insert((namespace.to_owned(), name.to_owned()), plan));
    }

    /// Forgets promotions that are gone.
    pub(crate) fn retain(&self, keep: impl Fn(&str, &str) -> bool) {
        self.plans(|plans| plans.retain(|(namespace, name), _| keep(namespace, name)));
    }

    /// Floors and ceilings of one service.
    pub(crate) fn floors(&self, key: &ServiceKey) -> Vec<PromotionFloor> {
        self.plans(|plans| {
            let here = plans.iter().filter(|((namespace, _), _)| *namespace == key.namespace);
            let mut floors: Vec<PromotionFloor> =
                here.flat_map(|(_, plan)| plan.floors_of(&key.service)).cloned().collect();
            floors.sort_by(|a, b| (a.starts, &a.name).cmp(&(b.starts, &b.name)));
            floors
        })
    }

    /// The promotion of one service that is in force or comes next, such as "black-friday (Scheduled)".
    pub(crate) fn shown(&self, key: &ServiceKey) -> Option<String> {
        self.plans(|plans| {
            let here = plans.iter().filter(|((namespace, _), _)| *namespace == key.namespace);
            let coming = here.filter(|(_, plan)| {
                let counts = matches!(
                    plan.phase,
                    Phase::PendingApproval | Phase::Scheduled | Phase::PreScaling | Phase::Active | Phase::CoolingDown
                );
                counts && plan.targets.iter().any(|target| target.service == key.service)
            });
            let first = coming.min_by_key(|((_, name), plan)| (plan.occurrence.map(|o| o.start), name.clone()));
            first.map(|((_, name), plan)| format!("{name} ({:?})", plan.phase))
        })
    }

    /// Other promotions that ask something of the same services at the same time.
    pub(crate) fn overlapping(&self, namespace: &str, name: &str, plan: Option<&PromotionPlan>) -> Vec<String> {
        let Some(plan) = plan else { return Vec::new() };
        let acts = |plan: &PromotionPlan| {
            matches!(plan.phase, Phase::PendingApproval | Phase::Scheduled | Phase::PreScaling | Phase::Active)
        };
        let meets = |other: &PromotionPlan| {
            plan.targets.iter().any(|ours| {
                let same = other.targets.iter().filter(|theirs| theirs.service == ours.service);
                same.map(|theirs| &theirs.floor).any(|t| t.from < ours.floor.until && ours.floor.from < t.until)
            })
        };
        self.plans(|plans| {
            let others = plans.iter().filter(|((place, other), _)| place == namespace && other != name);
            let mut found: Vec<String> = others
                .filter(|(_, other)| acts(plan) && acts(other) && meets(other))
                .map(|((_, other), _)| other.clone())
                .collect();
            found.sort();
            found
        })
    }

    /// The past of a service and when it was read, where a promotion needed it.
    pub(crate) fn past(&self, key: &ServiceKey) -> Option<(Timestamp, Arc<Series>)> {
        self.pasts.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// Keeps a past that was read.
    pub(crate) fn keep_past(&self, key: &ServiceKey, read: Timestamp, past: Arc<Series>) {
        self.pasts.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone(), (read, past));
    }

    /// The forecast of the normal load to plan `occurrence` with: the newest until it starts, then the last one of before.
    pub(crate) fn normal(
        &self,
        key: &ServiceKey,
        occurrence: Option<Occurrence>,
        now: Timestamp,
        made: Option<QuantileForecast>,
    ) -> Option<QuantileForecast> {
        let Some(start) = occurrence.map(|occurrence| occurrence.start) else { return made };
        let mut normals = self.normals.lock().unwrap_or_else(PoisonError::into_inner);
        let place = (key.clone(), start);
        let frozen = now > start || made.is_none();
        if let Some(before) = normals.get(&place).filter(|_| frozen) {
            return Some(before.clone());
        }
        let made = made?;
        normals.retain(|(_, start), _| now.duration_since(*start) < KEPT);
        normals.insert(place, made.clone());
        Some(made)
    }

    fn plans<T>(&self, job: impl FnOnce(&mut HashMap<(String, String), PromotionPlan>) -> T) -> T {
        job(&mut self.plans.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
