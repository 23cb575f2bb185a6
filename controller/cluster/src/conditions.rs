//! Conditions of a `ShopService` from the facts of one round: stable reasons, and no live figure in a message.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use presale_crds::{ConditionStatus, ConditionType, HealthState, HealthStatus, ShopService, set_condition};
use presale_models::Reading;
use presale_planner::{ForecastInput, Mode, Policy, Reason, Trust};

use crate::status::Report;
use crate::{Error, Observed};

mod reserve;

type Said = (ConditionStatus, String, String);

/// All conditions of this round, over those of the last.
pub(crate) fn of(report: &Report<'_>, old: &[Condition]) -> Vec<Condition> {
    let mut all = old.to_vec();
    let generation = report.shop.metadata.generation;
    let mut set = |kind, (status, reason, message): Said| {
        set_condition(&mut all, kind, (status, &reason, &message), generation, report.decision.at);
    };
    set(ConditionType::Ready, ready(report));
    set(ConditionType::MetricsAvailable, metrics(&report.input.load));
    set(ConditionType::ForecastTrusted, trusted(&report.input.forecast, report.input.policy.trust));
    set(ConditionType::ScalingLimited, limited(report));
    set(ConditionType::CapacityBlocked, blocked(report.observed));
    if let Some(health) = &report.health {
        set(ConditionType::Healthy, healthy(health));
    }
    set(ConditionType::Progressing, progressing(report));
    set(ConditionType::Conflict, conflict(report.observed.conflict.as_deref(), report.failure));
    set(ConditionType::Paused, paused(&report.input.policy));
    let known = old.iter().any(|condition| condition.type_ == ConditionType::ReserveHeld.as_str());
    if let Some(reserve) = reserve::held(report, known) {
        set(ConditionType::ReserveHeld, reserve);
    }
    all
}

/// Conditions where the target could not be looked at: those that are known then; the others stay.
pub(crate) fn of_failure(shop: &ShopService, error: &Error, now: Timestamp) -> Vec<Condition> {
    let mut all = shop.status.as_ref().map_or_else(Vec::new, |status| status.conditions.clone());
    let mut set = |kind, (status, reason, message): Said| {
        set_condition(&mut all, kind, (status, &reason, &message), shop.metadata.generation, now);
    };
    set(ConditionType::Ready, failure(error));
    set(ConditionType::Progressing, failure(error));
    set(ConditionType::Conflict, conflict(None, Some(error)));
    all
}

fn ready(report: &Report<'_>) -> Said {
    let (ready, desired) = (report.observed.replicas.ready, report.decision.desired);
    let message = format!("{ready} of {desired} replicas are ready");
    match report.failure {
        Some(error) if ready < desired => failure(error),
        _ if ready < desired => said(ConditionStatus::False, "ReplicasNotReady", message),
        _ => said(ConditionStatus::True, "ReplicasReady", message),
    }
}

fn metrics(load: &Reading) -> Said {
    let message = match load {
        Reading::Fresh { .. } | Reading::Zero { .. } => {
            return said(ConditionStatus::True, "SignalFresh", "the load signal is fresh and complete");
        }
        Reading::Stale { .. } => "the newest sample is too old: is the target still scraped?",
        Reading::Partial { .. } => "some pods are missing in the signal; it raises replicas and lowers none",
        Reading::Empty => "the query finds no series: do its labels fit this service, and is it scraped?",
        Reading::NotANumber => "the query answers NaN: does it divide by zero?",
        Reading::Error => "the query fails: `presale doctor` says why",
    };
    said(ConditionStatus::False, &format!("Signal{}", load.state()), message)
}

fn trusted(forecast: &ForecastInput, trust: Trust) -> Said {
    match forecast {
        ForecastInput::Unavailable { reason } => said(ConditionStatus::False, &camel(reason), "there is no forecast"),
        ForecastInput::Available { trusted: true, .. } if trust == Trust::Always => {
            said(ConditionStatus::True, "AlwaysTrusted", "forecast.trust is Always")
        }
        ForecastInput::Available { trusted: true, .. } => {
            said(ConditionStatus::True, "ScoresPass", "its scores on the past pass")
        }
        ForecastInput::Available { .. } if trust == Trust::Never => {
            said(ConditionStatus::False, "NeverTrusted", "forecast.trust is Never")
        }
        ForecastInput::Available { bursty: true, .. } => said(
            ConditionStatus::False,
            "Bursty",
            "the load bursts faster than pods start and nothing announces it: live load and its stabilization window act alone",
        ),
        ForecastInput::Available { .. } => {
            said(ConditionStatus::False, "ScoresFail", "its scores on the past do not pass yet; live load acts alone")
        }
    }
}

fn limited(report: &Report<'_>) -> Said {
    let limits = |by: Reason| matches!(by, Reason::MaxReplicas | Reason::PromotionCeiling | Reason::StepLimit);
    match report.decision.clamps.iter().rev().find(|clamp| limits(clamp.by)) {
        Some(clamp) => {
            let message = match clamp.by {
                Reason::MaxReplicas => "replicas.max is below what is needed",
                Reason::PromotionCeiling => "a promotion's ceiling is below what is needed",
                _ => "behavior lets the replicas change more slowly than is needed",
            };
            said(ConditionStatus::True, clamp.by.as_str(), message)
        }
        None => said(ConditionStatus::False, "WithinLimits", "no bound or step limit cuts the replicas"),
    }
}

