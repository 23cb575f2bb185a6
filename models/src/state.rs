//! What is known of the present at an origin: decaying means of the level, of its distance from the profile, and volatility.

use serde::{Deserialize, Serialize};

use crate::season::Profile;

/// Half lives in steps of the decaying means.
const HALF_LIVES: [f64; SCALES] = [0.5, 2.0, 6.0, 24.0, 96.0];
/// Number of decaying means.
pub(crate) const SCALES: usize = 5;
/// Half life of the volatility in steps.
const VOLATILITY: f64 = 12.0;

/// Decaying means at one origin.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// Level, fast to slow.
    pub(crate) level: [f64; SCALES],
    /// Distance from the profile, fast to slow; 0 where there is no profile.
    pub(crate) residual: [f64; SCALES],
    /// Recent mean absolute one-step change that the fast level did not foresee.
    pub(crate) volatility: f64,
    /// The same over a long time.
    pub(crate) usual_volatility: f64,
    count: u32,
}

impl State {
    /// Before the first observation.
    pub(crate) const START: Self =
        Self { level: [0.0; SCALES], residual: [0.0; SCALES], volatility: 0.0, usual_volatility: 0.0, count: 0 };

    /// Takes in one step; a missing one (NaN) changes nothing. What recurs sharply is not of the present's making.
    pub(crate) fn observe(&mut self, z: f64, profile: &Profile) {
        let (z, profile) = (z - profile.lift, profile.blend);
        if !z.is_finite() {
            return;
        }
        let residual = if profile.is_finite() { z - profile } else { 0.0 };
        if self.count == 0 {
            *self = Self { level: [z; SCALES], residual: [residual; SCALES], count: 1, ..Self::START };
            return;
        }
        let expected = if profile.is_finite() { profile + self.residual[1] } else { self.level[1] };
        let change = (z - expected).abs();
        let least = 1.0 / f64::from(self.count);
        blend(&mut self.volatility, change, least.max(rate(VOLATILITY)));
        blend(&mut self.usual_volatility, change, least.max(rate(VOLATILITY * 64.0)));
        self.count = self.count.saturating_add(1);
        let least = 1.0 / f64::from(self.count);
        for (i, half_life) in HALF_LIVES.iter().enumerate() {
            let share = least.max(rate(*half_life));
            blend(&mut self.level[i], z, share);
            blend(&mut self.residual[i], residual, share);
        }
    }

    /// Factor on the width of the quantiles: recent over usual volatility, damped.
    pub(crate) fn width(&self, damping: f64) -> f64 {
        let floor = 0.05 * self.usual_volatility + 1e-9;
        libm::pow((self.volatility + floor) / (self.usual_volatility + floor), damping).clamp(0.2, 5.0)
    }
}

fn blend(mean: &mut f64, value: f64, share: f64) {
    *mean += share * (value - *mean);
}

/// Share of a new value in a decaying mean.
fn rate(half_life: f64) -> f64 {
    1.0 - libm::exp2(-1.0 / half_life)
}

/// States at every origin `0..=z.len()`: entry `t` has seen the steps before `t`.
pub(crate) fn states(z: &[f64], profiles: &[Profile]) -> Vec<State> {
    let mut state = State::START;
    let mut all = Vec::with_capacity(z.len() + 1);
    all.push(state);
    for (value, profile) in z.iter().zip(profiles) {
        state.observe(*value, profile);
        all.push(state);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_freezes_the_state() {
        let mut state = State::START;
        for z in [1.0, 2.0, 3.0] {
            state.observe(z, &Profile::NONE);
        }
        let before = state;
        state.observe(f64::NAN, &Profile::NONE);
        assert_eq!(state, before);
        assert!(state.level[0] > state.level[4]);
    }
}
