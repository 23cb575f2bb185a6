//! The models in use and the forecasts they make: predicted once a minute, read by every decision in between.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use presale_cluster::convert::ServiceSpec;
use presale_crds::{ForecastPeak, ForecastStatus, Quantity};
use presale_models::score::Scores;
use presale_models::{EventWindow, LEVELS, PredictRequest, QuantileForecast, Sample, Target};
use presale_planner::{ForecastInput, HOLD};
use presale_prometheus::ServiceKey;

use crate::model_store::Stored;
use crate::recent::floor;

/// Row length of the forecast that decisions look at.
const AHEAD_STEP: SignedDuration = SignedDuration::from_mins(1);
/// How far decisions look at least: the hour of `next`, and a little more.
const AHEAD: SignedDuration = SignedDuration::from_mins(70);
/// Row length of the forecast that is shown.
const BAND_STEP: SignedDuration = SignedDuration::from_mins(5);

/// Load at each of [`LEVELS`].
pub(crate) type Expected = [f64; LEVELS.len()];

/// Every service's model.
#[derive(Debug, Default)]
pub(crate) struct Forecasts(Mutex<HashMap<ServiceKey, Slot>>);

#[derive(Debug)]
enum Slot {
    /// There is no model, and why (a stable word).
    Without(&'static str),
    /// There is one.
    With(Box<Trained>),
}

#[derive(Debug)]
struct Trained {
    stored: Stored,
    ahead: Option<Ahead>,
    band: Option<QuantileForecast>,
    normal: Option<QuantileForecast>,
    /// The newest two forecasts of single readings, newest first.
    readings: VecDeque<QuantileForecast>,
    failed: Option<&'static str>,
    /// The newest on disk was damaged: this one is older.
    last_good: bool,
}

#[derive(Debug)]
struct Ahead {
    lead: SignedDuration,
    forecast: QuantileForecast,
}

/// What is known of a model, for people.
#[derive(Debug, Clone)]
pub(crate) struct ModelFacts {
    /// Its name.
    pub(crate) name: &'static str,
    /// When it was trained.
    pub(crate) trained_at: Timestamp,
    /// End of the newest data that it has seen.
    pub(crate) data_until: Timestamp,
    /// Its scores.
    pub(crate) scores: Scores,
    /// Whether it has earned trust.
    pub(crate) trusted: bool,
    /// Whether an older one stands in for a damaged one.
    pub(crate) last_good: bool,
}

impl Forecasts {
    /// Puts a model to use in place of the one before.
    pub(crate) fn install(&self, key: &ServiceKey, stored: Stored, last_good: bool) {
        let readings = VecDeque::new();
        let trained = Trained { stored, ahead: None, band: None, normal: None, readings, failed: None, last_good };
        self.slots(|slots| slots.insert(key.clone(), Slot::With(Box::new(trained))));
    }

    /// Notes why a service has no model; a model in use stays.
    pub(crate) fn without(&self, key: &ServiceKey, reason: &'static str) {
        self.slots(|slots| match slots.get_mut(key) {
            Some(Slot::With(_)) => {}
            _ => {
                slots.insert(key.clone(), Slot::Without(reason));
            }
        });
    }

    /// Forgets a service that is gone.
    pub(crate) fn forget(&self, key: &ServiceKey) {
        self.slots(|slots| slots.remove(key));
    }

    /// Shows the model the promotions as they are known, and one live minute.
    pub(crate) fn observe(&self, key: &ServiceKey, events: &[EventWindow], minute: Timestamp, sample: Sample) {
        self.trained(key, |trained| {
            trained.stored.model.announce(events);
            trained.stored.model.observe(minute, sample);
            trained.ahead = None;
        });
    }

