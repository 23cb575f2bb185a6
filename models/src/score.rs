//! How good forecasts were: losses relative to a seasonal naive, coverage, and the trust that follows from them.

pub mod pinball;
pub mod trust;

use serde::{Deserialize, Serialize};

/// Scores of the forecasts that were made and then came true or not.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Scores {
    /// Weighted quantile loss over that of the weekly seasonal naive (daily where less than 14 d were known); below 1 is
    /// better. `None` before anything was scored or where the naive made no error at all.
    pub relative_wql: Option<f64>,
    /// Share of outcomes at or below the .95 quantile, 0..=1; `None` before anything was scored.
    pub coverage95: Option<f64>,
    /// Outcomes scored.
    pub scored: u64,
}
