//! Latency against load: an isotonic curve through the bins' medians, and the load at which it crosses the limit.

use std::collections::VecDeque;

use super::{CapacityWindow, Evidence, cpu::median};

/// Fewest windows for a bin to have a say.
const FEWEST: usize = 3;
/// Scatter of a knee that was seen.
const KNEE_SD: f64 = 0.08;

/// Where latency leaves its limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Knee {
    /// It crosses the limit here.
    At(Evidence),
    /// It is within the limit up to this load, the highest that was seen: a lower bound.
    Above(f64),
    /// Too little was seen.
    Unknown,
}

/// Reads the knee from the bins, ascending by load.
pub(super) fn find<'a>(bins: impl Iterator<Item = &'a VecDeque<CapacityWindow>>, limit: f64) -> Knee {
    let points: Vec<(f64, f64, f64)> = bins.filter_map(point).collect();
    let fitted = isotonic(&points);
    let Some(over) = fitted.iter().position(|(_, latency)| *latency > limit) else {
        return fitted.last().map_or(Knee::Unknown, |(load, _)| Knee::Above(*load));
    };
    let Some((high, above)) = fitted.get(over).copied() else { return Knee::Unknown };
    let at = match over.checked_sub(1).and_then(|i| fitted.get(i)).copied() {
        Some((low, below)) if above > below => low + (high - low) * (limit - below) / (above - below),
        // Over the limit at the lowest load seen: the knee is somewhere below it.
        Some((low, _)) => low,
        None => high * 0.8,
    };
    if at > 0.0 { Knee::At(Evidence { ln_mean: libm::log(at), ln_sd: KNEE_SD }) } else { Knee::Unknown }
}

/// Median load, median latency and weight of a bin.
fn point(bin: &VecDeque<CapacityWindow>) -> Option<(f64, f64, f64)> {
    let seen: Vec<(f64, f64)> = bin.iter().filter_map(|w| Some((w.load_per_replica, w.latency?))).collect();
    (seen.len() >= FEWEST).then(|| {
        let load = median(seen.iter().map(|s| s.0).collect());
        (load, median(seen.iter().map(|s| s.1).collect()), seen.len() as f64)
    })
}

/// Non-decreasing fit of latency over load.
///
/// **Source**: pool adjacent violators (Ayer et al., 1955).
fn isotonic(points: &[(f64, f64, f64)]) -> Vec<(f64, f64)> {
    let mut blocks: Vec<(f64, f64, usize)> = Vec::new();
    for (_, latency, weight) in points {
        let mut block = (*latency, *weight, 1);
        while let Some(before) = blocks.pop_if(|b| b.0 > block.0) {
            let weight = before.1 + block.1;
            block = ((before.0 * before.1 + block.0 * block.1) / weight, weight, before.2 + block.2);
        }
        blocks.push(block);
    }
    let levels = blocks.iter().flat_map(|(level, _, n)| std::iter::repeat_n(*level, *n));
    points.iter().map(|p| p.0).zip(levels).collect()
}
