//! The one facade over the forecasting method: train on a past, observe live minutes, predict quantiles, state the trust.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::artifact::{self, ArtifactError};
use crate::score::{Scores, trust::Trust};
use crate::{ForecastError, LEVELS, PredictRequest, QuantileForecast, Sample, Series, Target};

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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventWindow {
    /// First instant inside.
    pub start: Timestamp,
    /// First instant after.
    pub end: Timestamp,
    /// Its kind, any stable word.
    pub kind: String,
    /// From when on it was known; [`Timestamp::MIN`] = long ahead. Never used before that time.
    pub known_from: Timestamp,
}

/// A trained model of one service's load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceModel {
    config: ServiceModelConfig,
    start: Timestamp,
    step: SignedDuration,
    values: Vec<f32>,
    lag: usize,
    residuals: [f64; LEVELS.len()],
    building: (f64, u32),
    data_until: Timestamp,
    trust: Trust,
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
        _events: &[EventWindow],
        config: &ServiceModelConfig,
    ) -> Result<Self, ForecastError> {
        jiff::tz::TimeZone::get(&config.time_zone)
            .map_err(|e| ForecastError::Request(format!("time zone {}: {e}", config.time_zone)))?;
        let observed = history.samples().iter().filter(|s| s.value().is_some()).count();
        if observed < 12 {
            return Err(ForecastError::NotEnoughHistory { have: observed, need: 12 });
        }
        let mut last = 0.0;
        let values: Vec<f32> = history
            .samples()
            .iter()
            .map(|s| {
                last = s.value().unwrap_or(last);
                #[expect(clippy::cast_possible_truncation, reason = "seven digits are more than a forecast has")]
                let stored = last as f32;
                stored
            })
            .collect();
        let day = usize::try_from(DAY / history.step().as_secs().max(1)).unwrap_or(1).max(1);
        let lag = [7 * day, day, 1].into_iter().find(|lag| values.len() >= 2 * lag).unwrap_or(1);
        let mut model = Self {
            config: config.clone(),
            start: history.start(),
            step: history.step(),
            values,
            lag,
            residuals: [0.0; LEVELS.len()],
            building: (0.0, 0),
            data_until: history.end().max(recent.end()),
            trust: Trust::default(),
        };
        model.learn_residuals();
        Ok(model)
    }

    /// Takes in one live minute. [`Sample::Missing`] and [`Sample::Censored`] freeze everything that is learned.
    pub fn observe(&mut self, at: Timestamp, sample: Sample) {
        let Sample::Value(value) = sample else { return };
        if at < self.data_until {
            return;
        }
        self.building.0 += value;
        self.building.1 += 1;
        self.data_until = at.saturating_add(SignedDuration::from_mins(1)).unwrap_or(Timestamp::MAX);
        while self.grid_end() <= self.data_until.saturating_sub(self.step).unwrap_or(Timestamp::MIN) {
            let mean = self.building.0 / f64::from(self.building.1.max(1));
            #[expect(clippy::cast_possible_truncation, reason = "seven digits are more than a forecast has")]
            self.values.push(mean as f32);
            self.building = (0.0, 0);
        }
    }

    /// Forecasts quantiles of the load's mean per row ([`Target::Point`]) or of its maximum over the time that a decision
    /// at the row's start must serve ([`Target::Maximum`]).
    ///
    /// # Errors
    /// [`ForecastError::Request`] for a step ≤ 0, no rows or more than 100,000, or an origin before the end of the data.
    pub fn predict(&self, request: &PredictRequest) -> Result<QuantileForecast, ForecastError> {
        if request.step <= SignedDuration::ZERO || request.steps == 0 || request.steps > 100_000 {
            return Err(ForecastError::Request("a step above zero and 1..=100000 rows would pass".into()));
        }
        let (lead, hold) = match request.target {
            Target::Point => (SignedDuration::ZERO, request.step),
            Target::Maximum { lead_time, hold } => (lead_time, hold),
        };
        let mut rows = Vec::with_capacity(request.steps);
        for i in 0..request.steps {
            let offset = request.step.saturating_mul(i32::try_from(i).unwrap_or(i32::MAX)).saturating_add(lead);
            let from = request.origin.saturating_add(offset).unwrap_or(Timestamp::MAX);
            let center = self.highest(from, from.saturating_add(hold).unwrap_or(Timestamp::MAX));
            rows.push(self.residuals.map(|r| (center * r).max(0.0)));
        }
        QuantileForecast::new(request.origin, request.step, rows).map_err(|e| ForecastError::Request(e.to_string()))
    }

    /// Scores so far: rolling origins over the training past, then live outcomes.
    pub fn scores(&self) -> Scores {
        self.trust.scores()
    }

    /// Whether the forecast has earned the right to act and not lost it since.
    pub fn trusted(&self) -> bool {
        self.trust.trusted()
    }

    /// End of the newest data that it has seen.
    pub fn data_until(&self) -> Timestamp {
        self.data_until
    }

    /// What the model is, for status and logs.
    pub fn name(&self) -> &'static str {
        "seasonal-naive"
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

    fn grid_end(&self) -> Timestamp {
        let n = i32::try_from(self.values.len()).unwrap_or(i32::MAX);
        self.start.saturating_add(self.step.saturating_mul(n)).unwrap_or(Timestamp::MAX)
    }

    fn highest(&self, from: Timestamp, to: Timestamp) -> f64 {
        let step = self.step.as_secs().max(1);
        let first = from.duration_since(self.start).as_secs().div_euclid(step);
        let last = (to.duration_since(self.start).as_secs() - 1).div_euclid(step).max(first);
        (first..=last.min(first + 288)).map(|i| self.naive(i)).fold(0.0, f64::max)
    }

    fn naive(&self, step: i64) -> f64 {
        let mut i = usize::try_from(step).unwrap_or(0);
        while i >= self.values.len() {
            i -= self.lag.max((i + 1 - self.values.len()).div_ceil(self.lag) * self.lag).min(i);
        }
        self.values.get(i).copied().map_or(0.0, f64::from)
    }

    fn learn_residuals(&mut self) {
        let scale = f64::from(self.values.iter().sum::<f32>()) / self.values.len() as f64 * 0.05 + 1e-12;
        let mut ratios: Vec<f64> = (self.lag..self.values.len())
            .map(|i| (f64::from(self.values[i]) + scale) / (f64::from(self.values[i - self.lag]) + scale))
            .collect();
        ratios.sort_by(f64::total_cmp);
        for (out, level) in self.residuals.iter_mut().zip(LEVELS) {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index into ratios")]
            let i = (level.get() * (ratios.len() as f64 - 1.0)).round() as usize;
            *out = ratios.get(i).copied().unwrap_or(1.0);
        }
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
        assert_eq!(ServiceModel::from_artifact(&bytes).unwrap(), model);
    }
}
