//! What the operator tells the command line: the same types on both ends.

use jiff::{SignedDuration, Timestamp};
use presale_models::QuantileForecast;
use presale_models::score::Scores;
use serde::{Deserialize, Serialize};

/// One service as `presale top` shows it, live figures that no status carries.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TopService {
    /// Namespace of the service.
    pub(crate) namespace: String,
    /// Its name.
    pub(crate) service: String,
    /// Replicas in the target's spec.
    pub(crate) current: u32,
    /// Ready pods.
    pub(crate) ready: u32,
    /// Replicas decided.
    pub(crate) desired: u32,
    /// The term that won.
    pub(crate) reason: String,
    /// Offered load now; absent where it is unknown.
    pub(crate) load: Option<f64>,
    /// State of that reading.
    pub(crate) load_state: String,
    /// Load of the last half hour, oldest first, absent where it is unknown.
    pub(crate) recent: Vec<Option<f64>>,
    /// 95 % quantile of the load from now on, per five minutes over two hours; empty where there is no forecast.
    pub(crate) expected: Vec<f64>,
    /// Bounds of the 95 % band for now.
    pub(crate) band: Option<[f64; 2]>,
}

/// The forecast of one service.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ForecastView {
    /// Name of the model.
    pub(crate) model: String,
    /// When it was trained.
    pub(crate) trained_at: Timestamp,
    /// End of the newest data that it has seen.
    pub(crate) data_until: Timestamp,
    /// Its scores.
    pub(crate) scores: Scores,
    /// Whether it has earned the right to act.
    pub(crate) trusted: bool,
    /// Whether it stands in for a newer one that was damaged.
    pub(crate) last_good: bool,
    /// Decision → Ready pod, which decisions look ahead.
    pub(crate) lead_time: SignedDuration,
    /// Quantiles of the mean load per row.
    pub(crate) band: QuantileForecast,
}
