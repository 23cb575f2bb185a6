//! What a promotion really brought, once it is over: the next one's prior.

use jiff::{SignedDuration, Timestamp};
use presale_models::{ObservedUplift, Sample, Series, uplift::Curve};

use super::{baseline::Baseline, schedule::Occurrence, takeover::Running};

/// Share of the occurrence that must have been seen.
const SEEN: f64 = 0.5;
/// Share of censored samples from which the whole is a lower bound.
const CENSORED: f64 = 0.2;
/// Steps that count as one independent observation, since neighbours are alike.
const ALIKE: f64 = 5.0;
/// Uncertainty of the normal load itself (ln units).
const BASELINE_SD: f64 = 0.05;

/// Geometric mean of load ÷ normal load on the plateau with its uncertainty; `None` while it is not over, where less than
/// half of it was seen, or where the normal load is unknown.
pub fn observe(
    load: &Series,
    baseline: Baseline<'_>,
    curve: Curve,
    occurrence: Occurrence,
    now: Timestamp,
) -> Option<ObservedUplift> {
    if now < occurrence.end {
        return None;
    }
    let curve = curve.fitted(occurrence.end.duration_since(occurrence.start));
    let running = Running { occurrence, curve, baseline, live: Some(load) };
    let from = occurrence.start.saturating_add(curve.ramp).ok()?;
    let steps = plateau(load, from, occurrence.end);
    let seen: Vec<(f64, bool)> = steps
        .iter()
        .filter_map(|t| {
            let sample = load.at(*t);
            Some((running.implied(*t, sample)?.ln(), matches!(sample, Sample::Censored(_))))
        })
        .collect();
    if seen.is_empty() || (seen.len() as f64) < SEEN * steps.len() as f64 {
        return None;
    }
    let n = seen.len() as f64;
    let mean = seen.iter().map(|s| s.0).sum::<f64>() / n;
    let variance = seen.iter().map(|s| (s.0 - mean).powi(2)).sum::<f64>() / n;
    let sd = (variance / (n / ALIKE).max(1.0) + BASELINE_SD * BASELINE_SD).sqrt();
    let censored = seen.iter().filter(|s| s.1).count() as f64 > CENSORED * n;
    Some(ObservedUplift { mean: mean.exp(), sd, censored })
}

/// Times of the load's steps within `[from, to)`, at most ten thousand.
fn plateau(load: &Series, from: Timestamp, to: Timestamp) -> Vec<Timestamp> {
    let mut times = Vec::new();
    let mut t = from;
    while t < to && times.len() < 10_000 {
        times.push(t);
        match t.checked_add(load.step().max(SignedDuration::from_secs(1))) {
            Ok(next) => t = next,
            Err(_) => break,
        }
    }
    times
}
