//! An evenly spaced run of observations in which a missing one is a state, never a zero.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// One observation on the grid of a [`Series`].
///
/// **Unit**: the signal's (requests per second unless said). **Range**: `Value` is finite and ≥ 0.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Sample {
    /// Observed.
    Value(f64),
    /// Nothing was scraped or the source had no answer for this step.
    Missing,
    /// Known to be a lower bound: the service was saturated, so demand was at least this.
    Censored(f64),
}

impl Sample {
    /// Makes a sample of a raw number: NaN, infinite or negative numbers are [`Sample::Missing`].
    pub fn from_raw(raw: f64) -> Self {
        if raw.is_finite() && raw >= 0.0 { Self::Value(raw) } else { Self::Missing }
    }

    /// The observed value; `None` where missing or only a bound is known.
    pub fn value(self) -> Option<f64> {
        match self {
            Self::Value(v) => Some(v),
            Self::Missing | Self::Censored(_) => None,
        }
    }

    /// The observed value or the lower bound; `None` where missing.
    pub fn at_least(self) -> Option<f64> {
        match self {
            Self::Value(v) | Self::Censored(v) => Some(v),
            Self::Missing => None,
        }
    }
}

/// Evenly spaced samples: `samples[i]` covers `[start + i·step, start + (i+1)·step)`.
///
/// **Shape**: any length, also empty. **Range**: `step` > 0 (checked by [`Series::new`]).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Series {
    start: Timestamp,
    step: SignedDuration,
    samples: Vec<Sample>,
}

/// A series as it is read: what is stored passes the same check as what is built.
#[derive(Deserialize)]
#[serde(rename = "Series")]
struct Unchecked {
    start: Timestamp,
    step: SignedDuration,
    samples: Vec<Sample>,
}

impl TryFrom<Unchecked> for Series {
    type Error = StepError;
    fn try_from(read: Unchecked) -> Result<Self, StepError> {
        Self::new(read.start, read.step, read.samples)
    }
}

/// A series that cannot be: its step is not positive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("series step is {0:?}: a step longer than zero would pass")]
pub struct StepError(pub SignedDuration);

impl Series {
    /// Builds a series.
    ///
    /// # Errors
    /// [`StepError`] if `step` is zero or negative.
    pub fn new(start: Timestamp, step: SignedDuration, samples: Vec<Sample>) -> Result<Self, StepError> {
        if step <= SignedDuration::ZERO { Err(StepError(step)) } else { Ok(Self { start, step, samples }) }
    }

    /// Start of the first step.
    pub fn start(&self) -> Timestamp {
        self.start
    }

    /// Spacing of the samples.
    pub fn step(&self) -> SignedDuration {
        self.step
    }

    /// End of the last step (= start of the first step not covered).
    pub fn end(&self) -> Timestamp {
        let n = i32::try_from(self.samples.len()).unwrap_or(i32::MAX);
        self.start.saturating_add(self.step.saturating_mul(n)).unwrap_or(Timestamp::MAX)
    }

    /// The samples in time order.
    pub fn samples(&self) -> &[Sample] {
        &self.samples
    }

    /// Number of steps.
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Whether it has no step at all.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// Index of the step that contains `t`; `None` outside of the series.
    pub fn index_of(&self, t: Timestamp) -> Option<usize> {
        let offset = t.duration_since(self.start).as_nanos();
        if offset < 0 {
            return None;
        }
        usize::try_from(offset / self.step.as_nanos()).ok().filter(|i| *i < self.samples.len())
    }

    /// The sample of the step that contains `t`; [`Sample::Missing`] outside of the series.
    pub fn at(&self, t: Timestamp) -> Sample {
        self.index_of(t).and_then(|i| self.samples.get(i).copied()).unwrap_or(Sample::Missing)
    }

    /// The same with every step missing that touches one of the spans `[from, to)`.
    #[must_use]
    pub fn without(&self, spans: &[(Timestamp, Timestamp)]) -> Self {
        let touched = |start: Timestamp| {
            let end = start.saturating_add(self.step).unwrap_or(Timestamp::MAX);
            spans.iter().any(|(from, to)| *from < end && start < *to)
        };
        let time = |i: usize| {
            let offset = self.step.saturating_mul(i32::try_from(i).unwrap_or(i32::MAX));
            self.start.saturating_add(offset).unwrap_or(Timestamp::MAX)
        };
        let samples = self.samples.iter().enumerate();
        let samples = samples.map(|(i, s)| if touched(time(i)) { Sample::Missing } else { *s }).collect();
        Self { samples, ..self.clone() }
    }

    /// Share of steps with a value, 0..=1; 0 for an empty series.
    pub fn completeness(&self) -> f64 {
        if self.samples.is_empty() {
            return 0.0;
        }
        self.samples.iter().filter(|s| s.value().is_some()).count() as f64 / self.samples.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_negative_or_nan_number_is_missing_not_zero() {
        assert_eq!(Sample::from_raw(f64::NAN), Sample::Missing);
        assert_eq!(Sample::from_raw(-1.0), Sample::Missing);
        assert_eq!(Sample::from_raw(f64::INFINITY), Sample::Missing);
        assert_eq!(Sample::from_raw(0.0), Sample::Value(0.0));
    }

    #[test]
    fn a_stored_step_of_zero_is_refused_when_read() {
        let stored = r#"{"start":"1970-01-01T00:00:00Z","step":"PT0S","samples":[]}"#;
        let error = serde_json::from_str::<Series>(stored).unwrap_err();
        assert!(error.to_string().contains("longer than zero"), "{error}");
        let good = Series::new(Timestamp::UNIX_EPOCH, SignedDuration::from_secs(60), vec![Sample::Missing]).unwrap();
        assert_eq!(serde_json::from_str::<Series>(&serde_json::to_string(&good).unwrap()).unwrap(), good);
    }

    #[test]
    fn steps_that_touch_a_span_are_left_out() {
        let start = Timestamp::from_second(1_000).unwrap();
        let series = Series::new(start, SignedDuration::from_secs(60), vec![Sample::Value(1.0); 5]).unwrap();
        let at = |second| Timestamp::from_second(second).unwrap();
        let left = series.without(&[(at(1_119), at(1_180)), (at(1_240), at(1_241))]);
        let known: Vec<bool> = left.samples().iter().map(|s| s.value().is_some()).collect();
        assert_eq!(known, [true, false, false, true, false]);
        assert_eq!(left.end(), series.end());
    }

    #[test]
    fn a_time_finds_its_step_and_none_outside() {
        let start = Timestamp::from_second(1_000).unwrap();
        let series =
            Series::new(start, SignedDuration::from_secs(60), vec![Sample::Value(1.0), Sample::Missing]).unwrap();
        assert_eq!(series.at(Timestamp::from_second(1_059).unwrap()), Sample::Value(1.0));
        assert_eq!(series.index_of(Timestamp::from_second(1_060).unwrap()), Some(1));
        assert_eq!(series.index_of(Timestamp::from_second(1_120).unwrap()), None);
        assert_eq!(series.index_of(Timestamp::from_second(999).unwrap()), None);
        assert_eq!(series.end(), Timestamp::from_second(1_120).unwrap());
    }
}
