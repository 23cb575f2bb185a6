//! Expert by likeness: the outcomes of the past origins that were most like this one are the distribution of this one.
//!
//! It needs no shape of the distribution at all, so it is the one that knows on/off loads and bursts that die down.

use serde::{Deserialize, Serialize};

use super::Ask;
use crate::LEVELS;

const Q: usize = LEVELS.len();
/// Coordinates of a likeness.
const AXES: usize = 5;
/// Units of a stored number per unit of log space.
const GRAIN: f64 = 1000.0;
/// Fewest and most neighbours.
const FEWEST: usize = 24;
/// Past origins remembered.
pub(crate) const MOST: usize = 200;
/// Past origins kept in a fitted head.
const KEPT: usize = 150;

/// Past origins with their outcomes, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Bank {
    entries: Vec<([u16; AXES], u16)>,
}

fn axes(ask: &Ask) -> [u16; AXES] {
    let l = &ask.state.level;
    let axes = [l[0], 0.7 * l[2], 0.5 * l[4], 0.7 * ask.there.blend, 0.3 * ask.there.last_short];
    axes.map(grain)
}

fn grain(z: f64) -> u16 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the range of u16")]
    let grains = (z * GRAIN).round().clamp(0.0, 65_535.0) as u16;
    grains
}

impl Bank {
    /// Remembers an outcome.
    pub(crate) fn add(&mut self, ask: &Ask, actual: f64) {
        self.entries.push((axes(ask), grain(actual)));
    }

    /// Every second or third entry, the newest included: what a fitted head keeps.
    pub(crate) fn thinned(&self) -> Self {
        let every = self.entries.len().div_ceil(KEPT).max(1);
        let mut entries: Vec<_> = self.entries.iter().rev().step_by(every).copied().collect();
        entries.reverse();
        Self { entries }
    }

    /// Quantiles of the outcomes of the nearest neighbours; `None` while too few are known.
    pub(crate) fn quantiles(&self, ask: &Ask) -> Option<[f64; Q]> {
        if self.entries.len() < 2 * FEWEST {
            return None;
        }
        let here = axes(ask);
        let mut near: Vec<(i64, u16)> = self
            .entries
            .iter()
            .map(|(axes, actual)| {
                (axes.iter().zip(here).map(|(a, b)| (i64::from(*a) - i64::from(b)).pow(2)).sum(), *actual)
            })
            .collect();
        let k = (self.entries.len() / 10).max(FEWEST);
        near.select_nth_unstable_by(k - 1, |a, b| a.0.cmp(&b.0));
        let mut outcomes: Vec<u16> = near[..k].iter().map(|n| n.1).collect();
        outcomes.sort_unstable();
        Some(std::array::from_fn(|j| {
            let position = (LEVELS[j].get() * (k + 1) as f64 - 1.0).clamp(0.0, (k - 1) as f64);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to an index")]
            let low = position as usize;
            let (a, b) = (f64::from(outcomes[low]) / GRAIN, f64::from(outcomes[(low + 1).min(k - 1)]) / GRAIN);
            a + (position - low as f64) * (b - a)
        }))
    }
}
