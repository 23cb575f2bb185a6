//! Families of payments: how operations at the provider ended.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

use crate::families::{ShopMetrics, register};
use crate::names;

/// Operations at the provider.
#[derive(Debug, Clone)]
pub struct Payments {
    operations: Family<Operation, Counter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Operation {
    operation: &'static str,
    outcome: &'static str,
}

impl Payments {
    /// Registers the families.
    pub fn register(metrics: &mut ShopMetrics) -> Self {
        Self { operations: register(metrics.registry(), &names::PAYMENTS, Family::default()) }
    }

    /// An operation ended so: `succeeded`, `declined`, `unknown` or `review`.
    pub fn ended(&self, operation: &'static str, outcome: &'static str) {
        self.operations.get_or_create(&Operation { operation, outcome }).inc();
    }
}
