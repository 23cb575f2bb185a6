//! Pure scaling decisions: facts and policy in, one decision with its reason out; knows neither Kubernetes nor the clock.
