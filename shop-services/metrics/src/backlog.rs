//! Families of what waits for a service at the broker.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use crate::families::{ShopMetrics, gauge};
use crate::names;

/// How many events wait, and the oldest one's age; unknown until the broker was asked once, and where it does not
/// answer.
#[derive(Debug, Clone, Default)]
pub struct Backlog(Arc<Mutex<Option<(u64, Duration)>>>);

impl Backlog {
    /// Registers the families.
    pub fn register(metrics: &mut ShopMetrics) -> Self {
        let backlog = Self::default();
        metrics.registry().register_collector(Box::new(backlog.clone()));
        backlog
    }

    /// This many events wait, the oldest for `oldest`; `None` where nobody knows.
    pub fn set(&self, waiting: Option<(u64, Duration)>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = waiting;
    }
}

impl Collector for Backlog {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Some((waiting, oldest)) = *self.0.lock().unwrap_or_else(PoisonError::into_inner) else { return Ok(()) };
        gauge(&mut encoder, &names::INBOX_PENDING, waiting as f64)?;
        gauge(&mut encoder, &names::INBOX_OLDEST_AGE, oldest.as_secs_f64())
    }
}
