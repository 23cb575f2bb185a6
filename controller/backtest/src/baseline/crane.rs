//! Crane's DSP prediction: the last period, low-passed and raised by a margin, as a metric beside the live one.
//!
//! **Source**: `gocrane/crane` `pkg/prediction/dsp`: period by autocorrelation, exactly a day or a week or none; frequencies
//! above 1/h are cut (here by the mean over an hour); the served metric is the maximum over the prediction window, truncated
//! to an integer.

use crate::baseline::hpa::{Hpa, HpaSpec};
use crate::policy::{Past, Policy, Sight};

/// Seconds between two fits.
const EVERY: i64 = 12 * 3600;
/// Seconds of the prediction window.
const WINDOW: i64 = 3600;
/// Margin on the forecast.
const MARGIN: f64 = 0.15;
/// Autocorrelation below which there is no period.
const LEAST: f64 = 0.3;
const DAY: i64 = 86_400;

/// Crane's effective HPA.
#[derive(Debug, Clone)]
pub struct Crane {
    hpa: Hpa,
    target: f64,
    fitted_at: i64,
    period: Vec<f64>,
}

impl Crane {
    /// Steers to `spec.target` on the higher of live and forecast load.
    pub fn new(spec: HpaSpec) -> Self {
        Self { target: spec.target, hpa: Hpa::new(spec), fitted_at: i64::MIN, period: Vec::new() }
    }

    fn fit(&mut self, second: i64, past: &Past) {
        self.fitted_at = second;
        let (day, week) = (past.steps(DAY), past.steps(7 * DAY));
        let (for_day, for_week) = (autocorrelation(&past.load, day), autocorrelation(&past.load, week));
        let lag = match (for_day, for_week) {
            (d, w) if w > d && w >= LEAST => week,
            (d, _) if d >= LEAST => day,
            _ => 0,
        };
        let half = past.steps(1800);
        let from = past.load.len() - lag.min(past.load.len());
        self.period = (from..past.load.len())
            .map(|i| {
                let around = &past.load[i.saturating_sub(half)..(i + half).min(past.load.len())];
                let known: Vec<f64> = around.iter().copied().filter(|v| v.is_finite()).collect();
                known.iter().sum::<f64>() / known.len().max(1) as f64 * (1.0 + MARGIN)
            })
            .collect();
    }
}

fn autocorrelation(load: &[f64], lag: usize) -> f64 {
    if load.len() < 2 * lag || lag == 0 {
        return f64::NEG_INFINITY;
    }
    let known: Vec<f64> = load.iter().copied().filter(|v| v.is_finite()).collect();
    let mean = known.iter().sum::<f64>() / known.len().max(1) as f64;
    let (mut cross, mut square) = (0.0, 0.0);
    for (a, b) in load.iter().zip(&load[lag..]).filter(|(a, b)| a.is_finite() && b.is_finite()) {
        cross += (a - mean) * (b - mean);
        square += 0.5 * ((a - mean).powi(2) + (b - mean).powi(2));
    }
    if square > 0.0 { cross / square } else { f64::NEG_INFINITY }
}

impl Policy for Crane {
    fn name(&self) -> &'static str {
        "crane"
    }

    fn setting(&self) -> String {
        format!("target {:.2}", self.target)
    }

    fn decide(&mut self, sight: &Sight<'_>) -> u32 {
        let second = sight.now.as_second();
        if self.fitted_at == i64::MIN || second - self.fitted_at >= EVERY {
            self.fit(second, sight.past);
        }
        let step = sight.past.step;
        let forecast = (0..=WINDOW / step)
            .filter_map(|i| {
                let at = usize::try_from((second - self.fitted_at) / step + i).ok()?;
                self.period.get(at % self.period.len().max(1)).copied()
            })
            .fold(0.0, f64::max)
            .trunc();
        self.hpa.sync(second, sight.scrape.map(|s| s.load.max(forecast)), sight.current)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daily_wave_has_a_daily_period() {
        let wave: Vec<f64> = (0..480).map(|i| 10.0 + (f64::from(i) / 48.0 * std::f64::consts::TAU).sin()).collect();
        assert!(autocorrelation(&wave, 48) > 0.99);
        assert!(autocorrelation(&wave, 24) < -0.99);
    }
}
