//! Pure scaling decisions: facts and policy in, one decision with its reason out; knows neither Kubernetes nor the clock.
//!
//! [`decide`] is total: it never fails and never panics. A missing forecast or metric is data for it. Forecast and
//! promotion only raise the floor; only fresh, complete readings lower anything.

pub mod decision;
pub mod input;
pub mod policy;
pub mod promotion;
pub mod reason;

pub use decision::{Clamp, Decision, InputState, NextChange};
pub use input::{ForecastInput, HandScaled, PlanInput, Recommendation, ReplicaCounts, Saturation};
pub use policy::{Mode, Policy, Trust};
pub use promotion::PromotionFloor;
pub use reason::{Outcome, Reason};
