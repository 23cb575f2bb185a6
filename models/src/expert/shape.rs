//! Level × shape: the level of the last cycle times the mean shape of the last cycles around their own levels.
//!
//! **Source**: FLAIR, arXiv 2605.07222 (a sum in log space is a product).

use super::Ask;

/// Level plus shape in log space.
pub(crate) fn point(ask: &Ask) -> f64 {
    ask.cycle_level + ask.there.shape
}