    /// The forecast for a decision at `now`, a stable word where there is none.
    pub(crate) fn input(&self, key: &ServiceKey, now: Timestamp, lead: SignedDuration) -> ForecastInput {
        let unavailable = |reason: &str| ForecastInput::Unavailable { reason: reason.to_owned() };
        self.slots(|slots| match slots.get_mut(key) {
            None => unavailable("untrained"),
            Some(Slot::Without(reason)) => unavailable(reason),
            Some(Slot::With(trained)) => match trained.ahead(now, lead) {
                Some(forecast) => ForecastInput::Available {
                    maximum: forecast,
                    trusted: trained.stored.model.trusted(),
                    data_until: trained.stored.model.data_until(),
                    bursty: trained.stored.model.bursty(),
                },
                None => unavailable(trained.failed.unwrap_or("request")),
            },
        })
    }

    /// The forecast that is shown: quantiles of the mean load per five minutes, over the horizon.
    pub(crate) fn band(&self, key: &ServiceKey, now: Timestamp, horizon: SignedDuration) -> Option<QuantileForecast> {
        self.trained(key, |trained| trained.band(now, horizon)).flatten()
    }

    /// The same as if no promotion were running or coming.
    pub(crate) fn normal(&self, key: &ServiceKey, now: Timestamp, horizon: SignedDuration) -> Option<QuantileForecast> {
        self.trained(key, |trained| trained.normal(now, horizon)).flatten()
    }

    /// Why there is no model, a stable word; `trained` where there is one.
    pub(crate) fn reason(&self, key: &ServiceKey) -> &'static str {
        self.slots(|slots| match slots.get(key) {
            None => "untrained",
            Some(Slot::Without(reason)) => reason,
            Some(Slot::With(_)) => "trained",
        })
    }

    /// The forecast that was last shown, as it was made.
    pub(crate) fn shown_band(&self, key: &ServiceKey) -> Option<QuantileForecast> {
        self.trained(key, |trained| trained.band.clone()).flatten()
    }

    /// What was forecast, up to five minutes before, for the load over the `window` that ends now: the same that a live
    /// reading is the mean of. `None` where nothing was.
    pub(crate) fn expected(&self, key: &ServiceKey, now: Timestamp, window: SignedDuration) -> Option<Expected> {
        self.trained(key, |trained| trained.expected(now, window)).flatten()
    }

    /// What is known of the model in use.
    pub(crate) fn facts(&self, key: &ServiceKey) -> Option<ModelFacts> {
        self.trained(key, |trained| {
            let model = &trained.stored.model;
            ModelFacts {
                name: model.name(),
                trained_at: trained.stored.trained_at,
                data_until: model.data_until(),
                scores: model.scores(),
                trusted: model.trusted(),
                last_good: trained.last_good,
            }
        })
    }

    /// The model in use, to be kept on disk.
    pub(crate) fn snapshot(&self, key: &ServiceKey) -> Option<Stored> {
        self.trained(key, |trained| trained.stored.clone())
    }

    /// What a `ShopService`'s status says of the forecast.
    pub(crate) fn status(&self, key: &ServiceKey, now: Timestamp, spec: &ServiceSpec) -> Option<ForecastStatus> {
        let facts = self.facts(key)?;
        let peak = self.band(key, now, spec.horizon).and_then(|band| peak(&band));
        let word = |value: Option<f64>| value.and_then(Quantity::rounded);
        Some(ForecastStatus {
            model: facts.name.to_owned(),
            trained_at: Time(facts.trained_at),
            peak,
            relative_wql: word(facts.scores.relative_wql),
            coverage95: word(facts.scores.coverage95),
            trusted: facts.trusted,
        })
    }

    fn trained<T>(&self, key: &ServiceKey, job: impl FnOnce(&mut Trained) -> T) -> Option<T> {
        self.slots(|slots| match slots.get_mut(key) {
            Some(Slot::With(trained)) => Some(job(trained)),
            _ => None,
        })
    }

