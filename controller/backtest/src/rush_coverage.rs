//! How often the load inside of promotions lies below each forecast quantile: forecasts made before they start, and as they go.

use std::collections::VecDeque;
use std::sync::Mutex;

use jiff::{SignedDuration, Timestamp};
use presale_models::uplift::Curve;
use presale_models::{
    EventWindow, LEVELS, PredictRequest, QuantileForecast, Sample, Series, ServiceModel, ServiceModelConfig, Target,
    UpliftModel,
};
use presale_planner::HOLD;
use presale_planner::promotion::{Baseline, Occurrence, observe, windows};
use serde::Serialize;

use crate::policy::Past;
use crate::presale::history;
use crate::rush::Rush;
use crate::simulate::Scenario;

const MINUTE: i64 = 60;
/// Row length of the forecasts.
const STEP: i64 = 300;
/// Minutes of the recent past that a model gets.
const RECENT: usize = 2880;
/// How long before a promotion's start forecasts of it are made.
const BEFORE: [i64; 3] = [86_400, 3600, 900];
/// Shares of a promotion at which forecasts of its next hour are made.
const DURING: [f64; 3] = [0.25, 0.5, 0.75];
const HOUR: i64 = 3600;

/// Outcomes at or below each of [`LEVELS`].
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Covered {
    /// Forecast steps whose outcome is known.
    pub steps: u32,
    /// Outcomes at or below the quantile, by level.
    pub below: [u32; LEVELS.len()],
    /// Outcomes inside of the 10 to 90 % band.
    pub inside_80: u32,
    /// Outcomes inside of the 2.5 to 97.5 % band.
    pub inside_95: u32,
}

impl Covered {
    fn add(&mut self, actual: f64, row: &[f64; LEVELS.len()]) {
        // Values that were stored as f32 may miss an equal one by a rounding.
        let slack = 1e-4 * actual.abs() + 1e-9;
        self.steps += 1;
        for (below, quantile) in self.below.iter_mut().zip(row) {
            *below += u32::from(actual <= quantile + slack);
        }
        self.inside_80 += u32::from(actual >= row[1] - slack && actual <= row[4] + slack);
        self.inside_95 += u32::from(actual >= row[0] - slack && actual <= row[6] + slack);
    }

    /// Adds another's outcomes.
    pub fn merge(&mut self, other: &Self) {
        self.steps += other.steps;
        self.inside_80 += other.inside_80;
        self.inside_95 += other.inside_95;
        for (below, more) in self.below.iter_mut().zip(other.below) {
            *below += more;
        }
    }

    /// Shares in percent: the 10 to 90 % band, the 2.5 to 97.5 % band, at or below the 95 % quantile.
    pub fn percent(&self) -> [f64; 3] {
        let share = |n: u32| 100.0 * f64::from(n) / f64::from(self.steps.max(1));
        [share(self.inside_80), share(self.inside_95), share(self.below[5])]
    }
}

/// Coverage on one recording, or on several.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Coverage {
    /// Forecasts made before the start: a day, an hour, a quarter of an hour.
    pub before: Covered,
    /// Forecasts of the next hour made while it runs.
    pub during: Covered,
}

/// Trains anew before and during each promotion on what was known then, and compares with what came inside of its window.
/// Of each only the window, the guess and what earlier ones brought are known. The first is only learned from.
pub fn coverage(scenario: &Scenario, rushes: &[Rush]) -> Coverage {
    let told = Told { scenario, windows: windows_of(scenario, rushes) };
    let queue: Mutex<VecDeque<&Rush>> = Mutex::new(rushes.iter().skip(1).collect());
    let total = Mutex::new(Coverage::default());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(rush) = queue.lock().ok().and_then(|mut q| q.pop_front()) {
                    let one = told.of_one(rush);
                    if let Ok(mut total) = total.lock() {
                        total.before.merge(&one.before);
                        total.during.merge(&one.during);
                    }
                }
            });
        }
    });
    total.into_inner().unwrap_or_default()
}

/// A scenario and its promotions with what was believed of each before it began.
struct Told<'a> {
    scenario: &'a Scenario,
    windows: Vec<EventWindow>,
}

/// Goes through the promotions in order: each is believed to bring what the guess and the ones before it say.
fn windows_of(scenario: &Scenario, rushes: &[Rush]) -> Vec<EventWindow> {
    let mut told = Told { scenario, windows: Vec::new() };
    let mut learned = UpliftModel::default();
    for rush in rushes {
        let EventWindow { start, end, kind, known_from, .. } = rush.window();
        let occurrence = Occurrence { start, end };
        let expectation = rush.announced().targets.first().and_then(|target| target.expectation);
        told.windows.extend(windows(&kind, occurrence, known_from, Some(learned.predict(&kind, expectation))));
        let normal = told.forecast(rush.start, rush.end, &|model, request| model.predict_normal(request).ok());
        let baseline = Baseline { forecast: normal.as_ref(), past: None };
        let seen = load(scenario, rush.start, rush.end)
            .and_then(|load| observe(&load, baseline, Curve::default(), occurrence, end));
        if let Some(seen) = seen {
            learned.learn(&kind, expectation, &seen);
        }
    }
    told.windows
}

