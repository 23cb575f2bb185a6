//! API types of presale.dev/v1alpha1 and the `CustomResourceDefinitions` rendered from them.
//!
//! Every rule that CEL can state is a rule of the CRD, so that the API server alone refuses what cannot work and no
//! webhook is needed. Fields carry no server-side default: an absent field means "the operator's default", and an
//! object comes back from the API server exactly as it was written.

#![expect(unreachable_pub, reason = "KubeSchema derives its schema from a `pub` copy of each type inside a function")]
#![expect(clippy::duplicated_attributes, reason = "each printer column has its own name, type and path")]

mod conditions;
mod duration;
mod promotion_event;
mod quantity;
mod render;
mod shop_service;
mod validation;

pub use conditions::{ConditionStatus, ConditionType, set_condition};
pub use duration::{DurationText, InvalidDuration};
pub use promotion_event::{
    Approval, Budget, ObservedUplift, Occurrence, OccurrencePlan, Phase, PreScale, PromotionEvent, PromotionEventSpec,
    PromotionEventStatus, Schedule, Target, TargetSelector, UpliftRange,
};
pub use quantity::{InvalidQuantity, Quantity};
pub use render::{RenderError, render};
pub use shop_service::{
    Audience, Behavior, BehaviorRules, COUNTRIES, Calendar, Capacity, DecisionInput, Expose, Forecast, ForecastPeak,
    ForecastStatus, Guarantee, Health, HealthState, HealthStatus, LastDecision, LatencyTarget, Learned,
    LearnedRequests, Method, Mode, NextChange, PodTemplate, Prices, Priority, Probes, Remediation, RemediationRecord,
    Replicas, RequestRate, Reserve, ReserveResources, ReserveSize, ReserveStatus, ResourceAmount, Resources,
    RestartBudget, Route, RouteLimits, Scaling, ScalingPolicy, ScalingPolicyType, SelectPolicy, ShopService,
    ShopServiceSpec, ShopServiceStatus, SickPod, Signal, SignalSource, SignalType, Tier, Trust, WorkloadRef,
};

/// API group of every kind.
pub const GROUP: &str = "presale.dev";
/// Served and stored version of every kind.
pub const VERSION: &str = "v1alpha1";

/// Annotation on a `ShopService`: `"true"` holds every scaling action.
pub const PAUSED: &str = "presale.dev/paused";
/// Annotation on a `ShopService`: `"true"` holds every decrease.
pub const PAUSED_SCALE_IN: &str = "presale.dev/paused-scale-in";
/// Annotation on a `ShopService`: `"true"` holds every increase.
pub const PAUSED_SCALE_OUT: &str = "presale.dev/paused-scale-out";
