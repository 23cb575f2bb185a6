//! The rule of AWS predictive scaling (Azure's and Google's have the same shape): an hourly forecast as a floor from a
//! buffer before the hour, beside target tracking; the forecast never removes capacity.
//!
//! **Source**: public documentation of EC2 Auto Scaling; the forecast itself is closed, here the mean of the same hour of the
//! week, of the day where less than two weeks are known.

use crate::baseline::hpa::{Hpa, HpaSpec};
use crate::policy::{Past, Policy, Sight, replicas};

/// Seconds by which the floor comes before its hour.
const BUFFER: i64 = 300;
/// Seconds between two forecasts.
const EVERY: i64 = 6 * 3600;
/// Hours forecast.
const HOURS: usize = 48;

/// Predictive scaling beside target tracking.
#[derive(Debug, Clone)]
pub struct Aws {
    dynamic: Hpa,
    target: f64,
    per_replica: f64,
    made_at: i64,
    floors: Vec<u32>,
}

impl Aws {
    /// Target tracking to `spec.target`, with the forecast at the same load per replica.
    pub fn new(spec: HpaSpec) -> Self {
        Self {
            target: spec.target,
            per_replica: spec.target * spec.capacity,
            dynamic: Hpa::new(spec),
            made_at: i64::MIN,
            floors: Vec::new(),
        }
    }

    fn forecast(&mut self, second: i64, past: &Past) {
        self.made_at = second.div_euclid(3600) * 3600;
        let per_hour = past.steps(3600);
        let hour_ahead = |hour: usize, days: usize| -> Option<f64> {
            let offset = second - self.made_at;
            let ahead = i64::try_from(hour).unwrap_or(0) * 3600 - offset;
            let back = i64::try_from(days).unwrap_or(0) * 86_400 - ahead;
            let first = past.load.len().checked_sub(usize::try_from(back / past.step).ok()?)?;
            let span = past.load.get(first..(first + per_hour).min(past.load.len()))?;
            let known: Vec<f64> = span.iter().copied().filter(|v| v.is_finite()).collect();
            (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
        };
        self.floors = (0..HOURS)
            .map(|hour| {
                let weeks: Vec<f64> = [7, 14].iter().filter_map(|d| hour_ahead(hour, *d)).collect();
                let days: Vec<f64> = (2..=7).filter_map(|d| hour_ahead(hour, d)).collect();
                let of = if weeks.len() == 2 { weeks } else { days };
                let mean = of.iter().sum::<f64>() / of.len().max(1) as f64;
                replicas(mean, self.per_replica)
            })
            .collect();
    }
}

impl Policy for Aws {
    fn name(&self) -> &'static str {
        "aws-predictive"
    }

    fn setting(&self) -> String {
        format!("target {:.2}", self.target)
    }

    fn decide(&mut self, sight: &Sight<'_>) -> u32 {
        let second = sight.now.as_second();
        if self.made_at == i64::MIN || second - self.made_at >= EVERY {
            self.forecast(second, sight.past);
        }
        let hour = |at: i64| usize::try_from((at - self.made_at).div_euclid(3600)).unwrap_or(0);
        let floor = [second, second + BUFFER].iter().filter_map(|at| self.floors.get(hour(*at))).copied().max();
        let wish = self.dynamic.sync(second, sight.scrape.map(|s| s.load), sight.current);
        wish.max(floor.unwrap_or(0))
    }
}
