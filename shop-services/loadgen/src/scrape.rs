//! The run as Prometheus sees it: what was sent and what became of it, from the client's side.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use http::{StatusCode, header};
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::connection::Outcome;
use crate::ledger::Entry;

/// Calls whose time had come, by target.
pub const OFFERED: &str = "loadgen_requests_offered";
/// Calls that ended, by target and outcome.
pub const ENDED: &str = "loadgen_requests_ended";
/// Latency of good answers from the intended start, by target.
pub const LATENCY: &str = "loadgen_request_duration_seconds";

const BUCKETS: [f64; 13] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.2, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByTarget {
    target: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByOutcome {
    target: String,
    outcome: &'static str,
}

/// The families and their registry.
#[derive(Debug, Clone)]
pub struct Exposition {
    registry: Arc<Registry>,
    offered: Family<ByTarget, Counter>,
    ended: Family<ByOutcome, Counter>,
    latency: Family<ByTarget, Histogram, fn() -> Histogram>,
}

impl Default for Exposition {
    fn default() -> Self {
        let mut registry = Registry::default();
        let (offered, ended) = (Family::default(), Family::default());
        let latency = Family::new_with_constructor((|| Histogram::new(BUCKETS)) as fn() -> Histogram);
        registry.register(OFFERED, "Calls whose time had come", offered.clone());
        registry.register(ENDED, "Calls that ended, by outcome", ended.clone());
        registry.register(LATENCY, "Latency of good answers from the intended start", latency.clone());
        Self { registry: Arc::new(registry), offered, ended, latency }
    }
}

impl Exposition {
    /// Counts one entry.
    pub fn enter(&self, target: &str, entry: Entry) {
        let by_target = ByTarget { target: target.to_owned() };
        match entry {
            Entry::Offered { .. } => {
                self.offered.get_or_create(&by_target).inc();
            }
            Entry::Done { outcome, latency, .. } => {
                let by_outcome = ByOutcome { target: target.to_owned(), outcome: outcome.label() };
                self.ended.get_or_create(&by_outcome).inc();
                if outcome == Outcome::Ok {
                    self.latency.get_or_create(&by_target).observe(latency.as_secs_f64());
                }
            }
        }
    }

    /// Route `/metrics`.
    pub fn routes(self) -> Router {
        Router::new().route(
            "/metrics",
            get(async move || {
                let mut body = String::new();
                let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
                text::encode(&mut body, &self.registry)
                    .map(|()| ([(header::CONTENT_TYPE, content_type)], body))
                    .map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
            }),
        )
    }
}
