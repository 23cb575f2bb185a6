//! The load of one day (one week where known) ago over the lead time, times the .95 quantile of how far that was off before;
//! no reactive net.

use crate::policy::{Past, Policy, Sight, replicas};

/// The planned count.
#[derive(Debug, Clone)]
pub struct SeasonalNaive {
    capacity: f64,
    lead_seconds: i64,
    factor: f64,
    lag_seconds: i64,
}

impl SeasonalNaive {
    /// Learns the factor from the training past.
    pub fn new(training: &Past, capacity: f64, lead_seconds: i64) -> Self {
        let weekly = training.load.len() >= 2 * training.steps(7 * 86_400);
        let lag_seconds = if weekly { 7 * 86_400 } else { 86_400 };
        let lag = training.steps(lag_seconds);
        let mut ratios: Vec<f64> = training
            .load
            .iter()
            .skip(lag)
            .zip(&training.load)
            .filter(|(y, x)| y.is_finite() && **x > 0.0)
            .map(|(y, x)| y / x)
            .collect();
        ratios.sort_by(f64::total_cmp);
        let factor = ratios.get(ratios.len() * 95 / 100).copied().unwrap_or(1.5);
        Self { capacity, lead_seconds, factor, lag_seconds }
    }
}

impl Policy for SeasonalNaive {
    fn name(&self) -> &'static str {
        "seasonal-naive-q95"
    }

    fn setting(&self) -> String {
        format!("factor {:.2}", self.factor)
    }

    fn decide(&mut self, sight: &Sight<'_>) -> u32 {
        let (lag, ahead) = (sight.past.steps(self.lag_seconds), sight.past.steps(2 * self.lead_seconds));
        let highest = (0..=ahead).filter_map(|i| sight.past.back(lag.checked_sub(i)?.max(1))).reduce(f64::max);
        highest.map_or(sight.current, |load| replicas(load * self.factor, self.capacity)).max(1)
    }
}
