//! The one facade over the forecasting method: train on a past, observe live minutes, predict quantiles, state the trust.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::artifact::{self, ArtifactError};
use crate::burst;
use crate::event::{Effect, Effects};
use crate::grid::{Grid, exp, log};
use crate::ladder::Ladder;
use crate::live::Live;
use crate::outlook::Outlook;
use crate::score::Scores;
use crate::training::Past;
use crate::within::Within;
use crate::{Expert, ForecastError, LEVELS, PredictRequest, QuantileForecast, Sample, Series, Target, Uplift};

const DAY: i64 = 86_400;

/// What a model needs to know of its service besides its data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceModelConfig {
    /// IANA name of the merchant's time zone, looked up in the bundled database; `UTC` if there is none.
    pub time_zone: String,
    /// ISO 3166-1 alpha-2 code for the calendar of public holidays.
    pub country: Option<String>,
    /// Decision → ready pod.
    pub lead_time: SignedDuration,
    /// How long a decision stands.
    pub hold: SignedDuration,
    /// Seed of everything that draws at random.
    pub seed: u64,
}

/// A labelled stretch of time: a promotion, an outage, a closure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventWindow {
    /// First instant inside.
    pub start: Timestamp,
    /// First instant after.
    pub end: Timestamp,
    /// Its kind, any stable word.
    pub kind: String,
    /// From when on it was known; [`Timestamp::MIN`] = long ahead. Never used before that time.
    pub known_from: Timestamp,
    /// What is believed of its ratio to normal load; `None` = what its kind brought before.
    #[serde(default)]
    pub uplift: Option<Uplift>,
}

/// Steps of history that are learned from: 28 d at 5 min.
const MOST: usize = 8064;
/// Minutes of the recent past that are learned from: two days.
const MOST_FINE: usize = 2880;
/// Observed steps without which nothing can be said.
const LEAST: usize = 12;
/// Observed minutes without which the minutes get no horizons of their own.
const LEAST_FINE: usize = 240;
/// How far an origin may lie before the end of the data, for clocks that disagree a little.
const SKEW: i64 = 60;

/// A trained model of one service's load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceModel {
    config: ServiceModelConfig,
    scale: f64,
    coarse: Ladder,
    fine: Option<Ladder>,
    outlook: Outlook,
    within: Within,
    effects: Effects,
    live: Live,
    bursty: bool,
}

impl ServiceModel {
    /// Learns from a past on an even grid (5–15 min, up to 28 d) and the last one or two days by the minute, and scores
    /// itself on that past from rolling origins, so that a good past earns trust without waiting.
    ///
    /// # Errors
    /// [`ForecastError::NotEnoughHistory`] below 12 observed steps, [`ForecastError::Request`] for an unknown time zone.
    pub fn train(
        history: &Series,
        recent: &Series,
        events: &[EventWindow],
        config: &ServiceModelConfig,
    ) -> Result<Self, ForecastError> {
        Self::train_without(None, history, recent, events, config)
    }

    /// [`ServiceModel::train`] with one expert left out of the ensemble, to measure what it is worth.
    ///
    /// # Errors
    /// As [`ServiceModel::train`].
    pub fn train_without(
        expert: Option<Expert>,
        history: &Series,
        recent: &Series,
        events: &[EventWindow],
        config: &ServiceModelConfig,
    ) -> Result<Self, ForecastError> {
        let zone = TimeZone::get(&config.time_zone)
            .map_err(|e| ForecastError::Request(format!("time zone {}: {e}", config.time_zone)))?;
        let grid = Grid::of(history, MOST);
        if grid.observed() < LEAST {
            return Err(ForecastError::NotEnoughHistory { have: grid.observed(), need: LEAST });
        }
        let scale = grid.scale;
        let reach = usize::try_from(DAY / grid.step).unwrap_or(1).clamp(30, 288);
        let mut past = Past::new(grid, reach, events, &zone, config.country.as_deref());
        past.without = expert;
        let (coarse, trials) = past.fit();
        let minutes = past.leveled(Grid::scaled(recent, MOST_FINE, scale));
        let steps = |d: SignedDuration| usize::try_from(d.as_secs() / minutes.step).unwrap_or(1);
        let fine = (minutes.observed() >= LEAST_FINE && minutes.step < past.grid.step).then(|| {
            let lead = steps(config.lead_time);
            let mut rungs = vec![lead + 1, 2 * lead + 1, 3 * lead + 1, (6 * lead + 1).max(30)];
            rungs.dedup();
            past.fit_fine(&minutes, &rungs, steps(config.hold).max(1))
        });
        let (fine, ahead) = fine.unzip();
        let bursty = ahead.is_some_and(|trials| burst::bursty(trials.iter()));
        let mut live = Live::new(&coarse, scale);
        for trial in trials {
            let image = |row: [f64; LEVELS.len()]| row.map(|z| exp(z, scale));
            live.trust.score(exp(trial.actual, scale), &image(trial.row), &image(trial.naive));
        }
        let (mut outlook, within) = (past.outlook(), Within::learn(&past.grid, &minutes));
        if let Some(fine) = &fine {
            outlook = outlook.minutely(fine.end, past.within_steps(&minutes).into_iter());
        }
        let effects = Effects::learn(&past, events);
        Ok(Self { config: config.clone(), scale, coarse, fine, outlook, within, effects, live, bursty })
    }

