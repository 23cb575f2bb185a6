//! Bursts: rises within one lead time that nothing announced. No forecast helps against them, and a service that has them
//! should be told so.

use crate::head::Trial;

/// A load half as much again as the median that was forecast for it one lead time before (0.405 = ln 1.5).
const JUMP: f64 = 0.405;
/// Share of the time in bursts from which on a service counts as bursty: a quarter of an hour a day.
const SHARE: f64 = 0.01;
/// Forecasts without which nothing is said.
const ENOUGH: usize = 96;
/// Index of the median in [`crate::LEVELS`].
const MEDIAN: usize = 2;

/// Whether the replayed forecasts of the load one lead time ahead were overrun by bursts.
pub(crate) fn bursty<'a>(ahead: impl Iterator<Item = &'a Trial>) -> bool {
    let (mut bursts, mut all) = (0_usize, 0_usize);
    for trial in ahead {
        all += 1;
        bursts += usize::from(trial.actual - trial.row[MEDIAN] > JUMP);
    }
    all >= ENOUGH && bursts as f64 > SHARE * all as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LEVELS;

    fn trials(bursts: usize) -> Vec<Trial> {
        let row = [1.0; LEVELS.len()];
        let actual = |i: usize| if i < bursts { 2.0 } else { 1.1 };
        (0..500).map(|at| Trial { at, actual: actual(at), row, naive: row }).collect()
    }

    #[test]
    fn a_service_is_bursty_where_more_than_a_hundredth_of_its_time_overran_the_forecast() {
        assert!(!bursty(trials(5).iter()));
        assert!(bursty(trials(6).iter()));
        assert!(!bursty(trials(500)[..50].iter()), "too few to say so");
        assert!((LEVELS[MEDIAN].get() - 0.5).abs() < 1e-9);
    }
}
