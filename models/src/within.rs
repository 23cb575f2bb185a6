//! How the minutes of a step lie around the step's mean: what a coarse forecast of a maximum, or of less than a step, must add.

use serde::{Deserialize, Serialize};

use crate::ensemble::Q;
use crate::grid::Grid;
use crate::sorted::NORMAL;

/// Distances in log space; zero where no minutes were known.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Within {
    /// Mean distance of the highest minute.
    peak: f64,
    /// Deviation of that distance.
    peak_deviation: f64,
    /// Deviation of any minute.
    minute_deviation: f64,
}

/// Steps with minutes without which nothing is said.
const FEWEST: f64 = 12.0;
const MINUTE: f64 = 60.0;

impl Within {
    /// Learns from the steps of `coarse` whose minutes are all known.
    pub(crate) fn learn(coarse: &Grid, minutes: &Grid) -> Self {
        let per = usize::try_from(coarse.step / minutes.step.max(1)).unwrap_or(0);
        let (mut sum, mut square, mut around, mut n) = (0.0, 0.0, 0.0, 0.0);
        for (index, mean) in coarse.z.iter().enumerate() {
            let from = minutes.index_of(coarse.second_of(index));
            let span = usize::try_from(from).ok().and_then(|from| minutes.z.get(from..from + per)).unwrap_or_default();
            if per > 1 && !span.is_empty() && mean.is_finite() && span.iter().all(|z| z.is_finite()) {
                let above = span.iter().copied().fold(f64::NEG_INFINITY, f64::max) - mean;
                sum += above;
                square += above * above;
                around += span.iter().map(|z| (z - mean).powi(2)).sum::<f64>() / per as f64;
                n += 1.0;
            }
        }
        if n < FEWEST {
            return Self::default();
        }
        let peak: f64 = sum / n;
        let peak_deviation = (square / n - peak * peak).max(0.0).sqrt();
        Self { peak, peak_deviation, minute_deviation: (around / n).sqrt() }
    }

    /// Raises the quantiles of a mean to those of a maximum: the two uncertainties add in squares around the median.
    pub(crate) fn raise(&self, row: &mut [f64; Q]) {
        let median = row[2];
        spread(row, self.peak_deviation);
        for value in row.iter_mut() {
            *value += self.peak;
        }
        row[2] = median + self.peak;
    }

    /// Widens the quantiles of a step's mean to those of the mean over `length` of its seconds, as white noise scatters.
    pub(crate) fn widen(&self, row: &mut [f64; Q], length: f64, step: f64) {
        if (1.0..step).contains(&length) && step > MINUTE {
            let share = (MINUTE / length - MINUTE / step) / (1.0 - MINUTE / step);
            spread(row, self.minute_deviation * share.sqrt());
        }
    }
}

/// Adds a normal deviation, in squares.
fn spread(row: &mut [f64; Q], deviation: f64) {
    let median = row[2];
    for (value, normal) in row.iter_mut().zip(NORMAL) {
        let (own, added) = (*value - median, normal * deviation);
        *value = median + (own * own + added * added).sqrt().copysign(normal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn less_than_a_step_scatters_more_than_a_step_and_a_whole_step_as_it_is() {
        let within = Within { peak: 0.0, peak_deviation: 0.0, minute_deviation: 0.1 };
        let row = NORMAL.map(|n| 1.0 + 0.05 * n);
        let width = |length: f64| {
            let mut row = row;
            within.widen(&mut row, length, 300.0);
            row[6] - row[0]
        };
        let (whole, minute, third) = (width(300.0), width(60.0), width(20.0));
        assert!((whole - (row[6] - row[0])).abs() < 1e-12);
        assert!(minute > 2.0 * whole && third > 1.5 * minute, "{whole} {minute} {third}");
    }
}