impl Told<'_> {
    fn of_one(&self, rush: &Rush) -> Coverage {
        let mut coverage = Coverage::default();
        for before in BEFORE {
            self.score(rush.start - before, (rush.start, rush.end), &mut coverage.before);
        }
        for share in DURING {
            #[expect(clippy::cast_possible_truncation, reason = "seconds of a few hours")]
            let offset = (share * (rush.end - rush.start) as f64) as i64 / STEP * STEP;
            let origin = rush.start + offset;
            self.score(origin, (origin, rush.end.min(origin + HOUR)), &mut coverage.during);
        }
        coverage
    }

    /// Forecasts from `origin` and adds the steps inside of the window.
    fn score(&self, origin: i64, (from, to): (i64, i64), covered: &mut Covered) {
        let made = self.forecast(origin, to, &|model, request| model.predict(request).ok());
        let Some(forecast) = made else { return };
        for (row, quantiles) in forecast.rows().iter().enumerate() {
            let start = forecast.time_of(row).as_second();
            if start >= from
                && let Some(actual) = mean(self.scenario, start)
            {
                covered.add(actual, quantiles);
            }
        }
    }

    /// What a model that is trained at `origin` says of the time until `to`.
    fn forecast(&self, origin: i64, to: i64, ask: &Ask<'_>) -> Option<QuantileForecast> {
        let at = Timestamp::from_second(origin).ok()?;
        let model = self.train(at)?;
        let steps = usize::try_from((to - origin) / STEP).ok()?;
        let step = SignedDuration::from_secs(STEP);
        ask(&model, &PredictRequest { origin: at, step, steps, target: Target::Point })
    }

    fn train(&self, origin: Timestamp) -> Option<ServiceModel> {
        let scenario = self.scenario;
        let first = scenario.past.start.as_second();
        let length = MINUTE * i64::try_from(RECENT).ok()?;
        let recent = load(scenario, first.max(origin.as_second() - length), origin.as_second())?;
        let minutes = usize::try_from((origin.as_second() - first) / MINUTE).ok()?;
        let known: Vec<f64> = scenario.past.load.iter().chain(&scenario.recorded).copied().take(minutes).collect();
        let history = history(&Past { start: scenario.past.start, step: scenario.past.step, load: known })?;
        let events: Vec<EventWindow> = self.windows.iter().filter(|e| e.known_from <= origin).cloned().collect();
        #[expect(clippy::cast_possible_truncation, reason = "a few minutes")]
        let lead = scenario.plant.lead_seconds.round() as i64;
        let config = ServiceModelConfig {
            time_zone: "UTC".into(),
            country: None,
            lead_time: SignedDuration::from_secs(lead.max(1)),
            hold: HOLD,
            seed: scenario.seed,
        };
        ServiceModel::train(&history, &recent, &events, &config).ok()
    }
}

/// A question to a model.
type Ask<'a> = dyn Fn(&ServiceModel, &PredictRequest) -> Option<QuantileForecast> + 'a;

/// The recorded minutes within `[from, to)`.
fn load(scenario: &Scenario, from: i64, to: i64) -> Option<Series> {
    let minute = |second: i64| usize::try_from((second - scenario.past.start.as_second()) / MINUTE).ok();
    let (first, end) = (minute(from)?, minute(to)?);
    let minutes = scenario.past.load.iter().chain(&scenario.recorded).skip(first).take(end.checked_sub(first)?);
    let start = Timestamp::from_second(from).ok()?;
    let samples = minutes.map(|v| Sample::from_raw(*v)).collect();
    Series::new(start, SignedDuration::from_secs(MINUTE), samples).ok()
}

/// Mean of the recorded minutes of a step; `None` where half of them are missing.
fn mean(scenario: &Scenario, start: i64) -> Option<f64> {
    let first = usize::try_from((start - scenario.start.as_second()) / MINUTE).ok()?;
    let span = scenario.recorded.get(first..first + usize::try_from(STEP / MINUTE).ok()?)?;
    let known: Vec<f64> = span.iter().copied().filter(|v| v.is_finite()).collect();
    (2 * known.len() > span.len()).then(|| known.iter().sum::<f64>() / known.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rush_contest;
    use crate::trace::Trace;

    #[test]
    fn outcomes_are_counted_inside_of_the_windows_only() {
        let seconds: Vec<i64> = (0..10 * 288).map(|i| 1_700_006_400 + 300 * i).collect();
        let value = |i: usize| 500.0 + 200.0 * (i as f64 / 288.0 * std::f64::consts::TAU).sin();
        let values = (0..seconds.len()).map(value).collect();
        let trace = Trace { name: "wave".into(), seconds, values, step: 300 };
        let (scenario, rushes) = rush_contest::scenario(&trace, 180.0, 3).unwrap();
        let coverage = coverage(&scenario, &rushes);
        let steps: i64 = rushes.iter().skip(1).map(|rush| (rush.end - rush.start) / STEP).sum();
        assert_eq!(i64::from(coverage.before.steps), 3 * steps);
        assert!(coverage.during.steps > 0);
        let [within_80, within_95, below_95] = coverage.during.percent();
        assert!(within_80 <= within_95 && below_95 <= 100.0);
    }
}
