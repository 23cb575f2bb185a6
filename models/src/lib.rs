//! Forecasting mathematics: series, quantiles, experts, uplift, capacity, artifacts; no clock, no async, no files.
