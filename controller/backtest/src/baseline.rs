//! The autoscalers that a user could install instead, each with its own exact rules.

pub mod ahpa;
pub mod aws;
pub mod crane;
pub mod hpa;
pub mod keda;
pub mod knative;
pub mod oracle;
pub mod phpa;
pub mod seasonal_naive;
pub mod static_max;
