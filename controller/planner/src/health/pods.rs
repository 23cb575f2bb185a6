//! Peers: what the other ready pods show, by their middle value and scatter.

use super::{HealthInput, PodReading};

/// Middle and scatter of the peers' values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Peers {
    /// Median.
    pub(super) middle: f64,
    /// Median distance from it.
    pub(super) scatter: f64,
    /// How many.
    pub(super) count: usize,
}

/// The other ready pods' values of one kind; `None` if nobody else is measured.
pub(super) fn of(input: &HealthInput, but: &str, value: fn(&PodReading) -> Option<f64>) -> Option<Peers> {
    let others = input.pods.iter().filter(|p| p.ready && p.name != but);
    let values: Vec<f64> = others.filter_map(value).filter(|v| v.is_finite()).collect();
    let middle = median(values.clone())?;
    let scatter = median(values.iter().map(|v| (v - middle).abs()).collect())?;
    Some(Peers { middle, scatter, count: values.len() })
}

/// Middle value; `None` of none.
pub(super) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let lower = *values.get(values.len().saturating_sub(1) / 2)?;
    Some(f64::midpoint(lower, upper))
}
