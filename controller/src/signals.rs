//! The live readings of one service: the newest, the last half hour on an even grid, and since when it is too slow.

use jiff::{SignedDuration, Timestamp};
use presale_models::series::StepError;
use presale_models::{Reading, Sample, Series};
use presale_planner::Saturation;
use presale_prometheus::ServiceReadings;

use crate::recent::{Recent, floor};

/// Live readings.
#[derive(Debug, Clone)]
pub(crate) struct Signals {
    /// What replicas are to serve.
    pub(crate) load: Reading,
    /// What arrives: the same, except for a queue.
    demand: Reading,
    /// Latency at the quantile of the target.
    pub(crate) latency: Reading,
    /// Failed share of the requests.
    pub(crate) error_ratio: Reading,
    over_since: Option<Timestamp>,
    loads: Recent,
    demands: Recent,
    minute: Option<Timestamp>,
}

impl Signals {
    /// Nothing was read yet; readings will come every `step`.
    pub(crate) fn new(step: SignedDuration) -> Self {
        Self {
            load: Reading::Empty,
            demand: Reading::Empty,
            latency: Reading::Empty,
            error_ratio: Reading::Empty,
            over_since: None,
            loads: Recent::new(step),
            demands: Recent::new(step),
            minute: None,
        }
    }

    /// Takes the readings of one tick; `limit` is the latency that the service promises, seconds.
    pub(crate) fn take(&mut self, now: Timestamp, readings: ServiceReadings, limit: Option<f64>) {
        let ServiceReadings { load, demand, error_ratio, latency } = readings;
        (self.load, self.demand) = (load, demand);
        (self.error_ratio, self.latency) = (error_ratio, latency);
        let over = matches!((latency, limit), (Reading::Fresh { value, .. }, Some(limit)) if value > limit);
        self.over_since = if over { self.over_since.or(Some(now)) } else { None };
        self.loads.put(now, self.sample());
        self.demands.put(now, self.demanded());
    }

    /// Puts a past from Prometheus before what was seen since; only where nothing has been seen for long.
    pub(crate) fn backfill(&mut self, past: &Series) {
        for (i, sample) in past.samples().iter().enumerate() {
            let offset = past.step().saturating_mul(i32::try_from(i).unwrap_or(i32::MAX));
            if let Ok(at) = past.start().checked_add(offset) {
                self.loads.put(at, *sample);
                self.demands.put(at, *sample);
            }
        }
    }

    /// Whether nothing of the recent past is known.
    pub(crate) fn is_new(&self) -> bool {
        self.loads.is_empty()
    }

    /// The recent past of the load.
    ///
    /// # Errors
    /// [`StepError`] where the tick is not above zero.
    pub(crate) fn recent(&self) -> Result<Series, StepError> {
        self.loads.series()
    }

    /// The recent past of what arrived.
    ///
    /// # Errors
    /// [`StepError`] where the tick is not above zero.
    pub(crate) fn demand(&self) -> Result<Series, StepError> {
        self.demands.series()
    }

    /// Whether what runs cannot serve its load.
    pub(crate) fn saturation(&self, limit: Option<f64>) -> Saturation {
        Saturation { latency: self.latency, latency_limit: limit, over_since: self.over_since }
    }

    /// The load as a sample: a lower bound while the service is saturated.
    pub(crate) fn sample(&self) -> Sample {
        self.sampled(self.load)
    }

    /// What arrives as a sample of history: a lower bound while the service is saturated.
    pub(crate) fn demanded(&self) -> Sample {
        self.sampled(self.demand)
    }

    fn sampled(&self, reading: Reading) -> Sample {
        match reading.complete() {
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
            demand: Reading::Fresh { value: load, at },
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
    fn what_waits_is_load_and_not_what_arrives() {
        let mut signals = Signals::new(SignedDuration::from_secs(15));
        let waiting = Reading::Fresh { value: 90.0, at: at(0) };
        signals.take(at(0), ServiceReadings { load: waiting, ..readings(10.0, 0.1, 0) }, None);
        assert_eq!((signals.sample(), signals.demanded()), (Sample::Value(90.0), Sample::Value(10.0)));
        let samples = |series: Series| series.samples().to_vec();
        assert_eq!(samples(signals.recent().unwrap()), [Sample::Value(90.0)]);
        assert_eq!(samples(signals.demand().unwrap()), [Sample::Value(10.0)]);
    }

    #[test]
    fn each_minute_ends_once() {
        let mut signals = Signals::new(SignedDuration::from_secs(15));
        assert_eq!(signals.ended_minute(at(61)), Some(at(0)));
        assert_eq!(signals.ended_minute(at(76)), None);
        assert_eq!(signals.ended_minute(at(120)), Some(at(60)));
    }
}