    /// Takes in one live minute that starts at `at`. [`Sample::Missing`] and [`Sample::Censored`] freeze everything that is
    /// learned; a minute that was seen already changes nothing.
    pub fn observe(&mut self, at: Timestamp, sample: Sample) {
        let at = at.as_second();
        if self.fine.as_ref().is_some_and(|fine| at < fine.end) {
            return;
        }
        let y = sample.value();
        if let Some(y) = y.filter(|_| self.effects.waits(at)) {
            let usual = self.point(at, at + 60, None)[2];
            self.effects.see(at, log(y, self.scale), usual);
        }
        // The usual waits for a brief event to end: its minutes are missing.
        let y = y.filter(|_| !self.effects.waits(at));
        let z = y.map_or(f64::NAN, |y| log(y, self.scale));
        if let Some(fine) = &mut self.fine {
            self.live.issue_fine(fine, &self.outlook, at);
            while fine.end < at && at - fine.end <= DAY {
                fine.observe(f64::NAN, &self.outlook);
            }
            fine.end = at;
            fine.observe(z, &self.outlook);
            self.live.mature_fine(fine, at, z);
        }
        let inside = self.effects.inside(at);
        self.live.minute((at, y), &mut self.coarse, &self.outlook, inside);
    }

    /// Takes the calendar of events as it is known now in place of the one that the model was trained with, and what is believed
    /// of those to come. What was learned of their kinds stays.
    pub fn announce(&mut self, events: &[EventWindow]) {
        let now = self.data_until().as_second();
        self.effects.announce(events, now);
    }

    /// Forecasts quantiles of the load's mean per row ([`Target::Point`]) or of its maximum over the time that a decision
    /// at the row's start must serve ([`Target::Maximum`]).
    ///
    /// # Errors
    /// [`ForecastError::Request`] for a step ≤ 0, no rows or more than 100,000, or an origin before the end of the data.
    pub fn predict(&self, request: &PredictRequest) -> Result<QuantileForecast, ForecastError> {
        let now = self.data_until().as_second();
        self.rows(request, &|from, to| self.effects.of(from, to, now))
    }

    /// Forecasts as if no labelled event were running or coming: what a promotion multiplies.
    ///
    /// # Errors
    /// As [`ServiceModel::predict`].
    pub fn predict_normal(&self, request: &PredictRequest) -> Result<QuantileForecast, ForecastError> {
        self.rows(request, &|_, _| None)
    }

    fn rows(
        &self,
        request: &PredictRequest,
        effect: &dyn Fn(i64, i64) -> Option<Effect>,
    ) -> Result<QuantileForecast, ForecastError> {
        let refused = |what: String| Err(ForecastError::Request(what));
        if request.step.as_secs() < 1 || request.steps == 0 || request.steps > 100_000 {
            return refused("a step of whole seconds and 1..=100000 rows would pass".into());
        }
        if request.origin.as_second() + SKEW < self.data_until().as_second() {
            return refused(format!("origin {} lies before the end of the data {}", request.origin, self.data_until()));
        }
        let row = |i: usize| {
            let from = request.origin.as_second() + request.step.as_secs() * i64::try_from(i).unwrap_or(0);
            let row = match request.target {
                Target::Point => {
                    let to = from + request.step.as_secs();
                    self.point(from, to, effect(from, to))
                }
                Target::Maximum { lead_time, hold } => {
                    let (from, hold) = (from + lead_time.as_secs(), hold.as_secs().max(1));
                    self.maximum(from, hold, effect(from, from + hold))
                }
            };
            row.map(|z| exp(z, self.scale))
        };
        QuantileForecast::new(request.origin, request.step, (0..request.steps).map(row).collect())
            .map_err(|e| ForecastError::Request(e.to_string()))
    }

    /// Scores so far: rolling origins over the training past, then live outcomes.
    pub fn scores(&self) -> Scores {
        self.live.trust.scores()
    }

    /// Whether the forecast has earned the right to act and not lost it since.
    pub fn trusted(&self) -> bool {
        self.live.trust.trusted()
    }

    /// Whether the load bursts within a lead time as no forecast foresees: for more than a hundredth of the last two days it was
    /// half as much again as had been forecast one lead time before. Told at the training; `false` without minutes.
    pub fn bursty(&self) -> bool {
        self.bursty
    }

