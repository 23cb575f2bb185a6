//! Evidence of sickness: one pod against its peers at the same load.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::{HealthInput, PodReading, Suspect, Verdict, pods};

/// Fewest peers to compare with.
const FEWEST_PEERS: usize = 2;
/// A pod under more than this multiple of its peers' load is hot, not sick.
const HOT: f64 = 1.5;
/// Latency beyond this multiple of the peers'.
const SLOW: f64 = 3.0;
/// Latency beyond this many scatters of the peers'.
const SLOW_SCATTERS: f64 = 6.0;
/// Latency less than this above the peers' is never sick, seconds.
const SLOW_LEAST: f64 = 0.02;
/// Failing share beyond the peers' by this much.
const FAILING: f64 = 0.05;
/// And beyond this multiple of theirs.
const FAILING_TIMES: f64 = 3.0;
/// Restarts within ten minutes while peers have at most one.
const RESTARTING: u32 = 3;
/// How long a pod may be unready while its peers are ready.
const UNREADY: SignedDuration = SignedDuration::from_mins(2);
/// Share of unhealthy pods from which restarts are no cure.
const BREAKER: f64 = 0.3;
/// Share of ready pods that must be measured.
const MEASURED: f64 = 0.5;

/// What a pod shows that its peers do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Symptom {
    /// Far more of its requests fail.
    Errors,
    /// It is far slower at the same load.
    Latency,
    /// It restarts again and again.
    Restarts,
    /// It is not ready although it had the time.
    NotReady,
}

/// Every pod that looks sick, worst first; its time runs on where it looked sick before. Those that cannot be read just now
/// come last: a missing reading is no evidence of health either, and a struggling pod's scrapes fail.
pub(super) fn suspects(input: &HealthInput) -> Vec<Suspect> {
    let mut found: Vec<(f64, Suspect)> = input
        .pods
        .iter()
        .filter_map(|pod| {
            let before = input.suspects.iter().find(|s| s.pod == pod.name && s.since <= input.now);
            let Some((symptom, severity)) = symptom(input, pod) else {
                return before.filter(|s| lingers(input, pod, s)).map(|s| (0.0, s.clone()));
            };
            let since = before.map_or(input.now, |s| s.since);
            Some((severity, Suspect { pod: pod.name.clone(), since, seen: input.now, symptom }))
        })
        .collect();
    found.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.pod.cmp(&b.1.pod)));
    found.into_iter().map(|(_, suspect)| suspect).collect()
}

/// Whether a pod stays a suspect because what made it one is not measured: for as long as it takes to confirm.
fn lingers(input: &HealthInput, pod: &PodReading, suspect: &Suspect) -> bool {
    let measured = match suspect.symptom {
        Symptom::Errors => pod.errors.is_some(),
        Symptom::Latency => pod.latency.is_some(),
        Symptom::Restarts | Symptom::NotReady => true,
    };
    !measured && (SignedDuration::ZERO..=input.policy.confirm).contains(&input.now.duration_since(suspect.seen))
}

/// The worst suspect that looks sick now.
pub(super) fn showing<'a>(input: &HealthInput, suspects: &'a [Suspect]) -> Option<&'a Suspect> {
    suspects.iter().find(|s| s.seen == input.now)
}

/// The worst suspect that has been one for long enough and looks sick now.
pub(super) fn confirmed<'a>(input: &HealthInput, suspects: &'a [Suspect]) -> Option<&'a Suspect> {
    suspects.iter().find(|s| s.seen == input.now && for_long(input, s))
}

/// Whether a suspect has been one for long enough. Others do not count as unhealthy: near saturation the latency of a few
/// pods out of many stands out for some seconds, and that must not keep the one that is sick where it is.
pub(super) fn for_long(input: &HealthInput, suspect: &Suspect) -> bool {
    input.now.duration_since(suspect.since) >= input.policy.confirm
}

/// Sick, overloaded, broken or healthy; unknown on a blackout.
pub(super) fn verdict(input: &HealthInput, suspects: &[Suspect]) -> Verdict {
    let ready = input.pods.iter().filter(|p| p.ready).count();
    let measured = input.pods.iter().filter(|p| p.ready && p.load.is_some_and(f64::is_finite)).count();
    if ready == 0 || (measured as f64) < MEASURED * ready as f64 {
        return Verdict::Unknown;
    }
    let unhealthy = unhealthy(input, suspects);
    if unhealthy > 1 && unhealthy as f64 > BREAKER * input.pods.len() as f64 {
        return Verdict::Broken;
    }
    if all_slow(input) {
        return Verdict::Overloaded;
    }
    if suspects.is_empty() { Verdict::Healthy } else { Verdict::Sick }
}

