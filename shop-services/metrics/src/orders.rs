//! Families of orders: states reached, steps tried, and how many orders are on their way.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

use crate::families::{ShopMetrics, durations, register};
use crate::names;

/// Orders and their steps.
#[derive(Debug, Clone)]
pub struct Orders {
    reached: Family<State, Counter>,
    steps: Family<Step, Histogram, fn() -> Histogram>,
    inflight: Inflight,
}

/// Orders on their way; unknown until they were counted once.
#[derive(Debug, Clone, Default)]
struct Inflight(Arc<Mutex<Option<[i64; 3]>>>);

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct State {
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Step {
    step: &'static str,
    outcome: &'static str,
}

impl Orders {
    /// Registers the families.
    pub fn register(metrics: &mut ShopMetrics) -> Self {
        let registry = metrics.registry();
        let inflight = Inflight::default();
        registry.register_collector(Box::new(inflight.clone()));
        let steps = Family::new_with_constructor(durations as fn() -> Histogram);
        Self {
            reached: register(registry, &names::ORDERS, Family::default()),
            steps: register(registry, &names::SAGA_STEP_DURATION, steps),
            inflight,
        }
    }

    /// An order reached this state.
    pub fn reached(&self, state: &'static str) {
        self.reached.get_or_create(&State { state }).inc();
    }

    /// One try of a step took so long and ended so.
    pub fn tried(&self, step: &'static str, outcome: &'static str, took: Duration) {
        self.steps.get_or_create(&Step { step, outcome }).observe(took.as_secs_f64());
    }

    /// So many orders move within their time, so many are overdue, so many need a person.
    pub fn inflight(&self, moving: i64, overdue: i64, needs_review: i64) {
        *self.inflight.0.lock().unwrap_or_else(PoisonError::into_inner) = Some([moving, overdue, needs_review]);
    }
}

impl Collector for Inflight {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Some(counts) = *self.0.lock().unwrap_or_else(PoisonError::into_inner) else { return Ok(()) };
        let family = Family::<State, Gauge>::default();
        for (state, count) in ["moving", "overdue", "needs_review"].into_iter().zip(counts) {
            family.get_or_create(&State { state }).set(count);
        }
        let name = &names::SAGAS_INFLIGHT;
        family.encode(encoder.encode_descriptor(name.registered_name(), name.help, None, family.metric_type())?)
    }
}
