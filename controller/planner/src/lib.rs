//! Pure scaling decisions: facts and policy in, one decision with its reason out; knows neither Kubernetes nor the clock.
//!
//! [`decide`] is total: it never fails and never panics. A missing forecast or metric is data for it. Forecast and
//! promotion only raise the floor; only fresh, complete readings lower anything.

mod course;
mod decide;
pub mod decision;
mod facts;
mod floors;
mod guardrails;
pub mod health;
pub mod input;
mod memory;
mod next;
pub mod policy;
pub mod promotion;
pub mod reason;
mod report;
pub mod reserve;

pub use decide::decide;
pub use decision::{Clamp, Decision, InputState, NextChange};
pub use health::{HealthInput, HealthPolicy, Remediation, remediate};
pub use input::{ForecastInput, HandScaled, PlanInput, Recommendation, ReplicaChange, ReplicaCounts, Saturation};
pub use memory::Memory;
pub use policy::{Behavior, HOLD, Mode, Policy, Select, StepLimit, Trust};
pub use promotion::{PromotionFloor, PromotionPlan, PromotionSpec, plan_promotion};
pub use reason::{Outcome, Reason};
pub use reserve::{FastSignal, Guarantee, Reserve, ReserveInput, ReservePolicy, ReserveSize};
