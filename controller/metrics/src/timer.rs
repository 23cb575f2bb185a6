//! Measuring how long something takes: the only place that reads the monotonic clock for metrics.

use std::time::{Duration, Instant};

/// A started measurement.
///
/// # Example
/// ```
/// let timer = presale_metrics::Timer::start();
/// assert!(timer.elapsed() < std::time::Duration::from_secs(60));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Timer(Instant);

impl Timer {
    /// Starts measuring.
    #[expect(clippy::disallowed_methods, reason = "this is the one timer")]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Time since the start.
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }

    /// Seconds since the start.
    pub fn seconds(self) -> f64 {
        self.elapsed().as_secs_f64()
    }
}
