//! How far the highest minute of a step lies above the step's mean: what a coarse forecast of a maximum must add.

use serde::{Deserialize, Serialize};

use crate::ensemble::Q;
use crate::grid::Grid;
use crate::sorted::NORMAL;

/// Mean and deviation of that distance in log space; zero where no minutes were known.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Peak {
    mean: f64,
    deviation: f64,
}

impl Peak {
    /// Learns from the steps of `coarse` whose minutes are all known.
    pub(crate) fn learn(coarse: &Grid, minutes: &Grid) -> Self {
        let per = usize::try_from(coarse.step / minutes.step.max(1)).unwrap_or(0);
        let (mut sum, mut square, mut n) = (0.0, 0.0, 0.0);
        for (index, mean) in coarse.z.iter().enumerate() {
            let from = minutes.index_of(coarse.second_of(index));
            let span = usize::try_from(from).ok().and_then(|from| minutes.z.get(from..from + per)).unwrap_or_default();
            if per > 1 && !span.is_empty() && mean.is_finite() && span.iter().all(|z| z.is_finite()) {
                let above = span.iter().copied().fold(f64::NEG_INFINITY, f64::max) - mean;
                sum += above;
                square += above * above;
                n += 1.0;
            }
        }
        if n < 12.0 {
            return Self::default();
        }
        let mean: f64 = sum / n;
        Self { mean, deviation: (square / n - mean * mean).max(0.0).sqrt() }
    }

    /// Raises the quantiles of a mean to those of a maximum: the two uncertainties add in squares around the median.
    pub(crate) fn raise(&self, row: &mut [f64; Q]) {
        let median = row[2];
        for (value, normal) in row.iter_mut().zip(NORMAL) {
            let (own, added) = (*value - median, normal * self.deviation);
            *value = median + self.mean + (own * own + added * added).sqrt().copysign(normal);
        }
    }
}
