//! When a forecast has earned the right to act, and when it has lost it.

use serde::{Deserialize, Serialize};

use super::Scores;
use super::pinball::row_loss;
use crate::LEVELS;

/// Half life of the running scores in scored outcomes: about two days of one outcome per five minutes.
const HALF_LIFE: f64 = 576.0;
/// Outcomes needed before any trust.
const ENOUGH: u64 = 96;
/// Loss ratio below which trust is earned / above which it is lost.
const EARN: f64 = 0.95;
const LOSE: f64 = 1.05;
/// Coverage of the .95 quantile above which trust is earned / below which it is lost.
const COVER: f64 = 0.90;
const BREACH: f64 = 0.86;
/// Index of .95 in [`LEVELS`].
const P95: usize = 5;

/// Running losses of a forecast and of the seasonal naive beside it, with the verdict and its hysteresis.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Trust {
    own: f64,
    naive: f64,
    covered: f64,
    weight: f64,
    scored: u64,
    trusted: bool,
}

impl Trust {
    /// Adds one outcome with the row that was forecast for it and the row of the seasonal naive.
    pub fn score(&mut self, actual: f64, row: &[f64; LEVELS.len()], naive: &[f64; LEVELS.len()]) {
        let keep = libm::exp2(-1.0 / HALF_LIFE);
        self.own = keep * self.own + row_loss(actual, row);
        self.naive = keep * self.naive + row_loss(actual, naive);
        self.covered = keep * self.covered + if actual <= row[P95] * (1.0 + 1e-6) { 1.0 } else { 0.0 };
        self.weight = keep * self.weight + 1.0;
        self.scored += 1;
        self.judge();
    }

    /// Whether the forecast may act: earned at a loss ratio ≤ .95 with coverage ≥ .90, lost above 1.05 or below .86.
    pub fn trusted(&self) -> bool {
        self.trusted
    }

    /// The running scores.
    pub fn scores(&self) -> Scores {
        if self.scored == 0 {
            return Scores::default();
        }
        let relative_wql = (self.naive > 0.0).then(|| self.own / self.naive);
        Scores { relative_wql, coverage95: Some(self.covered / self.weight), scored: self.scored }
    }

    fn judge(&mut self) {
        if self.scored < ENOUGH {
            return;
        }
        let coverage = self.covered / self.weight;
        let (earn, lose) = (self.own <= EARN * self.naive, self.own > LOSE * self.naive);
        if self.trusted && (lose || coverage < BREACH) {
            self.trusted = false;
        } else if !self.trusted && earn && coverage >= COVER {
            self.trusted = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIGHT: [f64; 8] = [8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0];
    const WIDE: [f64; 8] = [0.0, 1.0, 10.0, 20.0, 25.0, 30.0, 35.0, 40.0];

    #[test]
    fn trust_is_earned_by_better_scores_and_lost_by_a_breach() {
        let mut trust = Trust::default();
        (0..95).for_each(|_| trust.score(10.0, &TIGHT, &WIDE));
        assert!(!trust.trusted(), "too early");
        trust.score(10.0, &TIGHT, &WIDE);
        assert!(trust.trusted());
        (0..200).for_each(|_| trust.score(30.0, &TIGHT, &WIDE));
        assert!(!trust.trusted(), "{:?}", trust.scores());
    }

    #[test]
    fn a_forecast_as_good_as_the_naive_earns_nothing() {
        let mut trust = Trust::default();
        (0..1000).for_each(|_| trust.score(10.0, &WIDE, &WIDE));
        assert!(!trust.trusted());
        assert_eq!(trust.scores().relative_wql, Some(1.0));
    }
}