fn blocked(observed: &Observed) -> Said {
    if let Some(why) = observed.pods.iter().find_map(|pod| pod.unschedulable.as_deref()) {
        return said(ConditionStatus::True, "Unschedulable", why);
    }
    let pulls =
        |why: &&str| matches!(*why, "ErrImagePull" | "ImagePullBackOff" | "InvalidImageName" | "ErrImageNeverPull");
    if observed.pods.iter().filter_map(|pod| pod.waiting.as_deref()).any(|why| pulls(&why)) {
        return said(ConditionStatus::True, "ImagePull", "a pod's image cannot be pulled: is its name right?");
    }
    said(ConditionStatus::False, "PodsPlaced", "every pod found a node")
}

fn healthy(health: &HealthStatus) -> Said {
    match health.state {
        HealthState::Well => said(ConditionStatus::True, "NoOutlier", "no pod is an outlier against its peers"),
        HealthState::Sick => {
            let pods: Vec<_> = health.sick_pods.iter().map(|pod| format!("{} ({})", pod.name, pod.cause)).collect();
            said(ConditionStatus::False, "Outliers", pods.join(", "))
        }
        HealthState::Overloaded => said(ConditionStatus::False, "Overloaded", "all pods are slow: a matter of scaling"),
        HealthState::Unknown => said(ConditionStatus::Unknown, "NoReadings", "there are no readings per pod"),
    }
}

fn progressing(report: &Report<'_>) -> Said {
    match report.failure {
        Some(error) => failure(error),
        None if report.observed.rolling_out => {
            said(ConditionStatus::True, "RollingOut", "pods of an older template still run")
        }
        None => said(ConditionStatus::False, "UpToDate", "everything is as the spec wants it"),
    }
}

fn conflict(rival: Option<&str>, error: Option<&Error>) -> Said {
    match (rival, error) {
        (Some(rival), _) => {
            let message = format!("{rival} also writes this target: remove one of the two");
            said(ConditionStatus::True, "ForeignOwner", message)
        }
        (None, Some(error @ Error::Conflict { .. })) => said(ConditionStatus::True, "ForeignObject", error.to_string()),
        _ => said(ConditionStatus::False, "SoleOwner", "nobody else writes what we write"),
    }
}

fn paused(policy: &Policy) -> Said {
    let held = |reason: &str, message: &str| said(ConditionStatus::True, reason, message);
    match (policy.mode, policy.paused_in, policy.paused_out) {
        (_, true, true) => held("Annotation", "an annotation holds all scaling"),
        (Mode::Paused, ..) => held("Mode", "scaling.mode is Paused"),
        (_, true, false) => held("ScaleInPaused", "an annotation holds every decrease"),
        (_, false, true) => held("ScaleOutPaused", "an annotation holds every increase"),
        (_, false, false) => said(ConditionStatus::False, "NotPaused", "nobody holds scaling"),
    }
}

fn failure(error: &Error) -> Said {
    said(ConditionStatus::False, error.reason(), error.to_string())
}

fn said(status: ConditionStatus, reason: &str, message: impl Into<String>) -> Said {
    (status, reason.to_owned(), message.into())
}

/// `not_enough_history` as the API conventions spell it: `NotEnoughHistory`.
fn camel(word: &str) -> String {
    let capital = |part: &str| part[..1].to_uppercase() + &part[1..];
    word.split('_').filter(|part| part.is_ascii() && !part.is_empty()).map(capital).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_camel_case() {
        assert_eq!(camel("not_enough_history"), "NotEnoughHistory");
        assert_eq!(camel("fit"), "Fit");
    }

    #[test]
    fn missing_is_told_apart_from_zero() {
        let at = Timestamp::UNIX_EPOCH;
        assert_eq!(metrics(&Reading::Zero { at }).0, ConditionStatus::True);
        assert_eq!(metrics(&Reading::Empty).1, "SignalEmpty");
        assert_eq!(metrics(&Reading::NotANumber).1, "SignalNaN");
        assert_eq!(metrics(&Reading::Stale { value: 1.0, at }).0, ConditionStatus::False);
    }

    #[test]
    fn bursts_that_no_forecast_foresees_are_said_where_trust_is_not_earned() {
        let (origin, step) = (Timestamp::UNIX_EPOCH, jiff::SignedDuration::from_mins(1));
        let reason = |trusted, bursty| {
            let maximum = presale_models::QuantileForecast::new(origin, step, vec![[1.0; 8]]).expect("a forecast");
            super::trusted(&ForecastInput::Available { maximum, trusted, data_until: origin, bursty }, Trust::Earned).1
        };
        assert_eq!((reason(false, true).as_str(), reason(false, false).as_str()), ("Bursty", "ScoresFail"));
        assert_eq!(reason(true, true), "ScoresPass");
    }

    #[test]
    fn an_object_that_is_not_ours_is_a_conflict_and_a_bad_template_is_not() {
        let foreign = Error::Conflict { object: "Service shop/orders".into(), owner: "not owned by this".into() };
        assert_eq!(conflict(None, Some(&foreign)).1, "ForeignObject");
        let template = Error::TemplateRefused { field: "spec.podTemplate.spec".into(), message: "bad".into() };
        assert_eq!(conflict(None, Some(&template)).1, "SoleOwner");
        assert_eq!(conflict(Some("HorizontalPodAutoscaler x"), None).1, "ForeignOwner");
    }
}
