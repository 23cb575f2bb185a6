//! Aggregation of experts per quantile: ML-Poly with the gradient of the pinball loss.
//!
//! **Source**: Gaillard, Stoltz & van Erven 2014 (ML-Poly), with a tenth of the common scale of the
//! authors' R package `opera`; per-quantile use as in `AgACI` (Zaffran et al. 2022).

use crate::LEVELS;
use crate::expert::Expert;

/// Number of quantile levels.
pub(crate) const Q: usize = LEVELS.len();
/// How much of the past regret is kept per update.
const KEEP: f64 = 0.9985;
/// Share of the largest square that slows down all experts alike.
const COMMON: f64 = 0.1;
/// Share of the weights that is spread evenly, so that no expert dies for ever.
const EVEN: f64 = 0.02;

/// Regrets and their squares per expert and level.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Mixer {
    regret: Vec<[f64; Q]>,
    square: Vec<[f64; Q]>,
    /// Largest square of any expert's regret at the level. It slows down all alike: without it an expert that is right once a
    /// day, when all the others are far off, would always weigh less than those that are a little better all day long.
    largest: [f64; Q],
}

impl Mixer {
    /// All experts alike.
    pub(crate) fn new(experts: usize) -> Self {
        Self { regret: vec![[0.0; Q]; experts], square: vec![[0.0; Q]; experts], largest: [0.0; Q] }
    }

    /// Weights per expert and level; each level's sum to one.
    pub(crate) fn weights(&self) -> Vec<[f64; Q]> {
        let experts = self.regret.len();
        let mut weights = vec![[0.0; Q]; experts];
        for j in 0..Q {
            let mut sum = 0.0;
            for ((regret, square), weight) in self.regret.iter().zip(&self.square).zip(&mut weights) {
                weight[j] = regret[j].max(0.0) / (1e-12 + COMMON * self.largest[j] + square[j]);
                sum += weight[j];
            }
            for weight in &mut weights {
                let own = if sum > 0.0 { weight[j] / sum } else { 1.0 / experts as f64 };
                weight[j] = (1.0 - EVEN) * own + EVEN / experts as f64;
            }
        }
        weights
    }

    /// [`Mixer::weights`] with those of one expert given to the others in their proportions.
    pub(crate) fn weights_without(&self, expert: Option<Expert>) -> Vec<[f64; Q]> {
        let mut weights = self.weights();
        let Some(expert) = expert else { return weights };
        for (row, weight) in weights.iter_mut().enumerate() {
            if expert.owns(row) {
                *weight = [0.0; Q];
            }
        }
        for j in 0..Q {
            let sum: f64 = weights.iter().map(|w| w[j]).sum();
            for w in &mut weights {
                w[j] /= sum.max(1e-9);
            }
        }
        weights
    }

    /// Learns from one outcome: `rows` are the experts' quantiles, `mixed` what was forecast of them, `slope` how much a
    /// unit in log space weighs in the signal's unit.
    pub(crate) fn learn(&mut self, actual: f64, rows: &[[f64; Q]], mixed: &[f64; Q], slope: f64) {
        for (j, level) in LEVELS.iter().enumerate() {
            let gradient = (if actual < mixed[j] { 1.0 - level.get() } else { -level.get() }) * slope;
            self.largest[j] *= KEEP;
            for (k, row) in rows.iter().enumerate() {
                let regret = gradient * (mixed[j] - row[j]);
                self.regret[k][j] = KEEP * self.regret[k][j] + regret;
                self.square[k][j] = KEEP * self.square[k][j] + regret * regret;
                self.largest[j] = self.largest[j].max(regret * regret);
            }
        }
    }
}

/// Weighted sum of the experts' quantiles.
pub(crate) fn mix(rows: &[[f64; Q]], weights: &[[f64; Q]]) -> [f64; Q] {
    let mut mixed = [0.0; Q];
    for (row, weight) in rows.iter().zip(weights) {
        for j in 0..Q {
            mixed[j] += weight[j] * row[j];
        }
    }
    mixed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weight_goes_to_the_expert_that_is_right_at_each_level() {
        let mut learner = Mixer::new(2);
        let mut seed = 1_u64;
        for _ in 0..2000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let y = (seed >> 33) as f64 / f64::from(1_u32 << 31);
            let right = LEVELS.map(crate::Level::get);
            let wrong = [3.0; Q];
            let rows = [right, wrong];
            let mixed = mix(&rows, &learner.weights());
            learner.learn(y, &rows, &mixed, 1.0);
        }
        for weight in learner.weights()[0] {
            assert!(weight > 0.85, "{:?}", learner.weights());
        }
    }

    #[test]
    fn who_alone_foresees_a_rare_jump_gets_the_weight_though_others_are_closer_all_day() {
        let mut learner = Mixer::new(2);
        let mut seed = 1_u64;
        for i in 0..600 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let noise = (seed >> 33) as f64 / f64::from(1_u32 << 31);
            let jump = if i % 200 == 150 { 3.0 } else { 0.0 };
            let level = LEVELS.map(crate::Level::get);
            let clock = LEVELS.map(|level| jump + 1.02 * level.get());
            let rows = [level, clock];
            let mixed = mix(&rows, &learner.weights());
            learner.learn(jump + noise, &rows, &mixed, 1.0);
        }
        let weight = learner.weights()[1][5];
        assert!(weight > 0.8, "{:?}", learner.weights());
    }
}
