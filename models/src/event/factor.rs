//! A log-normal factor on the load, applied to quantiles in log space.

use serde::{Deserialize, Serialize};

use crate::ensemble::Q;
use crate::sorted::NORMAL;

/// Share of the grid's scale below which loads count as alike, so that a ratio to nothing stays finite.
const LEAST: f64 = 0.01;
/// Farthest logarithm of a ratio: some ×55. A ratio to next to nothing says little.
const FARTHEST: f64 = 4.0;

/// What the load is multiplied by.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Factor {
    /// Mean of its logarithm.
    pub(crate) mean: f64,
    /// Deviation of its logarithm, ≥ 0.
    pub(crate) sd: f64,
}

impl Factor {
    /// Changes nothing.
    pub(crate) const NONE: Self = Self { mean: 0.0, sd: 0.0 };

    /// Logarithm of the ratio of two loads, both in log space.
    pub(crate) fn between(z: f64, usual: f64) -> f64 {
        libm::log((libm::expm1(z) + LEAST) / (libm::expm1(usual) + LEAST)).clamp(-FARTHEST, FARTHEST)
    }

    /// Multiplies quantiles in log space: the median by the mean, the others with both uncertainties added in squares.
    pub(crate) fn apply(self, row: &mut [f64; Q]) {
        let before = row[2];
        let median = libm::log1p(libm::expm1(before.min(60.0)) * libm::exp(self.mean));
        // How far a step of the load's own logarithm reaches here: all the way where the load is large, nowhere at zero.
        let reach = 1.0 - libm::exp(-median);
        for (value, normal) in row.iter_mut().zip(NORMAL) {
            let (own, added) = (*value - before, normal * self.sd * reach);
            *value = (median + libm::sqrt(own * own + added * added).copysign(normal)).max(0.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::{exp, log};

    #[test]
    fn a_sure_factor_multiplies_the_median_and_an_unsure_one_widens_around_it() {
        let row = [80.0, 90.0, 100.0, 105.0, 110.0, 115.0, 120.0, 130.0].map(|y| log(y, 10.0));
        let mut sure = row;
        Factor { mean: libm::log(3.0), sd: 0.0 }.apply(&mut sure);
        assert!((exp(sure[2], 10.0) - 300.0).abs() < 1e-6);
        let mut unsure = row;
        Factor { mean: libm::log(3.0), sd: 0.5 }.apply(&mut unsure);
        assert!((exp(unsure[2], 10.0) - 300.0).abs() < 1e-6);
        assert!(exp(unsure[5], 10.0) > 600.0 && exp(unsure[1], 10.0) < 170.0);
        assert!(unsure.windows(2).all(|w| w[0] <= w[1]));
        let mut none = row;
        Factor::NONE.apply(&mut none);
        assert!(none.iter().zip(row).all(|(a, b)| (a - b).abs() < 1e-9));
    }

    #[test]
    fn nothing_times_anything_is_nothing() {
        let mut row = [0.0; Q];
        Factor { mean: 2.0, sd: 0.5 }.apply(&mut row);
        assert!(row.iter().all(|z| z.abs() < 1e-12));
        assert!((Factor::between(log(300.0, 10.0), log(100.0, 10.0)) - libm::log(3.0)).abs() < 1e-2);
        assert!(Factor::between(0.0, 0.0).abs() < 1e-12);
    }
}
