//! How the replicas of a service are decided.

mod behavior;
mod calendar;
mod reserve;
mod signal;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use behavior::{Behavior, BehaviorRules, ScalingPolicy, ScalingPolicyType, SelectPolicy};
pub use calendar::{COUNTRIES, Calendar};
pub use reserve::{Guarantee, Reserve, ReserveResources, ReserveSize};
pub use signal::{Signal, SignalSource, SignalType};

use crate::validation::{duration_between, duration_value, quantity_above};
use crate::{DurationText, Quantity};

/// How replicas are decided. Desired replicas are the largest of what the forecast asks for at the lead time, what the
/// load of the moment asks for, and what promotions ask for; kept within replicas.min and replicas.max, smoothed by
/// behavior. Forecast and promotions only raise. Every absent field takes the operator's default.
#[derive(KubeSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.signal) || self.signal.type != 'Backlog' || !has(self.capacity) || !has(self.capacity.requestsPerReplica)")
    .message("capacity.requestsPerReplica does not go with signal type Backlog, whose signal.perReplica says what one replica works off: remove it"))]
pub struct Scaling {
    /// Auto: decide and write. Recommend: decide and show, write nothing. Shadow: the forecast is made and scored but
    /// only load and promotions act. Paused: hold everything. Default Auto.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// Accepted risk, per decision, that capacity falls short of the forecast: Critical 1 %, Standard 5 %,
    /// `BestEffort` 10 %. Default Standard; prices override it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<Tier>,
    /// What a lost request and a replica cost; the accepted risk then follows from their ratio. Default none: tier holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prices: Option<Prices>,
    /// Where the load is read. Default: request rate as exported by OpenTelemetry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<Signal>,
    /// What one replica can serve. Default: learned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<Capacity>,
    /// How the forecast is made and when it may act.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forecast: Option<Forecast>,
    /// Local clock and holidays of the customers. Default: UTC, no holidays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calendar: Option<Calendar>,
    /// Replicas held warm beside those that serve: cut off from traffic, shrunk in place, and back within a second. Only
    /// for services with image. Default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reserve: Option<Reserve>,
    /// Time from decision to Ready pod; the forecast is acted on that much ahead. Range 1s to 1h. Default: learned
    /// (95 % quantile of created to Ready).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = duration_between("scaling.leadTime", "1s", "1h", "45s"))]
    pub lead_time: Option<DurationText>,
    /// Stabilization and step limits, with the shape and meaning of behavior in autoscaling/v2. Default: up at once,
    /// down as soon as the forecast says that it is safe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behavior: Option<Behavior>,
}

/// Whether decisions are carried out.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[schemars(inline, transform = crate::validation::described_by_field)]
pub enum Mode {
    /// Decide and write.
    #[default]
    Auto,
    /// Decide and show, write nothing.
    Recommend,
    /// Make and score the forecast, act on load and promotions only.
    Shadow,
    /// Hold everything.
    Paused,
}

impl Mode {
    /// The word, as in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "Auto",
            Self::Recommend => "Recommend",
            Self::Shadow => "Shadow",
            Self::Paused => "Paused",
        }
    }
}

/// Accepted risk that capacity falls short, per decision.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[schemars(inline, transform = crate::validation::described_by_field)]
pub enum Tier {
    /// 1 %.
    Critical,
    /// 5 %.
    #[default]
    Standard,
    /// 10 %.
    BestEffort,
}

impl Tier {
    /// The accepted risk, a ratio.
    pub fn risk(self) -> f64 {
        match self {
            Self::Critical => 0.01,
            Self::Standard => 0.05,
            Self::BestEffort => 0.10,
        }
    }
}

/// Prices of the two ways to be wrong, in one currency. The level that capacity must cover is
/// lost / (lost + idle), with lost the price of the requests that a missing replica loses.
#[derive(KubeSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Prices {
    /// Cost of one request that is not served, in the currency of replicaHour. Range above 0 to 1M.
    #[x_kube(validation = quantity_above("prices.lostRequest", "0", "1M", "0.02"))]
    pub lost_request: Quantity,
    /// Cost of one replica for one hour, in the currency of lostRequest. Range above 0 to 1M.
    #[x_kube(validation = quantity_above("prices.replicaHour", "0", "1M", "0.05"))]
    pub replica_hour: Quantity,
}

/// What one replica can serve within its latency target.
#[derive(KubeSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct Capacity {
    /// Load that one Ready replica serves within its latency target, in the signal's unit (requests per second). A
    /// declared value is where learning starts. Range above 0 to 1M. Default: learned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = quantity_above("capacity.requestsPerReplica", "0", "1M", "120"))]
    pub requests_per_replica: Option<Quantity>,
    /// Latency that the service promises; above it the service counts as saturated. Default none: saturation is then
    /// judged by CPU alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<LatencyTarget>,
}

/// A latency target: this share of requests answers within this time.
#[derive(KubeSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct LatencyTarget {
    /// Share of requests that must keep the target, as a quantile. Range 0.5 to 0.999, such as "0.99".
    #[x_kube(validation = Rule::new("isQuantity(self) && !quantity(self).isLessThan(quantity('0.5')) && !quantity(self).isGreaterThan(quantity('0.999'))")
        .message("capacity.latency.quantile must be a quantity from 0.5 to 0.999, such as \"0.99\""))]
    pub quantile: Quantity,
    /// Longest time that this share of requests may take. Range 1ms to 1m.
    #[x_kube(validation = duration_between("capacity.latency.max", "1ms", "1m", "250ms"))]
    pub max: DurationText,
}

/// How the forecast is made and when it may act.
#[derive(KubeSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new(horizon_shorter_than_lookback())
    .message("forecast.horizon must be shorter than forecast.lookback: shorten horizon or lengthen lookback"))]
pub struct Forecast {
    /// Earned: the forecast acts once its scores on the past pass. Always: at once. Never: it is not acted on.
    /// Default Earned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust: Option<Trust>,
    /// How far ahead the forecast reaches. Range 1h to 168h (7d). Default 24h.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = duration_between("forecast.horizon", "1h", "168h", "24h"))]
    pub horizon: Option<DurationText>,
    /// How much of the past is learned from. Range 24h (1d) to 1440h (60d). Default 28d.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = duration_between("forecast.lookback", "24h", "1440h", "28d"))]
    pub lookback: Option<DurationText>,
}

/// CEL: where both are durations, horizon is the shorter one.
fn horizon_shorter_than_lookback() -> String {
    use crate::validation::is_duration;
    let (horizon, lookback) = ("self.horizon", "self.lookback");
    format!(
        "!has({horizon}) || !has({lookback}) || !{} || !{} || {} < {}",
        is_duration(horizon),
        is_duration(lookback),
        duration_value(horizon),
        duration_value(lookback)
    )
}

/// When the forecast may act.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[schemars(inline, transform = crate::validation::described_by_field)]
pub enum Trust {
    /// Once its scores on the past pass.
    #[default]
    Earned,
    /// At once.
    Always,
    /// Not at all.
    Never,
}
