//! Families of the inventory: what is set aside, and who was turned away for want of stock.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use crate::families::{ShopMetrics, register};
use crate::names;

/// Reservations now, and rejections so far.
#[derive(Debug, Clone)]
pub struct Stock {
    rejections: Counter,
    held: Held,
}

/// Reservations held and overdue; unknown until they were counted once.
#[derive(Debug, Clone, Default)]
struct Held(Arc<Mutex<Option<(i64, i64)>>>);

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct State {
    state: &'static str,
}

impl Stock {
    /// Registers the families.
    pub fn register(metrics: &mut ShopMetrics) -> Self {
        let registry = metrics.registry();
        let held = Held::default();
        registry.register_collector(Box::new(held.clone()));
        Self { rejections: register(registry, &names::STOCK_REJECTIONS, Counter::default()), held }
    }

    /// A reservation was refused.
    pub fn rejected(&self) {
        self.rejections.inc();
    }

    /// So many reservations hold stock, and so many more are overdue.
    pub fn reservations(&self, held: i64, overdue: i64) {
        *self.held.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((held, overdue));
    }
}

impl Collector for Held {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Some((held, overdue)) = *self.0.lock().unwrap_or_else(PoisonError::into_inner) else { return Ok(()) };
        let family = Family::<State, Gauge>::default();
        family.get_or_create(&State { state: "held" }).set(held);
        family.get_or_create(&State { state: "overdue" }).set(overdue);
        let name = &names::RESERVATIONS;
        family.encode(encoder.encode_descriptor(name.registered_name(), name.help, None, family.metric_type())?)
    }
}
