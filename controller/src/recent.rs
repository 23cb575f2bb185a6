//! The last half hour of one signal on an even grid; what was not seen is missing.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};
use presale_models::series::StepError;
use presale_models::{Sample, Series};

/// How much is kept.
const KEPT: SignedDuration = SignedDuration::from_mins(30);

/// The newest samples of one signal.
#[derive(Debug, Clone)]
pub(crate) struct Recent {
    step: SignedDuration,
    start: Timestamp,
    samples: VecDeque<Sample>,
}

impl Recent {
    /// Nothing yet; samples will come every `step`.
    pub(crate) fn new(step: SignedDuration) -> Self {
        Self { step, start: Timestamp::UNIX_EPOCH, samples: VecDeque::new() }
    }

    /// Whether nothing is known.
    pub(crate) fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// What is known.
    ///
    /// # Errors
    /// [`StepError`] where the step is not above zero.
    pub(crate) fn series(&self) -> Result<Series, StepError> {
        Series::new(self.start, self.step, self.samples.iter().copied().collect())
    }

    /// Notes a sample of the step that contains `at`; steps between are missing.
    pub(crate) fn put(&mut self, at: Timestamp, sample: Sample) {
        let slot = floor(at, self.step);
        if self.samples.is_empty() {
            self.start = slot;
        }
        let index = slot.duration_since(self.start).as_secs().div_euclid(self.step.as_secs().max(1));
        let Ok(index) = usize::try_from(index) else {
            // The clock was set back: what lies in the future is no past.
            self.samples.clear();
            self.start = slot;
            self.samples.push_back(sample);
            return;
        };
        let most = self.most();
        if index >= self.samples.len() + most {
            self.samples.clear();
            self.start = slot;
            self.samples.push_back(sample);
            return;
        }
        while self.samples.len() <= index {
            self.samples.push_back(Sample::Missing);
        }
        if let Some(place) = self.samples.get_mut(index) {
            *place = sample;
        }
        while self.samples.len() > most {
            self.samples.pop_front();
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
