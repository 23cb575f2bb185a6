//! The live readings of one service: the newest, the last half hour on an even grid, and since when it is too slow.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};
use presale_models::series::StepError;
use presale_models::{Reading, Sample, Series};
use presale_planner::Saturation;
use presale_prometheus::ServiceReadings;

/// How much of the recent past is kept.
const KEPT: SignedDuration = SignedDuration::from_mins(30);

/// Live readings.
#[derive(Debug, Clone)]
pub(crate) struct Signals {
    /// Offered load.
    pub(crate) load: Reading,
    /// Latency at the quantile of the target.
    pub(crate) latency: Reading,
    /// Failed share of the requests.
    pub(crate) error_ratio: Reading,
    over_since: Option<Timestamp>,
    step: SignedDuration,
    start: Timestamp,
    recent: VecDeque<Sample>,
    minute: Option<Timestamp>,
}

impl Signals {
    /// Nothing was read yet; readings will come every `step`.
    pub(crate) fn new(step: SignedDuration) -> Self {
        Self {
            load: Reading::Empty,
            latency: Reading::Empty,
            error_ratio: Reading::Empty,
            over_since: None,
            step,
            start: Timestamp::UNIX_EPOCH,
            recent: VecDeque::new(),
            minute: None,
        }
    }

    /// Takes the readings of one tick; `limit` is the latency that the service promises, seconds.
    pub(crate) fn take(&mut self, now: Timestamp, readings: ServiceReadings, limit: Option<f64>) {
        let ServiceReadings { load, error_ratio, latency } = readings;
        (self.load, self.error_ratio, self.latency) = (load, error_ratio, latency);
        let over = matches!((latency, limit), (Reading::Fresh { value, .. }, Some(limit)) if value > limit);
        self.over_since = if over { self.over_since.or(Some(now)) } else { None };
        self.put(now, self.sample());
    }

    /// Puts a past from Prometheus before what was seen since; only where nothing has been seen for long.
    pub(crate) fn backfill(&mut self, past: &Series) {
        for (i, sample) in past.samples().iter().enumerate() {
            let offset = past.step().saturating_mul(i32::try_from(i).unwrap_or(i32::MAX));
            if let Ok(at) = past.start().checked_add(offset) {
                self.put(at, *sample);
            }
        }
    }

    /// Whether nothing of the recent past is known.
    pub(crate) fn is_new(&self) -> bool {
        self.recent.is_empty()
    }

    /// The recent past.
    ///
    /// # Errors
    /// [`StepError`] where the tick is not above zero.
    pub(crate) fn recent(&self) -> Result<Series, StepError> {
        Series::new(self.start, self.step, self.recent.iter().copied().collect())
    }

    /// Whether what runs cannot serve its load.
    pub(crate) fn saturation(&self, limit: Option<f64>) -> Saturation {
        Saturation { latency: self.latency, latency_limit: limit, over_since: self.over_since }
    }

    /// The load as a sample of history: a lower bound while the service is saturated.
    pub(crate) fn sample(&self) -> Sample {
        match self.load.complete() {
            Some(value) if self.over_since.is_some() => Sample::Censored(value),
            Some(value) => Sample::Value(value),
            None => Sample::Missing,
        }
    }

    /// The minute that ended since the last call, once each; it is what the model observes.
    pub(crate) fn ended_minute(&mut self, now: Timestamp) -> Option<Timestamp> {
        let this = floor(now, SignedDuration::from_mins(1));
        let ended = this.checked_sub(SignedDuration::from_mins(1)).ok()?;
        let fresh = self.minute != Some(ended);
        self.minute = Some(ended);
        fresh.then_some(ended)
    }

    fn put(&mut self, at: Timestamp, sample: Sample) {
        let slot = floor(at, self.step);
        if self.recent.is_empty() {
            self.start = slot;
        }
        let index = slot.duration_since(self.start).as_secs().div_euclid(self.step.as_secs().max(1));
        let Ok(index) = usize::try_from(index) else {
            // The clock was set back: what lies in the future is no past.
            self.recent.clear();
            self.start = slot;
            self.recent.push_back(sample);
            return;
        };
        let most = self.most();
        if index >= self.recent.len() + most {
            self.recent.clear();
            self.start = slot;
            self.recent.push_back(sample);
            return;
        }
        while self.recent.len() <= index {
            self.recent.push_back(Sample::Missing);
        }
        if let Some(place) = self.recent.get_mut(index) {
            *place = sample;
        }
        while self.recent.len() > most {
            self.recent.pop_front();
            self.start = self.start.saturating_add(self.step).unwrap_or(self.start);
        }
    }

    fn most(&self) -> usize {
        usize::try_from(KEPT.as_secs() / self.step.as_secs().max(1)).unwrap_or(1).max(1)
    }
}

/// The start of the step of that length that contains `at`.
pub(crate) fn floor(at: Timestamp, step: SignedDuration) -> Timestamp {
    let seconds = step.as_secs().max(1);
    Timestamp::from_second(at.as_second().div_euclid(seconds) * seconds).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn readings(load: f64, latency: f64, second: i64) -> ServiceReadings {
        let at = at(second);
        ServiceReadings {
            load: Reading::Fresh { value: load, at },
            error_ratio: Reading::Zero { at },
            latency: Reading::Fresh { value: latency, at },
        }
    }

    #[test]
    fn a_tick_that_was_missed_is_missing_and_not_zero() {
        let mut signals = Signals::new(SignedDuration::from_secs(15));
        signals.take(at(0), readings(10.0, 0.1, 0), None);
        signals.take(at(46), readings(12.0, 0.1, 46), None);
        let recent = signals.recent().unwrap();
        let expected = [Sample::Value(10.0), Sample::Missing, Sample::Missing, Sample::Value(12.0)];
        assert_eq!((recent.start(), recent.samples()), (at(0), &expected[..]));
    }

    #[test]
    fn half_an_hour_is_kept_and_a_clock_set_back_starts_anew() {
        let mut signals = Signals::new(SignedDuration::from_secs(15));
        for tick in 0..400 {
            signals.take(at(tick * 15), readings(1.0, 0.1, 0), None);
        }
        let recent = signals.recent().unwrap();
        assert_eq!((recent.len(), recent.end()), (120, at(400 * 15)));
        signals.take(at(-3_600), readings(1.0, 0.1, 0), None);
        assert_eq!(signals.recent().unwrap().len(), 1);
    }

    #[test]
    fn too_slow_counts_from_when_it_began_and_makes_demand_a_lower_bound() {
        let mut signals = Signals::new(SignedDuration::from_secs(15));
        signals.take(at(0), readings(10.0, 0.3, 0), Some(0.25));
        signals.take(at(15), readings(10.0, 0.4, 15), Some(0.25));
        assert_eq!(signals.saturation(Some(0.25)).over_since, Some(at(0)));
        assert_eq!(signals.sample(), Sample::Censored(10.0));
        signals.take(at(30), readings(10.0, 0.1, 30), Some(0.25));
        assert_eq!(signals.saturation(Some(0.25)).over_since, None);
    }

    #[test]
    fn each_minute_ends_once() {
        let mut signals = Signals::new(SignedDuration::from_secs(15));
        assert_eq!(signals.ended_minute(at(61)), Some(at(0)));
        assert_eq!(signals.ended_minute(at(76)), None);
        assert_eq!(signals.ended_minute(at(120)), Some(at(60)));
    }
}
