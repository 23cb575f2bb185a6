//! KEDA: the HPA on a Prometheus trigger read every 30 s, beside a cron trigger made of the training weeks' hourly peaks.
//!
//! **Source**: `kedacore/keda` (`scale_handler.go`, `cron_scaler.go`); the fallback holds the current replicas.

use jiff::tz::TimeZone;

use crate::baseline::hpa::{Hpa, HpaSpec};
use crate::policy::{Past, Policy, Sight, replicas};

/// Seconds between two reads.
const POLLING: i64 = 30;
/// Share of a hour's recorded loads that its cron window covers.
const COVER: f64 = 0.9;

/// A `ScaledObject` with a Prometheus trigger and, if asked, cron windows.
#[derive(Debug, Clone)]
pub struct Keda {
    hpa: Hpa,
    target: f64,
    cron: Option<[u32; 24]>,
    read_at: Option<i64>,
    read: Option<f64>,
    per_replica: f64,
}

impl Keda {
    /// The trigger alone, or with one cron window per hour of the day (UTC) that holds the hour's usual peak.
    pub fn new(spec: HpaSpec, training: Option<&Past>) -> Self {
        let per_replica = spec.target * spec.capacity;
        let cron = training.map(|past| windows(past, per_replica));
        Self { target: spec.target, hpa: Hpa::new(spec), cron, read_at: None, read: None, per_replica }
    }
}

fn windows(past: &Past, per_replica: f64) -> [u32; 24] {
    let mut hours: Vec<Vec<f64>> = vec![Vec::new(); 24];
    for (i, load) in past.load.iter().enumerate().filter(|(_, v)| v.is_finite()) {
        let second = past.start.as_second() + past.step * i64::try_from(i).unwrap_or(0);
        let hour = usize::try_from(second.div_euclid(3600).rem_euclid(24)).unwrap_or(0);
        hours[hour].push(*load);
    }
    std::array::from_fn(|hour| {
        let loads = &mut hours[hour];
        loads.sort_by(f64::total_cmp);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index below the length")]
        let at = (COVER * loads.len() as f64) as usize;
        loads.get(at.min(loads.len().saturating_sub(1))).map_or(0, |load| replicas(*load, per_replica))
    })
}

impl Policy for Keda {
    fn name(&self) -> &'static str {
        if self.cron.is_some() { "keda-cron" } else { "keda" }
    }

    fn setting(&self) -> String {
        format!("target {:.2}", self.target)
    }

    fn decide(&mut self, sight: &Sight<'_>) -> u32 {
        let second = sight.now.as_second();
        if self.read_at.is_none_or(|at| second - at >= POLLING) {
            (self.read_at, self.read) = (Some(second), sight.scrape.map(|s| s.load).or(self.read));
        }
        let hour = usize::try_from(sight.now.to_zoned(TimeZone::UTC).hour()).unwrap_or(0);
        let floor = self.cron.map_or(0, |cron| cron[hour]);
        let load = self.read.map(|load| load.max(f64::from(floor) * self.per_replica));
        self.hpa.sync(second, load, sight.current)
    }
}
