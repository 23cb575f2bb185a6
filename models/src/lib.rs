//! Forecasting mathematics: series, quantiles, experts, uplift, capacity, artifacts; no clock, no async, no files.
//!
//! ```text
//! Series --fit--> model --predict(Target, origin)--> QuantileForecast --× uplift--> load per step
//! ```
//! Time is data here: every function that depends on it takes a [`jiff::Timestamp`].

pub mod artifact;
mod burst;
mod calendar;
pub mod calibration;
pub mod capacity;
mod detail;
mod ensemble;
mod event;
mod expert;
pub mod forecaster;
mod gaussian;
mod grid;
mod head;
pub mod holidays;
mod ladder;
pub mod lead_time;
mod live;
mod outlier;
mod outlook;
pub mod quantile;
pub mod reading;
pub mod score;
mod season;
pub mod series;
pub mod service_model;
mod shift;
mod sorted;
mod state;
mod training;
pub mod uplift;
mod within;

pub use capacity::{Capacity, CapacityConfig, CapacityEstimate, CapacityWindow};
pub use expert::Expert;
pub use forecaster::{Fit, ForecastError, Predict, PredictRequest, Target};
pub use lead_time::{LeadTime, LeadTimeConfig, LeadTimeEstimate};
pub use quantile::{LEVELS, Level, QuantileForecast};
pub use reading::Reading;
pub use score::Scores;
pub use series::{Sample, Series};
pub use service_model::{EventWindow, ServiceModel, ServiceModelConfig};
pub use uplift::{Expectation, ObservedUplift, Uplift, UpliftModel};
