//! Fit → Predict: an unfitted model cannot predict, and what is predicted is stated, a point or a maximum.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{QuantileForecast, Series};

/// What a forecast row is a forecast *of*.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    /// The mean load of the row's own step.
    Point,
    /// The maximum load over `[row start + lead_time, row start + lead_time + hold)`: the load that a decision taken at
    /// the row's start must serve. Forecast directly, since the maximum of quantiles is not the quantile of the maximum.
    Maximum {
        /// Decision → ready pod.
        lead_time: SignedDuration,
        /// How long the decision stands before the next one can act.
        hold: SignedDuration,
    },
}

/// A question to a fitted model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PredictRequest {
    /// Start of the first forecast row; nothing at or after it has been seen.
    pub origin: Timestamp,
    /// Length of a row.
    pub step: SignedDuration,
    /// Number of rows.
    pub steps: usize,
    /// Point or maximum.
    pub target: Target,
}

/// A forecasting method that can be fitted to a past.
pub trait Fit {
    /// What fitting yields.
    type Model: Predict;

    /// Learns from `history`; steps at or after `history.end()` are unknown.
    ///
    /// # Errors
    /// [`ForecastError`] where the history does not suffice or the fit fails its guards.
    fn fit(&self, history: &Series) -> Result<Self::Model, ForecastError>;
}

/// A fitted method.
pub trait Predict {
    /// Answers a request.
    ///
    /// # Errors
    /// [`ForecastError`] where the request cannot be answered from what was learned.
    fn predict(&self, request: &PredictRequest) -> Result<QuantileForecast, ForecastError>;
}

/// Why there is no forecast. A forecast that fails is data for the planner, never a panic.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ForecastError {
    /// The history is too short or too full of gaps.
    #[error("history holds {have} observed steps: at least {need} would pass")]
    NotEnoughHistory {
        /// Observed steps.
        have: usize,
        /// Steps that would do.
        need: usize,
    },
    /// A fit broke a numerical guard.
    #[error("fit of {expert} was refused: {what}")]
    Fit {
        /// The expert.
        expert: &'static str,
        /// The guard that it broke.
        what: String,
    },
    /// The request makes no sense.
    #[error("forecast request was refused: {0}")]
    Request(String),
}

impl ForecastError {
    /// Stable label for metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NotEnoughHistory { .. } => "not_enough_history",
            Self::Fit { .. } => "fit",
            Self::Request(_) => "request",
        }
    }
}
