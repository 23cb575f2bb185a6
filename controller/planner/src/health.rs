//! Restart what is sick: a pod that is an outlier against its peers at the same load, told apart from an overload of all.
//!
//! Pure like [`crate::decide`]: pods' readings in, at most one eviction out, with what it is for or what holds it. Missing
//! readings are no evidence; a metric blackout evicts nothing.

mod evidence;
mod guard;
mod pods;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

pub use evidence::Symptom;
pub use guard::Hold;

use crate::PromotionFloor;

/// The pods of one service at one instant, and what may be done to them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HealthInput {
    /// The one clock reading.
    pub now: Timestamp,
    /// What the humans allow.
    pub policy: HealthPolicy,
    /// All pods of the current revision that are not being deleted.
    pub pods: Vec<PodReading>,
    /// Replicas in the target's spec.
    pub replicas: u32,
    /// Limit of the latency, seconds; `None` = not stated.
    pub latency_limit: Option<f64>,
    /// How long a pod needs to become ready: younger ones are starting, not sick.
    pub lead_time: SignedDuration,
    /// Whether a rollout is under way.
    pub rolling_out: bool,
    /// Promotions in force or near.
    pub promotions: Vec<PromotionFloor>,
    /// When we evicted pods of this service, any order; at least the last hour.
    pub evictions: Vec<Timestamp>,
    /// [`Remediation::suspects`] of the last time.
    pub suspects: Vec<Suspect>,
}

/// What may be done to sick pods.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct HealthPolicy {
    /// Whether pods are evicted, or only shown.
    pub evict: bool,
    /// Share of the replicas that must be healthy for an eviction, 0..=1.
    pub min_healthy: f64,
    /// Most evictions within an hour.
    pub per_hour: u32,
    /// How long a pod must be an outlier.
    pub confirm: SignedDuration,
}

impl Default for HealthPolicy {
    fn default() -> Self {
        Self { evict: true, min_healthy: 0.6, per_hour: 6, confirm: SignedDuration::from_secs(60) }
    }
}

/// One pod's readings over the last minute or two. `None` = not measured, which is no evidence of anything.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PodReading {
    /// Its name.
    pub name: String,
    /// When it was created.
    pub created: Timestamp,
    /// Whether it is ready.
    pub ready: bool,
    /// Since when it has not been ready; `None` = it is.
    pub not_ready_since: Option<Timestamp>,
    /// Restarts of its containers within the last ten minutes.
    pub restarts: u32,
    /// Requests/s that it serves.
    pub load: Option<f64>,
    /// Share of them that fail, 0..=1.
    pub errors: Option<f64>,
    /// Latency at the policy's quantile, seconds.
    pub latency: Option<f64>,
}

/// A pod that looks sick, and since when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspect {
    /// Its name.
    pub pod: String,
    /// Since when, without a look at which it was measured and looked well.
    pub since: Timestamp,
    /// When it looked sick last.
    pub seen: Timestamp,
    /// What it shows.
    pub symptom: Symptom,
}

/// How the service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Verdict {
    /// No pod stands out.
    Healthy,
    /// At least one pod is an outlier against its peers.
    Sick,
    /// All pods are slow: more replicas help, restarts do not.
    Overloaded,
    /// Too many pods are unhealthy for a restart to be the cure.
    Broken,
    /// Too little is measured to tell.
    Unknown,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Remediation {
    /// How the service is.
    pub verdict: Verdict,
    /// The pod to evict now through the Eviction API; at most one.
    pub evict: Option<String>,
    /// One sentence for people, with numbers.
    pub why: String,
    /// What keeps a sick pod from being evicted; `None` where one is evicted or none is sick.
    pub held_by: Option<Hold>,
    /// Pods that look sick, for the next input.
    pub suspects: Vec<Suspect>,
}

/// Decides on at most one eviction. Total: any input gives an answer, and the same input the same one.
pub fn remediate(input: &HealthInput) -> Remediation {
    let suspects = evidence::suspects(input);
    let verdict = evidence::verdict(input, &suspects);
    let worst = evidence::confirmed(input, &suspects);
    let held_by = match (verdict, worst) {
        (_, None) => evidence::showing(input, &suspects).map(|_| Hold::Confirming),
        (Verdict::Unknown, Some(_)) => Some(Hold::Blackout),
        (Verdict::Overloaded, Some(_)) => Some(Hold::Overload),
        (Verdict::Broken, Some(_)) => Some(Hold::Breaker),
        (Verdict::Healthy | Verdict::Sick, Some(_)) => guard::hold(input, &suspects),
    };
    let evict = worst.filter(|_| held_by.is_none()).map(|s| s.pod.clone());
    let why = sentence(input, verdict, &suspects, held_by);
    Remediation { verdict, evict, why, held_by, suspects }
}

fn sentence(input: &HealthInput, verdict: Verdict, suspects: &[Suspect], held_by: Option<Hold>) -> String {
    let Some(suspect) = evidence::confirmed(input, suspects).or(evidence::showing(input, suspects)) else {
        return match verdict {
            Verdict::Overloaded => "All pods are slow alike: replicas help, restarts do not.".to_owned(),
            Verdict::Unknown => "Too few pods are measured to tell sick from healthy.".to_owned(),
            Verdict::Broken => "Too many pods are not ready: restarts are no cure.".to_owned(),
            Verdict::Healthy | Verdict::Sick => format!("All {} pods are alike.", input.pods.len()),
        };
    };
    let what = evidence::words(input, suspect);
    match held_by {
        None => format!("Evict {}: {what}.", suspect.pod),
        Some(rule) => {
            format!("{} looks sick ({what}), and stays: {}.", suspect.pod, guard::words(rule, input, suspects))
        }
    }
}