    /// End of the newest data that it has seen.
    pub fn data_until(&self) -> Timestamp {
        let end = self.fine.as_ref().map_or(i64::MIN, |f| f.end).max(self.coarse.end).max(self.live.seen_until);
        Timestamp::from_second(end).unwrap_or(Timestamp::MAX)
    }

    /// What the model is, for status and logs.
    pub fn name(&self) -> &'static str {
        if self.fine.is_some() { "ensemble+minutes" } else { "ensemble" }
    }

    /// The model as bytes, to survive a restart.
    ///
    /// # Errors
    /// [`ArtifactError::Payload`] if it cannot be serialized.
    pub fn to_artifact(&self) -> Result<Vec<u8>, ArtifactError> {
        artifact::seal(self)
    }

    /// The model out of bytes.
    ///
    /// # Errors
    /// [`ArtifactError`] for any bytes that [`ServiceModel::to_artifact`] did not write.
    pub fn from_artifact(bytes: &[u8]) -> Result<Self, ArtifactError> {
        artifact::open(bytes)
    }

    /// Log-space quantiles of the mean over `[from, to)`.
    fn point(&self, from: i64, to: i64, effect: Option<Effect>) -> [f64; LEVELS.len()] {
        let step = self.coarse.step;
        let parts = ((to - from) / step).clamp(1, 288);
        let mut row = [0.0; LEVELS.len()];
        for part in 0..parts {
            let middle = from as f64 + (part as f64 + 0.5) * (to - from) as f64 / parts as f64;
            let horizon = (middle - self.coarse.end as f64) / step as f64 + 0.5;
            let one = self.coarse.row(horizon, &self.outlook);
            row.iter_mut().zip(one).for_each(|(sum, z)| *sum += z / parts as f64);
        }
        if to - from < step {
            let beside = self.outlook.within(from.midpoint(to));
            for z in &mut row {
                *z += beside;
            }
            self.within.widen(&mut row, (to - from) as f64, step as f64);
        }
        self.live.adjust(&mut row, effect);
        row
    }

    /// Log-space quantiles of the maximum over `[from, from + hold)`: by the minutes while they reach, else by the grid.
    fn maximum(&self, from: i64, hold: i64, effect: Option<Effect>) -> [f64; LEVELS.len()] {
        if let Some(fine) = self.fine.as_ref().filter(|_| hold == self.config.hold.as_secs()) {
            let horizon = (from - fine.end) as f64 / fine.step as f64 + 1.0;
            if fine.heads.last().is_some_and(|h| horizon <= h.horizon as f64) {
                let mut row = fine.row(horizon, &self.outlook);
                self.live.adjust(&mut row, effect);
                return row;
            }
        }
        let step = self.coarse.step;
        let first = (from - self.coarse.end).div_euclid(step) + 1;
        let last = (from + hold - 1 - self.coarse.end).div_euclid(step) + 1;
        let rows = (first..=last.min(first + 48)).map(|h| self.coarse.row(h.max(1) as f64, &self.outlook));
        let mut row = rows.reduce(|a, b| std::array::from_fn(|j| a[j].max(b[j]))).unwrap_or_default();
        self.within.raise(&mut row);
        self.live.adjust(&mut row, effect);
        row
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yesterday_at_this_time_is_the_first_guess() {
        let start = Timestamp::from_second(1_700_006_400).unwrap();
        let day = |i: usize| 100.0 + 50.0 * libm::sin(i as f64 / 288.0 * std::f64::consts::TAU);
        let samples = (0..288 * 4).map(|i| Sample::Value(day(i))).collect();
        let history = Series::new(start, SignedDuration::from_mins(5), samples).unwrap();
        let empty = Series::new(history.end(), SignedDuration::from_mins(1), vec![]).unwrap();
        let config = ServiceModelConfig {
            time_zone: "Europe/Berlin".into(),
            country: Some("DE".into()),
            lead_time: SignedDuration::from_mins(3),
            hold: SignedDuration::from_mins(5),
            seed: 7,
        };
        let model = ServiceModel::train(&history, &empty, &[], &config).unwrap();
        let request = PredictRequest {
            origin: history.end(),
            step: SignedDuration::from_mins(5),
            steps: 288,
            target: Target::Point,
        };
        let forecast = model.predict(&request).unwrap();
        let middle = crate::Level::new(0.5).unwrap();
        for i in 0..288 {
            let (got, want) = (forecast.value(i, middle).unwrap(), day(i));
            assert!((got - want).abs() < 0.05 * want, "row {i}: {got} for {want}");
        }
        let bytes = model.to_artifact().unwrap();
        assert!(bytes.len() < 40_000, "{} bytes", bytes.len());
        assert_eq!(ServiceModel::from_artifact(&bytes).unwrap().to_artifact().unwrap(), bytes);
    }
}
