//! The one facade over the forecasting method: train on a past, observe live minutes, predict quantiles, state the trust.

use jiff::{SignedDuration, Timestamp};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::grid::{Grid, exp};
use crate::heads::{Heads, Ladder};
use crate::score::{Scores, trust::Trust};
use crate::{ForecastError, PredictRequest, QuantileForecast, Sample, Series, Target};

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

/// Steps of history that are learned from: 28 d at 5 min.
const MOST: usize = 8064;
/// Observed steps without which nothing can be said.
const LEAST: usize = 12;

/// A trained model of one service's load.
#[derive(Debug, Clone)]
pub struct ServiceModel {
    config: ServiceModelConfig,
    heads: Heads,
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
        events: &[EventWindow],
        config: &ServiceModelConfig,
    ) -> Result<Self, ForecastError> {
        let zone = TimeZone::get(&config.time_zone)
            .map_err(|e| ForecastError::Request(format!("time zone {}: {e}", config.time_zone)))?;
        let grid = Grid::of(history, MOST);
        if grid.observed() < LEAST {
            return Err(ForecastError::NotEnoughHistory { have: grid.observed(), need: LEAST });
        }
        let masked = masked(&grid, events);
        let reach = usize::try_from(DAY / grid.step).unwrap_or(1).clamp(30, 288);
        let ladder = Ladder { reach, window: 1 };
        let (heads, trials) = Heads::fit(grid, ladder, &masked, &zone, config.country.as_deref());
        let mut trust = Trust::default();
        let scale = heads.grid.scale;
        for trial in trials {
            trust.score(exp(trial.actual, scale), &trial.row.map(|z| exp(z, scale)), &trial.naive.map(|z| exp(z, scale)));
        }
        Ok(Self { config: config.clone(), data_until: history.end().max(recent.end()), heads, trust })
    }

    /// Takes in one live minute. [`Sample::Missing`] and [`Sample::Censored`] freeze everything that is learned.
    pub fn observe(&mut self, at: Timestamp, sample: Sample) {
        let _ = (at, sample);
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
        let rows = (0..request.steps).map(|i| self.heads.row(i + 1).map(|z| exp(z, self.heads.grid.scale))).collect();
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
        "ensemble"
    }
}

/// Steps inside labelled events that were known when the data ended.
fn masked(grid: &Grid, events: &[EventWindow]) -> Vec<bool> {
    let mut masked = vec![false; grid.len()];
    for event in events.iter().filter(|e| e.known_from <= grid.end()) {
        let from = grid.index_of(event.start.as_second()).max(0);
        let to = grid.index_of(event.end.as_second() + grid.step - 1);
        for i in from..to {
            if let Some(step) = usize::try_from(i).ok().and_then(|i| masked.get_mut(i)) {
                *step = true;
            }
        }
    }
    masked
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
    }
}