/// Pods that have looked sick for long, or are unready beyond their time to start.
pub(super) fn unhealthy(input: &HealthInput, suspects: &[Suspect]) -> usize {
    let sick = |pod: &PodReading| suspects.iter().any(|s| s.pod == pod.name && for_long(input, s));
    input.pods.iter().filter(|p| sick(p) || (!p.ready && grown(input, p))).count()
}

/// The evidence in words, with numbers.
pub(super) fn words(input: &HealthInput, suspect: &Suspect) -> String {
    let Some(pod) = input.pods.iter().find(|p| p.name == suspect.pod) else { return String::new() };
    let against = |value: fn(&PodReading) -> Option<f64>| {
        (value(pod).unwrap_or(0.0), pods::of(input, &pod.name, value).map_or(0.0, |p| p.middle))
    };
    match suspect.symptom {
        Symptom::Errors => {
            let (own, peers) = against(|p| p.errors);
            format!("{:.0} % of its requests fail, {:.1} % of its peers'", own * 100.0, peers * 100.0)
        }
        Symptom::Latency => {
            let (own, peers) = against(|p| p.latency);
            format!("latency {:.0} ms, its peers' {:.0} ms at the same load", own * 1e3, peers * 1e3)
        }
        Symptom::Restarts => format!("{} restarts within ten minutes, its peers at most one", pod.restarts),
        Symptom::NotReady => "not ready while its peers are".to_owned(),
    }
}

/// The worst symptom of a pod and how far it is out, in multiples of what is allowed.
fn symptom(input: &HealthInput, pod: &PodReading) -> Option<(Symptom, f64)> {
    if !grown(input, pod) {
        return None;
    }
    let found = [failing(input, pod), slow(input, pod), restarting(input, pod), unready(input, pod)];
    found.into_iter().flatten().max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))
}

/// Old enough to be judged.
fn grown(input: &HealthInput, pod: &PodReading) -> bool {
    input.now.duration_since(pod.created) > input.lead_time.max(SignedDuration::from_secs(30))
}

fn failing(input: &HealthInput, pod: &PodReading) -> Option<(Symptom, f64)> {
    let own = pod.errors.filter(|e| e.is_finite())?;
    let peers = pods::of(input, &pod.name, |p| p.errors).filter(|p| p.count >= FEWEST_PEERS)?;
    let allowed = (peers.middle + FAILING).max(peers.middle * FAILING_TIMES);
    (own > allowed).then_some((Symptom::Errors, own / allowed))
}

fn slow(input: &HealthInput, pod: &PodReading) -> Option<(Symptom, f64)> {
    let own = pod.latency.filter(|l| l.is_finite())?;
    let peers = pods::of(input, &pod.name, |p| p.latency).filter(|p| p.count >= FEWEST_PEERS)?;
    let load = pods::of(input, &pod.name, |p| p.load)?;
    if pod.load? > HOT * load.middle {
        return None;
    }
    let allowed = (peers.middle * SLOW)
        .max(peers.middle + SLOW_SCATTERS * peers.scatter)
        .max(peers.middle + SLOW_LEAST)
        .max(input.latency_limit.filter(|l| l.is_finite()).unwrap_or(0.0));
    (own > allowed).then_some((Symptom::Latency, own / allowed))
}

fn restarting(input: &HealthInput, pod: &PodReading) -> Option<(Symptom, f64)> {
    let peers = pods::of(input, &pod.name, |p| Some(f64::from(p.restarts)))?;
    let alone = peers.count >= FEWEST_PEERS && peers.middle <= 1.0 && pod.restarts >= RESTARTING;
    alone.then(|| (Symptom::Restarts, f64::from(pod.restarts) / f64::from(RESTARTING)))
}

fn unready(input: &HealthInput, pod: &PodReading) -> Option<(Symptom, f64)> {
    let since = pod.not_ready_since.filter(|_| !pod.ready)?;
    let for_long = input.now.duration_since(since);
    let peers = input.pods.iter().filter(|p| p.ready && p.name != pod.name).count();
    (peers >= FEWEST_PEERS && for_long >= UNREADY)
        .then(|| (Symptom::NotReady, for_long.as_secs_f64() / UNREADY.as_secs_f64()))
}

/// Whether the middle pod is over the latency limit: then it is the load, not a pod.
fn all_slow(input: &HealthInput) -> bool {
    let latencies = input.pods.iter().filter(|p| p.ready).filter_map(|p| p.latency).filter(|l| l.is_finite());
    match (pods::median(latencies.collect()), input.latency_limit) {
        (Some(middle), Some(limit)) => middle > limit,
        _ => false,
    }
}