    fn slots<T>(&self, job: impl FnOnce(&mut HashMap<ServiceKey, Slot>) -> T) -> T {
        job(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Trained {
    fn ahead(&mut self, now: Timestamp, lead: SignedDuration) -> Option<QuantileForecast> {
        let origin = self.origin(now, AHEAD_STEP);
        let fresh = |ahead: &Ahead| ahead.lead == lead && ahead.forecast.origin() == origin;
        if !self.ahead.as_ref().is_some_and(fresh) {
            let reach = AHEAD.max(lead.saturating_mul(2).saturating_add(AHEAD_STEP));
            let request = PredictRequest {
                origin,
                step: AHEAD_STEP,
                steps: steps(reach, AHEAD_STEP),
                target: Target::Maximum { lead_time: lead, hold: HOLD },
            };
            self.ahead = self.predict(&request).map(|forecast| Ahead { lead, forecast });
        }
        self.ahead.as_ref().map(|ahead| ahead.forecast.clone())
    }

    fn band(&mut self, now: Timestamp, horizon: SignedDuration) -> Option<QuantileForecast> {
        if !self.band.as_ref().is_some_and(|band| shows(band, now, horizon)) {
            self.band = self.predict(&self.banded(now, horizon));
        }
        self.band.clone()
    }

    fn normal(&mut self, now: Timestamp, horizon: SignedDuration) -> Option<QuantileForecast> {
        if !self.normal.as_ref().is_some_and(|normal| shows(normal, now, horizon)) {
            self.normal = self.stored.model.predict_normal(&self.banded(now, horizon)).ok();
        }
        self.normal.clone()
    }

    fn banded(&self, now: Timestamp, horizon: SignedDuration) -> PredictRequest {
        let origin = self.origin(now, AHEAD_STEP);
        PredictRequest { origin, step: BAND_STEP, steps: steps(horizon, BAND_STEP), target: Target::Point }
    }

    fn expected(&mut self, now: Timestamp, window: SignedDuration) -> Option<Expected> {
        let middle = now.checked_sub(window / 2).ok()?;
        let covers = |forecast: &QuantileForecast| forecast.step() == window && forecast.index_of(now).is_some();
        if !self.readings.front().is_some_and(covers) {
            let steps = steps(BAND_STEP, window) + 1;
            let request =
                PredictRequest { origin: self.origin(now, AHEAD_STEP), step: window, steps, target: Target::Point };
            if let Some(made) = self.predict(&request) {
                self.readings.push_front(made);
                self.readings.truncate(2);
            }
        }
        let mut known = self.readings.iter().filter(|forecast| forecast.step() == window);
        known.find_map(|forecast| forecast.rows().get(forecast.index_of(middle)?).copied())
    }

    /// The minute that contains `now`, unless the model has seen it already.
    fn origin(&self, now: Timestamp, step: SignedDuration) -> Timestamp {
        floor(now, step).max(self.stored.model.data_until())
    }

    fn predict(&mut self, request: &PredictRequest) -> Option<QuantileForecast> {
        match self.stored.model.predict(request) {
            Ok(forecast) => {
                self.failed = None;
                Some(forecast)
            }
            Err(error) => {
                tracing::warn!(%error, "a trained model does not forecast");
                self.failed = Some(error.reason());
                None
            }
        }
    }
}

/// Whether a shown forecast still serves.
fn shows(band: &QuantileForecast, now: Timestamp, horizon: SignedDuration) -> bool {
    let whole = band.rows().len() == steps(horizon, BAND_STEP);
    whole && band.origin() <= now && now.duration_since(band.origin()) < BAND_STEP
}

fn steps(length: SignedDuration, step: SignedDuration) -> usize {
    usize::try_from(length.as_secs() / step.as_secs().max(1)).unwrap_or(1).max(1)
}

/// The highest median and 95 % quantile within the forecast, and when the latter is.
fn peak(band: &QuantileForecast) -> Option<ForecastPeak> {
    let [_, _, median, _, _, p95, ..] = LEVELS;
    let (mut highest, mut p50) = (None::<(usize, f64)>, 0.0_f64);
    for row in 0..band.rows().len() {
        p50 = p50.max(band.value(row, median)?);
        let value = band.value(row, p95)?;
        if highest.is_none_or(|(_, most)| value > most) {
            highest = Some((row, value));
        }
    }
    let (row, value) = highest?;
    Some(ForecastPeak { p50: Quantity::rounded(p50)?, p95: Quantity::rounded(value)?, at: Time(band.time_of(row)) })
}
