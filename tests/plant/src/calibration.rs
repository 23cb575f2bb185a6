//! The plant's parameters from one run on the pods: what a request takes where few come, and how many are too many.

use std::fmt;
use std::time::Duration;

use anyhow::ensure;
use presale_backtest::plant::Plant;
use serde::Serialize;

use crate::load::{self, Measured, Span};
use crate::stage::{SLO, Stage};

/// Requests under way at each pod at saturation: enough that none is ever idle, and no more than a pod works on at once.
const AT_ONCE: usize = 12;
/// Pods warm up, then they are counted: seconds.
const SATURATED: (u64, u64) = (10, 60);
/// Share of the saturation at which few come.
const QUIET: f64 = 0.1;
/// How long few come, seconds.
const QUIET_LASTS: u32 = 90;
/// Connections to the database that each pod has by default: so many requests are worked on at once.
const SLOTS: u32 = 4;
/// Standard normal quantile at 0.9.
const NORMAL_90: f64 = 1.281_551_565_5;

/// What was measured, and the plant that follows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Calibration {
    /// Requests/s that each pod answers while it is never idle.
    pub(crate) saturation: f64,
    /// The pods where few come.
    pub(crate) quiet: Measured,
    /// CPU time of a request at saturation. **Unit**: milliseconds.
    pub(crate) request_cpu_ms: f64,
    /// The plant of these pods.
    pub(crate) plant: Plant,
}

impl Calibration {
    /// Measures the pods.
    ///
    /// # Errors
    /// Where one of them does not answer.
    pub(crate) async fn measure(stage: &Stage, seed: u64) -> anyhow::Result<Self> {
        let addresses = stage.addresses();
        let (before, counted) = (Duration::from_secs(SATURATED.0), Duration::from_secs(SATURATED.1));
        let at_first = stage.cpu_seconds()?;
        let together = load::saturate(&addresses, AT_ONCE, before, counted).await?;
        let busy = stage.cpu_seconds()? - at_first;
        let quiet = load::offer(Span { rate: together * QUIET, seconds: QUIET_LASTS, seed }).await?;
        let request_cpu_ms = busy / (together * (before + counted).as_secs_f64()) * 1000.0;
        let saturation = together / addresses.len() as f64;
        let plant = plant(saturation, &quiet)?;
        Ok(Self { saturation, quiet, request_cpu_ms, plant })
    }
}

/// The plant of pods that answer `saturation` requests/s each at most, and take as long as `quiet` where few come.
fn plant(saturation: f64, quiet: &Measured) -> anyhow::Result<Plant> {
    let Measured { p50_ms, p90_ms, .. } = quiet;
    // Of a log-normal time.
    let spread = (p90_ms / p50_ms).ln() / NORMAL_90;
    let mean = p50_ms / 1000.0 * (spread * spread / 2.0).exp();
    let unsized_plant = Plant {
        replica_capacity: saturation,
        saturation: 1.0,
        slots: SLOTS,
        variability: f64::midpoint(1.0, (spread * spread).exp_m1()),
        service_seconds: mean,
        ..Plant::default()
    };
    let within = unsized_plant.capacity_within(SLO.as_secs_f64(), 0.99);
    ensure!(within > 0.0, "a request alone takes {p50_ms} ms, {p90_ms} ms at p90: more than {} ms", SLO.as_millis());
    Ok(Plant { replica_capacity: within, saturation: saturation / within, ..unsized_plant })
}

impl fmt::Display for Calibration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plant { replica_capacity, variability, service_seconds, .. } = &self.plant;
        write!(
            f,
            "calibrated: a pod answers {:.1} requests/s at saturation ({:.2} ms CPU each), {replica_capacity:.1} within {} ms at p99; \
             alone a request takes {:.1} ms on average, variability {variability:.2}",
            self.saturation,
            self.request_cpu_ms,
            SLO.as_millis(),
            service_seconds * 1000.0
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plant_has_the_capacity_that_keeps_the_objective_and_the_saturation_that_was_seen() {
        let quiet = Measured { ticks: Vec::new(), offered: 100, served: 3.0, p50_ms: 40.0, p90_ms: 80.0, p99_ms: 90.0 };
        let plant = plant(57.0, &quiet).unwrap();
        assert!((plant.replica_capacity * plant.saturation - 57.0).abs() < 1e-9);
        assert!((40.0..57.0).contains(&plant.replica_capacity), "{plant:?}");
        assert!(plant.latency(&[plant.replica_capacity], 0.99) <= SLO.as_secs_f64());
        assert!((plant.latency(&[0.1], 0.9) - 0.08).abs() < 1e-3, "{}", plant.latency(&[0.1], 0.9));
    }
}
