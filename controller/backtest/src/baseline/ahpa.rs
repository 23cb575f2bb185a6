//! AHPA-like: the higher of a quantile of the usual load (proactive) and the live load (reactive), both at one target.
//!
//! **Source**: Alibaba's AHPA paper (arXiv 2303.03640) in outline; its forecaster is closed, here the highest of the same time
//! of the last seven days over the lead time, at a quantile.

use crate::baseline::hpa::{Hpa, HpaSpec};
use crate::policy::{Policy, Sight, replicas};

/// Days that are looked back on.
const DAYS: usize = 7;
/// Quantile over those days.
const LEVEL: f64 = 0.85;

/// Proactive floor beside an HPA.
#[derive(Debug, Clone)]
pub struct Ahpa {
    hpa: Hpa,
    target: f64,
    per_replica: f64,
    lead_seconds: i64,
}

impl Ahpa {
    /// Looks ahead by twice `lead_seconds`.
    pub fn new(spec: HpaSpec, lead_seconds: i64) -> Self {
        Self { target: spec.target, per_replica: spec.target * spec.capacity, lead_seconds, hpa: Hpa::new(spec) }
    }
}

impl Policy for Ahpa {
    fn name(&self) -> &'static str {
        "ahpa-like"
    }

    fn setting(&self) -> String {
        format!("target {:.2}", self.target)
    }

    fn decide(&mut self, sight: &Sight<'_>) -> u32 {
        let (day, ahead) = (sight.past.steps(86_400), sight.past.steps(2 * self.lead_seconds));
        let mut usual: Vec<f64> = (1..=DAYS)
            .filter_map(|d| {
                (0..=ahead).filter_map(|i| sight.past.back((d * day).checked_sub(i)?.max(1))).reduce(f64::max)
            })
            .collect();
        usual.sort_by(f64::total_cmp);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index below the length")]
        let at = (LEVEL * usual.len() as f64) as usize;
        let floor =
            usual.get(at.min(usual.len().saturating_sub(1))).map_or(0, |load| replicas(*load, self.per_replica));
        self.hpa.sync(sight.now.as_second(), sight.scrape.map(|s| s.load), sight.current).max(floor)
    }
}
