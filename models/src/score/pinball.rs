//! Pinball loss and the weighted quantile loss made of it.

use crate::LEVELS;

/// Pinball loss of forecast `quantile` at probability `p` for outcome `actual`, times two, so that at the median it is
/// the absolute error.
///
/// **Unit**: the signal's. **Source**: Koenker & Bassett 1978.
pub fn pinball(actual: f64, quantile: f64, p: f64) -> f64 {
    let miss = actual - quantile;
    2.0 * (p * miss).max((p - 1.0) * miss)
}

/// Mean of [`pinball`] over the scored levels (.1 .5 .8 .9 .95 .99) of one forecast row.
pub fn row_loss(actual: f64, row: &[f64; LEVELS.len()]) -> f64 {
    let scored = LEVELS.iter().zip(row).filter(|(level, _)| is_scored(level.get()));
    scored.map(|(level, q)| pinball(actual, *q, level.get())).sum::<f64>() / SCORED as f64
}

/// Number of levels that enter the loss.
const SCORED: usize = 6;

fn is_scored(p: f64) -> bool {
    (0.05..0.97).contains(&p) || p > 0.98
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_above_a_high_quantile_costs_most() {
        assert!((pinball(10.0, 4.0, 0.9) - 10.8).abs() < 1e-12);
        assert!((pinball(4.0, 10.0, 0.9) - 1.2).abs() < 1e-12);
        assert!((pinball(4.0, 10.0, 0.5) - 6.0).abs() < 1e-12);
    }

    #[test]
    fn six_of_the_eight_levels_are_scored() {
        assert_eq!(LEVELS.iter().filter(|l| is_scored(l.get())).count(), SCORED);
    }
}
