//! Online conformal offsets that keep each quantile's coverage honest, also when outcomes arrive late.
//!
//! **Source**: Gibbs & Candès 2021; the step shrinks with the delay, since a fixed step explodes under delayed feedback.

use serde::{Deserialize, Serialize};

use crate::LEVELS;

const Q: usize = LEVELS.len();
/// Step at a delay of one outcome.
const ETA: f64 = 0.02;
/// Offsets never leave ± this many spreads.
const FARTHEST: f32 = 3.0;

/// Offsets per level in units of `spread`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Conformal {
    offset: [f32; Q],
    spread: f32,
    delay: f32,
    seen: u32,
}

impl Conformal {
    /// No offset yet; `delay` = outcomes between a forecast and its own outcome, ≥ 1.
    pub fn new(delay: f64) -> Self {
        Self { offset: [0.0; Q], spread: 0.0, delay: single(delay.max(1.0)), seen: 0 }
    }

    /// Moves a row of quantiles by the offsets.
    pub fn apply(&self, row: &mut [f64; Q]) {
        for (value, offset) in row.iter_mut().zip(self.offset) {
            *value += f64::from(offset * self.spread);
        }
    }

    /// Learns from one outcome and the row that was finally forecast for it.
    pub fn learn(&mut self, actual: f64, row: &[f64; Q]) {
        self.seen = self.seen.saturating_add(1);
        let share = (1.0 / f64::from(self.seen)).max(0.01);
        self.spread += single(share * ((actual - row[2]).abs() - f64::from(self.spread)));
        for ((offset, value), level) in self.offset.iter_mut().zip(row).zip(LEVELS) {
            let over = if actual > *value { 1.0 } else { 0.0 };
            let step = ETA / f64::from(self.delay) * (over - (1.0 - level.get()));
            *offset = (*offset + single(step)).clamp(-FARTHEST, FARTHEST);
        }
    }
}

fn single(value: f64) -> f32 {
    #[expect(clippy::cast_possible_truncation, reason = "an offset needs no eighth digit")]
    let narrow = value as f32;
    narrow
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    /// Loss of a calibrated zero forecast of a slow wave whose outcomes arrive `delay` steps late.
    fn loss(delay: usize, scaled_to: f64) -> (f64, f64) {
        let mut conformal = Conformal::new(scaled_to);
        let mut waiting: VecDeque<(f64, [f64; Q])> = VecDeque::new();
        let (mut own, mut plain) = (0.0, 0.0);
        for i in 0..6000_u32 {
            let y = libm::sin(f64::from(i) / 576.0 * std::f64::consts::TAU) + 0.2 * libm::sin(f64::from(i) * 12.9898);
            let base = [-0.9, -0.7, 0.0, 0.5, 0.7, 0.8, 0.9, 1.0];
            let mut row = base;
            conformal.apply(&mut row);
            own += crate::score::pinball::row_loss(y, &row);
            plain += crate::score::pinball::row_loss(y, &base);
            waiting.push_back((y, row));
            if waiting.len() > delay
                && let Some((then, row)) = waiting.pop_front()
            {
                conformal.learn(then, &row);
            }
        }
        (own, plain)
    }

    #[test]
    fn a_step_scaled_by_the_delay_never_hurts_much() {
        for delay in [1_u32, 12, 72, 288] {
            let (own, plain) = loss(delay as usize, f64::from(delay));
            assert!(own < 1.05 * plain, "delay {delay}: {own} against {plain}");
        }
    }

    #[test]
    fn a_fixed_step_under_delay_hurts_and_that_is_why_it_is_scaled() {
        let (fixed, _) = loss(288, 1.0);
        let (scaled, _) = loss(288, 288.0);
        assert!(fixed > 1.2 * scaled, "{fixed} against {scaled}");
    }
}
