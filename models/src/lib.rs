//! Forecasting mathematics: series, quantiles, experts, uplift, capacity, artifacts; no clock, no async, no files.
//!
//! ```text
//! Series --fit--> model --predict(Target, origin)--> QuantileForecast --× uplift--> load per step
//! ```
//! Time is data here: every function that depends on it takes a [`jiff::Timestamp`].

pub mod artifact;
pub mod capacity;
pub mod forecaster;
mod gaussian;
pub mod lead_time;
pub mod quantile;
pub mod reading;
pub mod score;
pub mod series;
pub mod service_model;
pub mod uplift;

pub use capacity::{Capacity, CapacityConfig, CapacityEstimate, CapacityWindow};
pub use forecaster::{Fit, ForecastError, Predict, PredictRequest, Target};
pub use lead_time::{LeadTime, LeadTimeConfig, LeadTimeEstimate};
pub use quantile::{LEVELS, Level, QuantileForecast};
pub use reading::Reading;
pub use score::Scores;
pub use series::{Sample, Series};
pub use service_model::{EventWindow, ServiceModel, ServiceModelConfig};
pub use uplift::{Expectation, ObservedUplift, Uplift, UpliftModel};
