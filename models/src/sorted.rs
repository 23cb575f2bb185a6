//! Residuals kept in order, so that their quantiles are a look-up.

use crate::LEVELS;

const Q: usize = LEVELS.len();
/// Quantiles of the standard normal at [`LEVELS`].
pub(crate) const NORMAL: [f64; Q] =
    [-1.959_964, -1.281_552, 0.0, 0.841_621, 1.281_552, 1.644_854, 1.959_964, 2.326_348];
/// Residuals that weigh as much as the normal guess at the tails.
const FEW: f64 = 10.0;

/// A sorted bag of residuals.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Sorted {
    values: Vec<f64>,
    absolute: f64,
}

impl Sorted {
    /// Adds a residual; one that is not finite is left out.
    pub(crate) fn insert(&mut self, value: f64) {
        if value.is_finite() {
            let at = self.values.partition_point(|v| *v < value);
            self.values.insert(at, value);
            self.absolute += value.abs();
        }
    }

    /// How many.
    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    /// Quantiles at [`LEVELS`]: empirical at (n+1)p, drawn to a normal of the same mean absolute size while few.
    pub(crate) fn quantiles(&self) -> [f64; Q] {
        let n = self.values.len() as f64;
        if self.values.is_empty() {
            return [0.0; Q];
        }
        let deviation = 1.25 * self.absolute / n;
        let trust = n / (n + FEW);
        std::array::from_fn(|j| trust * self.at(LEVELS[j].get()) + (1.0 - trust) * NORMAL[j] * deviation)
    }

    fn at(&self, p: f64) -> f64 {
        let last = self.values.len() - 1;
        let position = (p * (self.values.len() + 1) as f64 - 1.0).clamp(0.0, last as f64);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to an index")]
        let low = position as usize;
        let share = position - low as f64;
        self.values[low] + share * (self.values[(low + 1).min(last)] - self.values[low])
    }
}

/// Quantiles do not cross.
pub(crate) fn ascending(mut row: [f64; Q]) -> [f64; Q] {
    row.sort_by(f64::total_cmp);
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_many_residuals_are_the_empirical_ones() {
        let mut sorted = Sorted::default();
        for i in 0..9999_u32 {
            sorted.insert(f64::from(i * 7919 % 9999) / 9999.0);
        }
        for (q, level) in sorted.quantiles().iter().zip(LEVELS) {
            assert!((q - level.get()).abs() < 0.01, "{q} at {level:?}");
        }
    }
}
