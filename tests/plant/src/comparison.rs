//! The pods beside the plant at one load after the other, and whether they are as near to each other as is promised.

use std::fmt;

use presale_backtest::plant::{Plant, Pods, TICK};
use serde::Serialize;

use crate::calibration::Calibration;
use crate::load::Measured;

/// Most that the plant's requests served may be off, over the pods'.
const SERVED: f64 = 0.05;
/// Most that its 99th percentile may be off.
const P99: f64 = 0.25;

/// Everything that was measured and predicted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Comparison {
    replicas: u32,
    calibration: Calibration,
    rows: Vec<Row>,
}

/// One load.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Row {
    /// Of the pods' saturation.
    pub(crate) percent: u32,
    /// The pods.
    pub(crate) measured: Measured,
    /// CPU time of one request. **Unit**: milliseconds.
    pub(crate) request_cpu_ms: f64,
    /// The plant at the same arrivals.
    pub(crate) predicted: Predicted,
}

/// What the plant says.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Predicted {
    /// Requests/s that are served.
    pub(crate) served: f64,
    /// 99th percentile, milliseconds.
    pub(crate) p99_ms: f64,
}

impl Predicted {
    /// The plant's `replicas` warm pods at these arrivals: requests/s in each tick.
    pub(crate) fn of(plant: &Plant, replicas: u32, ticks: &[f64]) -> Self {
        let mut pods = Pods::new(replicas, 0);
        let mut served = 0.0;
        let mut loads = Vec::new();
        for (tick, offered) in ticks.iter().enumerate() {
            let tick = pods.serve(*offered, TICK as f64 * tick as f64, plant);
            served += tick.offered - tick.unserved;
            loads.push(offered / f64::from(tick.ready.max(1)));
        }
        Self { served: served / ticks.len().max(1) as f64, p99_ms: plant.latency(&loads, 0.99) * 1000.0 }
    }
}

impl Comparison {
    /// Nothing yet, of so many pods.
    pub(crate) fn new(replicas: u32, calibration: Calibration) -> Self {
        Self { replicas, calibration, rows: Vec::new() }
    }

    /// Requests/s that all pods answer while none is ever idle.
    pub(crate) fn saturation(&self) -> f64 {
        self.calibration.saturation * f64::from(self.replicas)
    }

    /// Puts the plant beside what was measured at a load, and returns both.
    pub(crate) fn add(&mut self, percent: u32, measured: Measured, cpu_seconds: f64) -> Row {
        let plant = &self.calibration.plant;
        let predicted = Predicted::of(plant, self.replicas, &measured.ticks);
        let request_cpu_ms = cpu_seconds / measured.offered.max(1) as f64 * 1000.0;
        let row = Row { percent, measured, request_cpu_ms, predicted };
        self.rows.push(row.clone());
        row
    }

    /// Whether the plant is near enough at every load, and there was one.
    pub(crate) fn within(&self) -> bool {
        !self.rows.is_empty() && self.rows.iter().all(Row::within)
    }

    /// What it came to.
    pub(crate) fn verdict(&self) -> String {
        let within = self.rows.iter().filter(|row| row.within()).count();
        let (served, p99) = (SERVED * 100.0, P99 * 100.0);
        format!(
            "within {served:.0} % of the requests served and {p99:.0} % of p99 at {within} of {} loads",
            self.rows.len()
        )
    }
}

impl Row {
    /// Over the rows.
    pub(crate) const HEADER: &str = "\
| load | offered/s | served/s: pods | plant | off | p50 | p99: pods, ms | plant | off | CPU, ms | within |
|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|";

    /// How far the plant is off: requests served, and 99th percentile, as shares of the pods'.
    fn off(&self) -> (f64, f64) {
        let (pods, plant) = (&self.measured, &self.predicted);
        (plant.served / pods.served - 1.0, plant.p99_ms / pods.p99_ms - 1.0)
    }

    fn within(&self) -> bool {
        let (served, p99) = self.off();
        served.abs() <= SERVED && p99.abs() <= P99
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (served, p99) = self.off();
        let Self { percent, measured, request_cpu_ms, predicted } = self;
        let offered = measured.ticks.iter().sum::<f64>() / measured.ticks.len().max(1) as f64;
        write!(
            f,
            "| {percent} % | {offered:.1} | {:.1} | {:.1} | {:+.1} % | {:.1} | {:.1} | {:.1} | {:+.1} % \
             | {request_cpu_ms:.2} | {} |",
            measured.served,
            predicted.served,
            served * 100.0,
            measured.p50_ms,
            measured.p99_ms,
            predicted.p99_ms,
            p99 * 100.0,
            if self.within() { "yes" } else { "no" }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(served: f64, p99_ms: f64) -> Row {
        let measured =
            Measured { ticks: vec![100.0; 4], offered: 6_000, served: 100.0, p50_ms: 3.0, p90_ms: 9.0, p99_ms: 80.0 };
        let predicted = Predicted { served, p99_ms };
        Row { percent: 50, measured, request_cpu_ms: 0.7, predicted }
    }

    #[test]
    fn a_row_is_within_up_to_both_bounds_and_not_beyond_either() {
        assert!(row(104.9, 99.0).within() && row(95.1, 61.0).within());
        assert!(!row(105.1, 80.0).within() && !row(100.0, 101.0).within() && !row(100.0, 59.0).within());
    }

    #[test]
    fn the_plant_serves_what_is_offered_below_saturation_and_its_saturation_above() {
        let plant = Plant { replica_capacity: 50.0, saturation: 1.2, retry_share: 0.0, ..Plant::default() };
        let below = Predicted::of(&plant, 3, &[100.0, 120.0]);
        assert!((below.served - 110.0).abs() < 1e-9 && below.p99_ms.is_finite());
        let above = Predicted::of(&plant, 3, &[300.0; 8]);
        assert!((180.0..220.0).contains(&above.served) && above.p99_ms.is_infinite(), "{above:?}");
    }
}
