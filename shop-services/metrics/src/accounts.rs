//! Families of accounts: tokens granted and refused, passwords hashed.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

use crate::families::{ShopMetrics, durations, register};
use crate::names;

/// Tokens and passwords.
#[derive(Debug, Clone)]
pub struct Accounts {
    grants: Family<Grant, Counter>,
    hashing: Histogram,
    places: Gauge,
    inflight: Gauge,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Grant {
    grant: &'static str,
    outcome: &'static str,
}

impl Accounts {
    /// Registers the families.
    pub fn register(metrics: &mut ShopMetrics) -> Self {
        let registry = metrics.registry();
        Self {
            grants: register(registry, &names::TOKEN_GRANTS, Family::default()),
            hashing: register(registry, &names::PASSWORD_HASH_DURATION, durations()),
            places: register(registry, &names::PASSWORD_HASH_LIMIT, Gauge::default()),
            inflight: register(registry, &names::PASSWORD_HASH_INFLIGHT, Gauge::default()),
        }
    }

    /// A token was asked for by this grant: `granted`, `refused`, `reused`, `limited` or `failed`.
    pub fn asked(&self, grant: &'static str, outcome: &'static str) {
        self.grants.get_or_create(&Grant { grant, outcome }).inc();
    }

    /// Passwords hashed at the same time at most; counts above `i64::MAX` are shown as that.
    pub fn set_hash_limit(&self, limit: usize) {
        self.places.set(i64::try_from(limit).unwrap_or(i64::MAX));
    }

    /// A password begins to be hashed.
    pub fn hashing(&self) {
        self.inflight.inc();
    }

    /// A password was hashed.
    pub fn hashed(&self, took: Duration) {
        self.inflight.dec();
        self.hashing.observe(took.as_secs_f64());
    }
}
