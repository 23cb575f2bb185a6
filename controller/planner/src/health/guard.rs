//! What keeps a sick pod where it is: budget, minimum of healthy pods, rollout, promotion, humans.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::{HealthInput, PodReading, Suspect, evidence};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// What holds an eviction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Hold {
    /// It has not looked sick for long enough.
    Confirming,
    /// Too few pods are measured.
    Blackout,
    /// All pods are slow.
    Overload,
    /// More than 30 % of the pods are unhealthy.
    Breaker,
    /// Humans want it shown only.
    Mode,
    /// A rollout is under way.
    Rollout,
    /// A promotion is near or running.
    Promotion,
    /// The budget of evictions per hour is used up.
    Budget,
    /// The pod that was evicted last is not replaced yet.
    Replacing,
    /// Too few of the other pods are healthy.
    MinHealthy,
}

/// The first thing that holds an eviction; `None` = nothing.
pub(super) fn hold(input: &HealthInput, suspects: &[Suspect]) -> Option<Hold> {
    let ages = || input.evictions.iter().map(|at| input.now.duration_since(*at));
    // An eviction in the future (the clock was set back) counts: the budget errs on the side of doing less.
    let used = ages().filter(|age| *age < HOUR).count();
    let peak = input.promotions.iter().any(|p| !p.floors.is_empty() && p.from <= input.now && input.now < p.ends);
    let sick = |p: &PodReading| suspects.iter().any(|s| s.pod == p.name && evidence::for_long(input, s));
    let healthy = input.pods.iter().filter(|p| p.ready && !sick(p)).count();
    let all = input.pods.len().max(usize::try_from(input.replicas).unwrap_or(usize::MAX));
    let checks = [
        (!input.policy.evict, Hold::Mode),
        (input.rolling_out, Hold::Rollout),
        (peak, Hold::Promotion),
        (used >= usize::try_from(input.policy.per_hour).unwrap_or(usize::MAX), Hold::Budget),
        (ages().any(|age| age < input.lead_time), Hold::Replacing),
        ((healthy as f64) < input.policy.min_healthy.clamp(0.0, 1.0) * all as f64, Hold::MinHealthy),
    ];
    checks.into_iter().find(|(holds, _)| *holds).map(|(_, hold)| hold)
}

impl Hold {
    /// The word, stable across releases.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Confirming => "Confirming",
            Self::Blackout => "Blackout",
            Self::Overload => "Overload",
            Self::Breaker => "Breaker",
            Self::Mode => "Mode",
            Self::Rollout => "Rollout",
            Self::Promotion => "Promotion",
            Self::Budget => "Budget",
            Self::Replacing => "Replacing",
            Self::MinHealthy => "MinHealthy",
        }
    }
}

/// The hold in words.
pub(super) fn words(hold: Hold, input: &HealthInput, suspects: &[Suspect]) -> String {
    match hold {
        Hold::Confirming => format!("it must look so for {} s", input.policy.confirm.as_secs()),
        Hold::Blackout => "too few pods are measured to be sure".to_owned(),
        Hold::Overload => "all pods are slow, which restarts do not cure".to_owned(),
        Hold::Breaker => {
            let unhealthy = evidence::unhealthy(input, suspects);
            format!("{unhealthy} of {} pods are unhealthy, which restarts do not cure", input.pods.len())
        }
        Hold::Mode => "remediation is not Auto".to_owned(),
        Hold::Rollout => "a rollout is under way".to_owned(),
        Hold::Promotion => "a promotion is near or running".to_owned(),
        Hold::Budget => format!("{} evictions per hour are used up", input.policy.per_hour),
        Hold::Replacing => "the pod evicted last is not replaced yet".to_owned(),
        Hold::MinHealthy => format!("less than {:.0} % of the pods are healthy", input.policy.min_healthy * 100.0),
    }
}
