//! Experts without a season: the load stays where it is.

use super::Ask;

/// The newest level.
pub(crate) fn fast(ask: &Ask) -> f64 {
    ask.state.level[0]
}

/// The level of the last dozens of steps.
pub(crate) fn slow(ask: &Ask) -> f64 {
    ask.state.level[2]
}
