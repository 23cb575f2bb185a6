//! Conditions of both kinds: their types, and the one way to set one.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

/// Types of conditions; which kind carries which is said at each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConditionType {
    /// `ShopService`: enough pods are Ready for what was decided.
    Ready,
    /// `ShopService`: the load signal is fresh and complete.
    MetricsAvailable,
    /// `ShopService`: the forecast may act.
    ForecastTrusted,
    /// `ShopService`: bounds or step limits cut the last decision.
    ScalingLimited,
    /// `ShopService`: pods that were asked for cannot be placed or started.
    CapacityBlocked,
    /// `ShopService`: no pod is an outlier against its peers.
    Healthy,
    /// `ShopService`: what we own is being brought to the spec; carries errors of the pod template with their path.
    Progressing,
    /// `ShopService`: another owner writes the same object or target.
    Conflict,
    /// `ShopService`: a human holds scaling by mode or annotation.
    Paused,
    /// `ShopService`: the warm reserve is held as `scaling.reserve` asks; carries why it is refused or not whole.
    ReserveHeld,
    /// `PromotionEvent`: approved, or needs no approval.
    Approved,
    /// `PromotionEvent`: the plan fits bounds, ceilings and budget; the message names what binds.
    Feasible,
    /// `PromotionEvent`: another event raises the same service at the same time.
    Overlapping,
    /// `PromotionEvent`: its uplift was observed and serves as a prior from now on.
    Learned,
}

impl ConditionType {
    /// The word, stable across releases.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "Ready",
            Self::MetricsAvailable => "MetricsAvailable",
            Self::ForecastTrusted => "ForecastTrusted",
            Self::ScalingLimited => "ScalingLimited",
            Self::CapacityBlocked => "CapacityBlocked",
            Self::Healthy => "Healthy",
            Self::Progressing => "Progressing",
            Self::Conflict => "Conflict",
            Self::Paused => "Paused",
            Self::ReserveHeld => "ReserveHeld",
            Self::Approved => "Approved",
            Self::Feasible => "Feasible",
            Self::Overlapping => "Overlapping",
            Self::Learned => "Learned",
        }
    }
}

/// Whether a condition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConditionStatus {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// Nobody can tell.
    Unknown,
}

impl ConditionStatus {
    /// The word of the API conventions.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// Sets one condition in place and says whether anything changed.
///
/// `lastTransitionTime` moves only with the status, as the API conventions want; an equal condition is left alone, so
/// that nothing is written at rest. The list stays in the order in which types first appeared.
pub fn set_condition(
    conditions: &mut Vec<Condition>,
    kind: ConditionType,
    (status, reason, message): (ConditionStatus, &str, &str),
    generation: Option<i64>,
    now: Timestamp,
) -> bool {
    let found = conditions.iter_mut().find(|c| c.type_ == kind.as_str());
    let since = match &found {
        Some(old) if old.status == status.as_str() => old.last_transition_time.clone(),
        _ => Time(now),
    };
    let new = Condition {
        last_transition_time: since,
        message: message.to_owned(),
        observed_generation: generation,
        reason: reason.to_owned(),
        status: status.as_str().to_owned(),
        type_: kind.as_str().to_owned(),
    };
    match found {
        Some(old) if *old == new => false,
        Some(old) => {
            *old = new;
            true
        }
        None => {
            conditions.push(new);
            true
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn moves_the_transition_time_only_with_the_status() {
        let mut list = Vec::new();
        let ready = ConditionType::Ready;
        assert!(set_condition(&mut list, ready, (ConditionStatus::False, "Starting", "0 of 2"), Some(1), at(10)));
        assert!(set_condition(&mut list, ready, (ConditionStatus::False, "Starting", "1 of 2"), Some(1), at(20)));
        assert_eq!(list[0].last_transition_time.0, at(10));
        assert!(set_condition(&mut list, ready, (ConditionStatus::True, "AllReady", "2 of 2"), Some(1), at(30)));
        assert_eq!(list[0].last_transition_time.0, at(30));
        assert_eq!(list.len(), 1);
    }

    #[test]
    fn changes_nothing_when_nothing_changed() {
        let mut list = Vec::new();
        let paused = ConditionType::Paused;
        assert!(set_condition(&mut list, paused, (ConditionStatus::True, "Annotation", "held"), Some(3), at(10)));
        let before = list.clone();
        assert!(!set_condition(&mut list, paused, (ConditionStatus::True, "Annotation", "held"), Some(3), at(99)));
        assert_eq!(list, before);
    }
}
