//! Expert by likeness: the outcomes of the past origins that were most like this one are the distribution of this one.
//!
//! It needs no shape of the distribution at all, so it is the one that knows on/off loads and bursts that die down.

use super::Ask;
use crate::LEVELS;

const Q: usize = LEVELS.len();
/// Coordinates of a likeness.
const AXES: usize = 5;
/// Fewest and most neighbours.
const FEWEST: usize = 24;
/// Past origins remembered.
pub(crate) const MOST: usize = 400;

/// Past origins with their outcomes, oldest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Bank {
    entries: Vec<([f32; AXES], f32)>,
}

fn axes(ask: &Ask) -> [f32; AXES] {
    let l = &ask.state.level;
    let axes = [l[0], 0.7 * l[2], 0.5 * l[4], 0.7 * ask.there.blend, 0.3 * ask.there.last_short];
    #[expect(clippy::cast_possible_truncation, reason = "a likeness needs no seventh digit")]
    let narrow = axes.map(|a| a as f32);
    narrow
}

impl Bank {
    /// Remembers an outcome.
    pub(crate) fn add(&mut self, ask: &Ask, actual: f64) {
        #[expect(clippy::cast_possible_truncation, reason = "a likeness needs no seventh digit")]
        self.entries.push((axes(ask), actual as f32));
    }

    /// Quantiles of the outcomes of the nearest neighbours; `None` while too few are known.
    pub(crate) fn quantiles(&self, ask: &Ask) -> Option<[f64; Q]> {
        if self.entries.len() < 2 * FEWEST {
            return None;
        }
        let here = axes(ask);
        let mut near: Vec<(f32, f32)> = self
            .entries
            .iter()
            .map(|(axes, actual)| (axes.iter().zip(here).map(|(a, b)| (a - b) * (a - b)).sum(), *actual))
            .collect();
        let k = (self.entries.len() / 10).max(FEWEST);
        near.select_nth_unstable_by(k - 1, |a, b| a.0.total_cmp(&b.0));
        let mut outcomes: Vec<f32> = near[..k].iter().map(|n| n.1).collect();
        outcomes.sort_unstable_by(f32::total_cmp);
        Some(std::array::from_fn(|j| {
            let position = (LEVELS[j].get() * (k + 1) as f64 - 1.0).clamp(0.0, (k - 1) as f64);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to an index")]
            let low = position as usize;
            let (a, b) = (f64::from(outcomes[low]), f64::from(outcomes[(low + 1).min(k - 1)]));
            a + (position - low as f64) * (b - a)
        }))
    }
}
