//! Announced promotions as the operator plans them: floors while they are near, and what those that are over have taught.

use jiff::{SignedDuration, Timestamp};
use presale_models::uplift::Curve;
use presale_models::{
    EventWindow, PredictRequest, QuantileForecast, Series, ServiceModel, Target, Uplift, UpliftModel,
};
use presale_planner::promotion::{Baseline, Occurrence, Phase, PlannedBefore, Schedule, TargetFacts, observe, windows};
use presale_planner::{Policy, PromotionFloor, PromotionSpec, plan_promotion};

use crate::rush::SERVICE;

/// From how long before its start a promotion is planned.
const BEFORE: SignedDuration = SignedDuration::from_hours(2);
/// How long after its end what it brought is still asked for.
const AFTER: SignedDuration = SignedDuration::from_hours(2);
/// Row length of the forecast of the normal load.
const BAND_STEP: SignedDuration = SignedDuration::from_mins(5);
/// Rows of it: a day.
const BAND_ROWS: usize = 288;

/// Every promotion that was announced, in order, with what was learned so far.
#[derive(Debug)]
pub(super) struct Announced {
    all: Vec<One>,
    learned: UpliftModel,
    band: Option<QuantileForecast>,
}

#[derive(Debug)]
struct One {
    spec: PromotionSpec,
    occurrence: Occurrence,
    phase: Option<Phase>,
    before: Option<PlannedBefore>,
    /// Forecast of the normal load, made last before the start.
    normal: Option<QuantileForecast>,
    learned: bool,
}

/// What is known of the service at a tick.
#[derive(Debug)]
pub(super) struct Known<'a> {
    pub(super) policy: &'a Policy,
    pub(super) capacity: f64,
    pub(super) lead: SignedDuration,
    pub(super) model: Option<&'a ServiceModel>,
    /// Days to weeks of load.
    pub(super) past: Option<&'a Series>,
    /// The last half hour by the tick.
    pub(super) live: &'a Series,
    /// The last two days by the minute.
    pub(super) minutes: &'a Series,
}

impl Announced {
    /// Nothing learned yet; a promotion whose schedule is none is never planned.
    pub(super) fn new(specs: &[PromotionSpec]) -> Self {
        let one = |spec: &PromotionSpec| {
            let schedule = Schedule::parse(&spec.schedule).ok()?;
            let occurrence = schedule.occurrences(Timestamp::MIN, Timestamp::MAX, 1).first().copied()?;
            Some(One { spec: spec.clone(), occurrence, phase: None, before: None, normal: None, learned: false })
        };
        let mut all: Vec<One> = specs.iter().filter_map(one).collect();
        all.sort_by_key(|one| one.occurrence.start);
        Self { all, learned: UpliftModel::default(), band: None }
    }

    /// Whether any promotion has anything to ask or to teach around `now`.
    pub(super) fn near(&self, now: Timestamp) -> bool {
        self.all.iter().any(|one| one.near(now))
    }

    /// The labelled times of every promotion that is announced by `now`, with what is believed of those to come.
    pub(super) fn windows(&self, now: Timestamp) -> impl Iterator<Item = EventWindow> {
        let known = self.all.iter().filter(move |one| one.spec.created <= now);
        known.flat_map(|one| windows(&one.spec.kind, one.occurrence, one.spec.created, Some(one.belief(&self.learned))))
    }

    /// Floors of the promotions that are near; learns from one that is over.
    pub(super) fn floors(&mut self, known: &Known<'_>, now: Timestamp) -> Vec<PromotionFloor> {
        self.predict(known, now);
        for one in
            self.all.iter_mut().filter(|one| one.near(now) && (one.normal.is_none() || now <= one.occurrence.start))
        {
            one.normal.clone_from(&self.band);
        }
        for one in self.all.iter_mut().filter(|one| one.near(now) && !one.learned && one.occurrence.end <= now) {
            let baseline = Baseline { forecast: one.normal.as_ref(), past: known.past };
            if let Some(seen) = observe(known.minutes, baseline, Curve::default(), one.occurrence, now) {
                let expectation = one.spec.targets.first().and_then(|target| target.expectation);
                self.learned.learn(&one.spec.kind, expectation, &seen);
                one.learned = true;
            }
        }
        let mut floors = Vec::new();
        for one in self.all.iter_mut().filter(|one| one.near(now)) {
            floors.extend(one.plan(known, &self.learned, now));
        }
        floors
    }

    /// Forecasts the normal load of the coming day every five minutes.
    fn predict(&mut self, known: &Known<'_>, now: Timestamp) {
        let fresh = |band: &QuantileForecast| now.duration_since(band.origin()) < BAND_STEP;
        if self.band.as_ref().is_some_and(fresh) {
            return;
        }
        let request = PredictRequest { origin: now, step: BAND_STEP, steps: BAND_ROWS, target: Target::Point };
        self.band = known.model.and_then(|model| model.predict_normal(&request).ok());
    }
}

impl One {
    fn near(&self, now: Timestamp) -> bool {
        let (to_start, since_end) =
            (self.occurrence.start.duration_since(now), now.duration_since(self.occurrence.end));
        now >= self.spec.created && to_start <= BEFORE && since_end <= AFTER
    }

    fn belief(&self, learned: &UpliftModel) -> Uplift {
        learned.predict(&self.spec.kind, self.spec.targets.first().and_then(|target| target.expectation))
    }

    fn plan(&mut self, known: &Known<'_>, learned: &UpliftModel, now: Timestamp) -> Vec<PromotionFloor> {
        let facts = TargetFacts {
            service: SERVICE,
            min: known.policy.min,
            max: known.policy.max,
            up: &known.policy.up,
            level: known.policy.level,
            capacity_p10: Some(known.capacity),
            lead_time: known.lead,
            uplift: self.belief(learned),
            baseline: Baseline { forecast: self.normal.as_ref(), past: known.past },
            live: Some(known.live),
            before: self.before,
        };
        let Ok(plan) = plan_promotion(&self.spec, &[facts], self.phase, now) else { return Vec::new() };
        self.phase = Some(plan.phase);
        self.before =
            plan.targets.first().map(|t| PlannedBefore { peak_replicas: t.peak_replicas, scale_up_at: t.scale_up_at });
        plan.floors_of(SERVICE).cloned().collect()
    }
}
