//! Predictive HPA: the HPA's wish and a Holt–Winters forecast of past wishes vote, the highest wins.
//!
//! **Source**: `jthomperoo/predictive-horizontal-pod-autoscaler`. As shipped it fits on history in reverse order and its
//! warm-up zero joins the vote; `corrected` fits forward and abstains.

use crate::baseline::hpa::{Hpa, HpaSpec};
use crate::policy::{Policy, Sight};

/// Seconds between two points of the model.
const EVERY: i64 = 1800;
/// Points per season: a day.
const SEASON: usize = 48;
/// Seasons kept.
const SEASONS: usize = 4;
/// Smoothing of level, trend and season.
const SMOOTHING: (f64, f64, f64) = (0.5, 0.05, 0.3);

/// The autoscaler with its stored history.
#[derive(Debug, Clone)]
pub struct Phpa {
    hpa: Hpa,
    target: f64,
    corrected: bool,
    history: Vec<f64>,
    last: i64,
    forecast: u32,
}

impl Phpa {
    /// As shipped or corrected.
    pub fn new(spec: HpaSpec, corrected: bool) -> Self {
        Self { target: spec.target, hpa: Hpa::new(spec), corrected, history: Vec::new(), last: i64::MIN, forecast: 0 }
    }
}

/// One step ahead by additive Holt–Winters; `None` before `2m` points.
pub(crate) fn holt_winters(history: &[f64], season: usize, (alpha, beta, gamma): (f64, f64, f64)) -> Option<f64> {
    if history.len() < 2 * season || season == 0 {
        return None;
    }
    let mean = |from: usize| history[from..from + season].iter().sum::<f64>() / season as f64;
    let (mut level, mut trend) = (mean(0), (mean(season) - mean(0)) / season as f64);
    let mut seasonal: Vec<f64> = history[..season].iter().map(|y| y - level).collect();
    for (i, y) in history.iter().enumerate().skip(season) {
        let s = seasonal[i % season];
        let before = level;
        level = alpha * (y - s) + (1.0 - alpha) * (level + trend);
        trend = beta * (level - before) + (1.0 - beta) * trend;
        seasonal[i % season] = gamma * (y - level) + (1.0 - gamma) * s;
    }
    Some(level + trend + seasonal[history.len() % season])
}

impl Policy for Phpa {
    fn name(&self) -> &'static str {
        if self.corrected { "phpa-corrected" } else { "phpa" }
    }

    fn setting(&self) -> String {
        format!("target {:.2}", self.target)
    }

    fn decide(&mut self, sight: &Sight<'_>) -> u32 {
        let second = sight.now.as_second();
        let wish = self.hpa.sync(second, sight.scrape.map(|s| s.load), sight.current);
        if self.last == i64::MIN || second - self.last >= EVERY {
            self.last = second;
            self.history.push(f64::from(wish));
            let kept = self.history.len().saturating_sub(SEASON * SEASONS);
            self.history.drain(..kept);
            let fitted = if self.corrected {
                holt_winters(&self.history, SEASON, SMOOTHING)
            } else {
                let reversed: Vec<f64> = self.history.iter().rev().copied().collect();
                holt_winters(&reversed, SEASON, SMOOTHING)
            };
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a sane count")]
            let forecast = fitted.map_or(0, |f| f.ceil().clamp(0.0, 1e6) as u32);
            self.forecast = forecast;
        }
        wish.max(self.forecast)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeating_season_is_forecast_exactly_in_order_and_not_in_reverse() {
        let history: Vec<f64> = (0..40).map(|i| [2.0, 8.0, 4.0, 10.0][i % 4]).collect();
        assert!((holt_winters(&history, 4, (0.3, 0.01, 0.3)).unwrap() - 2.0).abs() < 0.1);
        let reversed: Vec<f64> = history.iter().rev().copied().collect();
        assert!((holt_winters(&reversed, 4, (0.3, 0.01, 0.3)).unwrap() - 10.0).abs() < 0.1);
        assert_eq!(holt_winters(&history[..7], 4, (0.3, 0.01, 0.3)), None);
    }
}
