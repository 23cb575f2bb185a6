//! What recurs too sharply for the smoothed look back: the step at which a daily sale opens, the minute of a mailing.
//!
//! A smoothed profile spreads a rise of five minutes over half an hour. Here the distances of the raw past from the smoothed
//! one are averaged over the cycles and kept as far as they are sure: chance is shrunk to nothing, what recurs stays sharp.
//!
//! **Source**: the non-negative garrote (Breiman 1995) on a moderated t statistic (Smyth 2004).

/// Distances of a past from its smoothed image, and how large chance makes them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Detail {
    distance: Vec<f64>,
    noise: f64,
}

/// Square of the t statistic up to which a mean is chance.
const CHANCE: f64 = 4.0;
/// Weight of the variance of the whole series beside that of the samples at hand, in samples.
const PRIOR: f64 = 3.0;
/// A distance seen in fewer cycles is no recurrence.
const FEWEST: f64 = 2.0;

impl Detail {
    /// Compares a past with its smoothed image; `cycle` is the distance in steps at which things recur.
    pub(crate) fn new(raw: &[f64], smoothed: &[f64], cycle: usize) -> Self {
        let distance: Vec<f64> = raw.iter().zip(smoothed).map(|(z, s)| z - s).collect();
        let mut changes: Vec<f64> = distance
            .iter()
            .zip(distance.iter().skip(cycle.max(1)))
            .map(|(a, b)| (b - a).abs())
            .filter(|change| change.is_finite())
            .collect();
        let middle = changes.len() / 2;
        let typical = if changes.is_empty() { 0.0 } else { *changes.select_nth_unstable_by(middle, f64::total_cmp).1 };
        // A change is the difference of two distances: twice the variance of one.
        Self { distance, noise: (1.4826 * typical).powi(2) / 2.0 + 1e-9 }
    }

    /// Distance of a step, NaN where it is not known.
    pub(crate) fn at(&self, index: usize) -> f64 {
        self.distance.get(index).copied().unwrap_or(f64::NAN)
    }

    /// The mean of distances, drawn towards `expected` as far as the difference may be chance.
    pub(crate) fn sure(&self, seen: &Seen, expected: f64) -> f64 {
        if seen.n < FEWEST {
            return expected;
        }
        let mean = seen.sum / seen.n;
        let scatter = (seen.square - seen.n * mean * mean).max(0.0);
        let variance = (PRIOR * self.noise + scatter) / (PRIOR + seen.n - 1.0);
        let beyond = mean - expected;
        let t = seen.n * beyond * beyond / variance;
        expected + if t > CHANCE { beyond * (1.0 - CHANCE / t) } else { 0.0 }
    }
}

/// Sums over the distances of one step in several cycles.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Seen {
    n: f64,
    sum: f64,
    square: f64,
}

impl Seen {
    /// Takes in a distance; an unknown one changes nothing.
    pub(crate) fn add(&mut self, distance: f64) {
        if distance.is_finite() {
            self.n += 1.0;
            self.sum += distance;
            self.square += distance * distance;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(distances: &[f64]) -> Seen {
        let mut seen = Seen::default();
        for distance in distances {
            seen.add(*distance);
        }
        seen
    }

    #[test]
    fn what_recurs_stays_and_what_came_once_or_by_chance_goes() {
        let noise: Vec<f64> = (0..200).map(|i| 0.05 * libm::sin(f64::from(i) * 12.9898)).collect();
        let detail = Detail::new(&noise, &[0.0; 200], 20);
        assert!(detail.sure(&seen(&[1.6; 7]), 0.0) > 1.58);
        assert!(detail.sure(&seen(&[1.6, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]), 0.0).abs() < 1e-9);
        assert!(detail.sure(&seen(&[0.03, -0.02, 0.04, -0.05, 0.01]), 0.0).abs() < 1e-9);
        assert!(detail.sure(&seen(&[1.6, f64::NAN]), 0.0).abs() < 1e-9, "once is no recurrence");
    }

    #[test]
    fn a_weekday_that_differs_for_sure_overrules_the_days_before_it() {
        let detail = Detail::new(&[0.0; 100], &[0.0; 100], 10);
        assert!(detail.sure(&seen(&[0.01, 0.0, 0.0, 0.01]), 0.93).abs() < 0.05);
        assert!((detail.sure(&seen(&[]), 0.93) - 0.93).abs() < 1e-12);
    }
}
