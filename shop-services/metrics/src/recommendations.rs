//! Families of recommendations: where answers come from, and when the model was trained.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

use crate::families::{ShopMetrics, gauge, register};
use crate::names;

/// Answers so far, and the model in use.
#[derive(Debug, Clone)]
pub struct Recommendations {
    requests: Family<Answered, Counter>,
    trained: Trained,
}

/// Seconds since 1970; unknown before the first model.
#[derive(Debug, Clone, Default)]
struct Trained(Arc<Mutex<Option<i64>>>);

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    source: &'static str,
}

impl Recommendations {
    /// Registers the families.
    pub fn register(metrics: &mut ShopMetrics) -> Self {
        let registry = metrics.registry();
        let trained = Trained::default();
        registry.register_collector(Box::new(trained.clone()));
        Self { requests: register(registry, &names::RECOMMENDATION_REQUESTS, Family::default()), trained }
    }

    /// A request was answered from here.
    pub fn answered(&self, source: &'static str) {
        self.requests.get_or_create(&Answered { source }).inc();
    }

    /// The model in use was trained then, in seconds since 1970.
    pub fn trained(&self, second: i64) {
        *self.trained.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(second);
    }
}

impl Collector for Trained {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Some(second) = *self.0.lock().unwrap_or_else(PoisonError::into_inner) else { return Ok(()) };
        gauge(&mut encoder, &names::RECOMMENDATION_MODEL_TRAINED, second as f64)
    }
}
