//! Families of circuit breakers: whether somebody is asked, and how often they were not.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use crate::families::{ShopMetrics, register};
use crate::names;

/// Breakers before other services and providers.
#[derive(Debug, Clone)]
pub struct Breakers {
    state: Family<Target, Gauge>,
    withheld: Family<Target, Counter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Target {
    target: &'static str,
}

impl Breakers {
    /// Registers the families.
    pub fn register(metrics: &mut ShopMetrics) -> Self {
        let registry = metrics.registry();
        Self {
            state: register(registry, &names::CIRCUIT_BREAKER_STATE, Family::default()),
            withheld: register(registry, &names::CALLS_WITHHELD, Family::default()),
        }
    }

    /// Shows `target` with 0 from the start.
    pub fn knows(&self, target: &'static str) {
        let target = Target { target };
        drop((self.state.get_or_create(&target), self.withheld.get_or_create(&target)));
    }

    /// Whether `target` is asked: 0 it is, 1 by one, 2 it is not.
    pub fn stands(&self, target: &'static str, state: u8) {
        self.state.get_or_create(&Target { target }).set(state.into());
    }

    /// `target` would have been asked, and was left alone.
    pub fn withheld(&self, target: &'static str) {
        self.withheld.get_or_create(&Target { target }).inc();
    }
}
