//! A ladder of fitted horizons on one grid, with the present that it forecasts from: what stays resident.

use serde::{Deserialize, Serialize};

use crate::ensemble::Q;
use crate::expert::Ask;
use crate::head::Head;
use crate::outlook::Outlook;
use crate::season::Profile;
use crate::sorted::ascending;
use crate::state::State;

/// Heads that keep their likeness expert, at most: it is the largest part of a head.
const LIKENESSES: usize = 6;

/// Fitted horizons and the present.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Ladder {
    /// Seconds per step.
    pub(crate) step: i64,
    /// Start of the first unknown step, seconds since the epoch.
    pub(crate) end: i64,
    /// Steps whose maximum is the target.
    pub(crate) window: usize,
    /// Whether the steps are minutes of a coarser grid.
    pub(crate) fine: bool,
    /// Fitted horizons, ascending.
    pub(crate) heads: Vec<Head>,
    /// The present.
    pub(crate) state: State,
    /// Mean level of the last short cycle.
    pub(crate) cycle_level: f64,
    /// Steps of the short cycle; 0 = none.
    pub(crate) cycle: usize,
}

impl Ladder {
    /// Keeps the likeness expert only where it weighs most.
    pub(crate) fn slim(&mut self) {
        let mut order: Vec<usize> = (0..self.heads.len()).filter(|i| self.heads[*i].likeness() > 0.0).collect();
        order.sort_by(|a, b| self.heads[*b].likeness().total_cmp(&self.heads[*a].likeness()));
        order.iter().skip(LIKENESSES).for_each(|i| self.heads[*i].drop_likeness());
    }

    /// Takes in one step (NaN = missing).
    pub(crate) fn observe(&mut self, z: f64, outlook: &Outlook) {
        self.state.observe(z, &self.usual(outlook, self.end + self.step / 2));
        if z.is_finite() && self.cycle > 0 && self.cycle_level.is_finite() {
            self.cycle_level += (z - self.cycle_level) / self.cycle as f64;
        }
        self.end += self.step;
    }

    /// Quantiles in log space of the target `horizon` steps ahead (1 = the next), mixed of the rungs around it.
    pub(crate) fn row(&self, horizon: f64, outlook: &Outlook) -> [f64; Q] {
        let above =
            self.heads.partition_point(|h| (h.horizon as f64) < horizon).min(self.heads.len().saturating_sub(1));
        let Some(high) = self.heads.get(above) else { return [0.0; Q] };
        let low = &self.heads[above.saturating_sub(1)];
        let ask = self.ask(horizon, outlook);
        let (from, to) = (libm::log(low.horizon as f64), libm::log(high.horizon as f64));
        let share = if to > from { ((libm::log(horizon.max(0.1)) - from) / (to - from)).clamp(0.0, 1.0) } else { 1.0 };
        let of = |head: &Head| {
            let mut row = head.row(&ask);
            head.conformal.apply(&mut row);
            row.map(|z| z.clamp(0.0, head.highest()))
        };
        let upper = of(high);
        if share >= 1.0 {
            return ascending(upper);
        }
        let lower = of(low);
        ascending(std::array::from_fn(|j| lower[j] + share * (upper[j] - lower[j])))
    }

    /// The question that is open now.
    pub(crate) fn ask(&self, horizon: f64, outlook: &Outlook) -> Ask {
        let step = self.step as f64;
        #[expect(clippy::cast_possible_truncation, reason = "seconds within a few weeks")]
        let middle = |i: usize| self.end + ((horizon - 0.5 + i as f64) * step) as i64;
        let highest = (0..self.window.max(1))
            .map(|i| self.usual(outlook, middle(i)))
            .reduce(|a, b| if b.usual() > a.usual() { b } else { a });
        let here = self.usual(outlook, self.end - self.step / 2);
        Ask::new(self.state, here, highest.unwrap_or(Profile::NONE), self.cycle_level)
    }

    fn usual(&self, outlook: &Outlook, second: i64) -> Profile {
        if self.fine { outlook.minute(second) } else { outlook.at(second) }
    }
}
