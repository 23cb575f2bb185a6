//! What every part of the running operator shares, put together once at the start.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;
use presale_cluster::convert::{self, Defaults, ServiceSpec};
use presale_cluster::{Error, Events, Kinds, Leadership, Stores, Writer};
use presale_crds::ShopService;
use presale_metrics::Metrics;
use presale_prometheus::{Prometheus, ServiceKey};

use crate::config::RunConfig;
use crate::forecasts::Forecasts;
use crate::ledger::Ledger;
use crate::log::TraceIds;
use crate::promotions::Promotions;
use crate::readiness::Readiness;
use crate::resizing::Resizing;
use crate::services::Services;

/// The running operator.
pub(crate) struct Operator {
    /// Settings.
    pub(crate) config: RunConfig,
    /// What absent fields mean.
    pub(crate) defaults: Defaults,
    /// The wall clock; read once per reconciliation or tick.
    pub(crate) clock: fn() -> Timestamp,
    /// Caches of the cluster.
    pub(crate) stores: Stores,
    /// Kinds that were looked up.
    pub(crate) kinds: Kinds,
    /// Whether this process may write.
    pub(crate) leadership: Leadership,
    /// The gate for writes.
    pub(crate) writer: Writer,
    /// Events.
    pub(crate) events: Events,
    /// Where load is read; `None` = nowhere.
    pub(crate) prometheus: Option<Prometheus>,
    /// What is known of each service between two decisions.
    pub(crate) services: Services,
    /// What promotions ask of services.
    pub(crate) promotions: Promotions,
    /// Trained models and their forecasts.
    pub(crate) forecasts: Forecasts,
    /// The record of decisions.
    pub(crate) ledger: Ledger,
    /// The operator's own metrics.
    pub(crate) metrics: Metrics,
    /// What is needed and whether it is there.
    pub(crate) readiness: Readiness,
    /// Whether the API server resizes pods in place.
    pub(crate) resizing: Resizing,
    /// Ids that tie log lines together.
    pub(crate) trace_ids: TraceIds,
}

impl Operator {
    /// The clock, now.
    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Parses what a person wrote, with what was learned of the service where that matters.
    ///
    /// # Errors
    /// [`Error::Field`] for what the schema could not refuse.
    pub(crate) fn spec(&self, shop: &ShopService) -> Result<ServiceSpec, Error> {
        let learned = self.services.with(&key_of(shop), |service| service.learning.capacity().map(|c| c.p50));
        convert::service(shop, &self.defaults, learned)
    }

    /// Decision → Ready pod: declared, else learned, else assumed.
    pub(crate) fn lead_time(&self, key: &ServiceKey, spec: &ServiceSpec, now: Timestamp) -> SignedDuration {
        let learned = || self.services.with(key, |service| service.learning.lead_time(&service.pods, now).p95);
        spec.lead_time.unwrap_or_else(learned)
    }

    /// Every service in the cache.
    pub(crate) fn shops(&self) -> Vec<Arc<ShopService>> {
        self.stores.shops.state()
    }

    /// The tick.
    pub(crate) fn tick(&self) -> SignedDuration {
        self.config.tick
    }
}

/// Namespace and name of a service, as the labels of its series say them.
pub(crate) fn key_of(shop: &ShopService) -> ServiceKey {
    ServiceKey::new(shop.namespace().unwrap_or_default(), shop.name_any())
}
