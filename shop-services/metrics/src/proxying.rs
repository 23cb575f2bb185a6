//! Families of whoever passes requests on: what arrived for whom, what was sent again, and who is not tried.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use crate::families::{ShopMetrics, register};
use crate::names;

/// Demand, retries and breakers.
#[derive(Debug, Clone)]
pub struct Proxying {
    retries: Family<Target, Counter>,
    exhausted: Counter,
    breaker: Family<Target, Gauge>,
    offered: Family<Asked, Counter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Asked {
    backend: String,
    route: String,
    priority: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Target {
    target: String,
}

impl Proxying {
    /// Registers the families.
    pub fn register(metrics: &mut ShopMetrics) -> Self {
        let registry = metrics.registry();
        Self {
            retries: register(registry, &names::RETRY_ATTEMPTS, Family::default()),
            exhausted: register(registry, &names::RETRY_BUDGET_EXHAUSTED, Counter::default()),
            breaker: register(registry, &names::CIRCUIT_BREAKER_STATE, Family::default()),
            offered: register(registry, &names::GATEWAY_OFFERED, Family::default()),
        }
    }

    /// Shows `target` with 0 from the start.
    pub fn knows(&self, target: &str) {
        let target = Target { target: target.to_owned() };
        drop((self.retries.get_or_create(&target), self.breaker.get_or_create(&target)));
    }

    /// Shows the demand of `backend` by this route with 0 from the start.
    pub fn may_offer(&self, backend: &str, route: &str, priority: &'static str) {
        drop(self.offered.get_or_create(&asked(backend, route, priority)));
    }

    /// A request arrived for `backend`.
    pub fn offered(&self, backend: &str, route: &str, priority: &'static str) {
        self.offered.get_or_create(&asked(backend, route, priority)).inc();
    }

    /// A request to `target` was sent again.
    pub fn retried(&self, target: &str) {
        self.retries.get_or_create(&Target { target: target.to_owned() }).inc();
    }

    /// A request was not sent again because too many were.
    pub fn exhausted(&self) {
        self.exhausted.inc();
    }

    /// Whether `target` is tried: 0 it is, 1 one request tries, 2 it is not.
    pub fn breaker(&self, target: &str, state: i64) {
        self.breaker.get_or_create(&Target { target: target.to_owned() }).set(state);
    }
}

fn asked(backend: &str, route: &str, priority: &'static str) -> Asked {
    Asked { backend: backend.to_owned(), route: route.to_owned(), priority }
}
