//! The fast signal: the load of the last seconds from counts that come every second or two, quick on jumps and calm on noise.

use std::collections::VecDeque;

/// Time that the mean covers, seconds.
const SPAN: f64 = 15.0;
/// A shorter time counts where its mean lies so many deviations above the mean of all: once in a few weeks by chance.
const DEVIATIONS: f64 = 4.5;

/// Counts of the last seconds. Arrivals scatter as those of many independent people do.
///
/// # Example
/// ```
/// use presale_planner::FastSignal;
/// let mut signal = FastSignal::default();
/// (0..10).for_each(|_| signal.push(1.5, 150.0));
/// signal.push(1.5, 450.0);
/// assert_eq!(signal.load(), Some(300.0));
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FastSignal {
    counts: VecDeque<(f64, f64)>,
}

impl FastSignal {
    /// Takes in `requests` of the last `seconds`. What is not finite and ≥ 0, or covers no time, is left out.
    pub fn push(&mut self, seconds: f64, requests: f64) {
        let sound = seconds.is_finite() && seconds > 0.0 && requests.is_finite() && requests >= 0.0;
        if !sound {
            return;
        }
        self.counts.push_back((seconds, requests));
        let covered = |counts: &VecDeque<(f64, f64)>| counts.iter().skip(1).map(|c| c.0).sum::<f64>();
        while self.counts.len() > 1 && covered(&self.counts) >= SPAN - 1e-9 {
            self.counts.pop_front();
        }
    }

    /// Load now, requests/s: the mean of the last 15 s, or of fewer of them where the load has just jumped; `None` before the
    /// first count.
    pub fn load(&self) -> Option<f64> {
        let (seconds, requests) = self.counts.iter().fold((0.0, 0.0), |sum, c| (sum.0 + c.0, sum.1 + c.1));
        if self.counts.is_empty() {
            return None;
        }
        let mean = requests / seconds;
        let (mut newest, mut load) = ((0.0, 0.0), mean);
        for (seconds, requests) in self.counts.iter().rev() {
            newest = (newest.0 + seconds, newest.1 + requests);
            let short = newest.1 / newest.0;
            if short > mean + DEVIATIONS * (mean.max(1.0 / SPAN) / newest.0).sqrt() {
                load = load.max(short);
            }
        }
        Some(load)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calm_on_noise_and_quick_on_a_jump() {
        let mut signal = FastSignal::default();
        for requests in [150.0, 170.0, 135.0, 160.0, 140.0, 165.0, 150.0, 145.0, 155.0, 180.0] {
            signal.push(1.5, requests);
        }
        assert!((signal.load().unwrap() - 155.0 / 1.5).abs() < 1.0);
        signal.push(1.5, 300.0);
        assert!((signal.load().unwrap() - 200.0).abs() < 1e-9);
    }

    #[test]
    fn nothing_unsound_is_taken_in() {
        let mut signal = FastSignal::default();
        for (seconds, requests) in [(0.0, 1.0), (1.0, f64::NAN), (f64::INFINITY, 1.0), (1.0, -1.0)] {
            signal.push(seconds, requests);
        }
        assert_eq!(signal.load(), None);
    }
}
