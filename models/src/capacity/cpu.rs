//! CPU against load: a robust line, and the load at which it reaches what a replica may use.

use super::{CapacityWindow, Evidence};

/// Fewest windows for a line.
const FEWEST: usize = 8;
/// Least ratio of highest to lowest load for a slope; below it only the ratio CPU ÷ load is taken.
const LEAST_SPREAD: f64 = 1.5;
/// Huber's bend, in robust standard deviations.
const BEND: f64 = 1.345;
/// Rounds of reweighting.
const ROUNDS: usize = 8;
/// Pull of the slope towards CPU ÷ load, in windows' worth.
const RIDGE: f64 = 0.5;
/// Scatter of CPU as a stand-in for the service level.
const MODEL_SD: f64 = 0.1;
/// Scatter per unit of ln(c ÷ highest load seen): lines do not go on for ever.
const EXTRAPOLATION_SD: f64 = 0.15;

/// Load at which `cores` are used; `None` with too few windows or without a rising line.
///
/// **Source**: Huber (1964) M-estimate by iterated reweighting, ridge towards the line through the origin.
pub(super) fn capacity(windows: &[&CapacityWindow], cores: f64) -> Option<Evidence> {
    let points: Vec<(f64, f64)> = windows.iter().filter_map(|w| Some((w.load_per_replica, w.cpu?))).collect();
    if points.len() < FEWEST || cores.is_nan() || cores <= 0.0 {
        return None;
    }
    let highest = points.iter().map(|p| p.0).fold(0.0, f64::max);
    let lowest = points.iter().map(|p| p.0).fold(f64::INFINITY, f64::min);
    let through_origin = points.iter().map(|p| p.1).sum::<f64>() / points.iter().map(|p| p.0).sum::<f64>();
    if through_origin.is_nan() || through_origin <= 0.0 {
        return None;
    }
    let (line, fit_sd) = if highest < lowest * LEAST_SPREAD {
        (Line { idle: 0.0, slope: through_origin }, 2.0 * MODEL_SD)
    } else {
        robust(&points, through_origin)
    };
    let at = (cores - line.idle) / line.slope;
    if !(at.is_finite() && at > 0.0) {
        return None;
    }
    let beyond = libm::log(at / highest).max(0.0) * EXTRAPOLATION_SD;
    let ln_sd = libm::sqrt(MODEL_SD * MODEL_SD + fit_sd * fit_sd + beyond * beyond);
    Some(Evidence { ln_mean: libm::log(at), ln_sd })
}

#[derive(Debug, Clone, Copy)]
struct Line {
    /// CPU without load, ≥ 0.
    idle: f64,
    /// CPU per request/s, > 0.
    slope: f64,
}

/// The line and the relative standard deviation of its slope.
fn robust(points: &[(f64, f64)], through_origin: f64) -> (Line, f64) {
    let mut weights = vec![1.0; points.len()];
    let mut line = Line { idle: 0.0, slope: through_origin };
    let mut slope_sd = MODEL_SD;
    for _ in 0..ROUNDS {
        let total: f64 = weights.iter().sum();
        let mean = |f: fn(&(f64, f64)) -> f64| points.iter().zip(&weights).map(|(p, w)| w * f(p)).sum::<f64>() / total;
        let (x, y) = (mean(|p| p.0), mean(|p| p.1));
        let spread: f64 = points.iter().zip(&weights).map(|(p, w)| w * (p.0 - x) * (p.0 - x)).sum();
        let together: f64 = points.iter().zip(&weights).map(|(p, w)| w * (p.0 - x) * (p.1 - y)).sum();
        let pull = RIDGE * spread / total;
        let slope = ((together + pull * through_origin) / (spread + pull)).clamp(0.2 * through_origin, through_origin);
        line = Line { idle: (y - slope * x).max(0.0), slope };
        let errors: Vec<f64> = points.iter().map(|p| p.1 - line.idle - line.slope * p.0).collect();
        let scale = (1.4826 * median(errors.iter().map(|e| e.abs()).collect())).max(1e-9 * y.max(1e-12));
        weights = errors.iter().map(|e| (BEND * scale / e.abs().max(1e-300)).min(1.0)).collect();
        slope_sd = scale / libm::sqrt(spread.max(1e-300)) / slope;
    }
    (line, slope_sd)
}

/// Middle value; 0 for none.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match (values.get(middle), values.len() % 2) {
        (Some(upper), 1) => *upper,
        (Some(upper), _) => values.get(middle.wrapping_sub(1)).map_or(*upper, |lower| f64::midpoint(*lower, *upper)),
        (None, _) => 0.0,
    }
}
