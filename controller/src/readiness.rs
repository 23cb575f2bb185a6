//! What the operator needs and whether it is there, by name; asked for by `/readyz` and `presale doctor`.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::operator::Operator;

/// How often the API server and Prometheus are asked whether they are there.
const PROBE: Duration = Duration::from_secs(10);
/// How long the API server may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is known of everything that is needed.
#[derive(Debug, Default)]
pub(crate) struct Readiness(Mutex<Report>);

/// As `/readyz` tells it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    /// Whether the operator can do its work.
    pub(crate) ready: bool,
    /// Whether every cache was filled once.
    pub(crate) caches: bool,
    /// What is missing and keeps it from working, in words.
    pub(crate) missing: Vec<String>,
    /// What is missing and only holds some of the work, in words.
    pub(crate) degraded: Vec<String>,
    /// Whether this process holds the lease.
    pub(crate) leads: bool,
}

impl Readiness {
    /// Every cache has been filled.
    pub(crate) fn caches_filled(&self) {
        self.report(|report| report.caches = true);
    }

    /// What is known now.
    pub(crate) fn now(&self, leads: bool) -> Report {
        let mut report = self.report(|report| report.clone());
        if !report.caches {
            report.missing.push("the watches have not delivered every kind yet".to_owned());
        }
        report.ready = report.missing.is_empty();
        report.leads = leads;
        report
    }

    fn report<T>(&self, job: impl FnOnce(&mut Report) -> T) -> T {
        job(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Asks everything that is needed whether it is there, until stopped.
pub(crate) async fn probe(operator: Arc<Operator>, stop: CancellationToken) {
    let mut every = tokio::time::interval(PROBE);
    while stop.run_until_cancelled(every.tick()).await.is_some() {
        let version = tokio::time::timeout(PATIENCE, operator.writer.client().apiserver_version());
        let missing = match version.await {
            Ok(Ok(_)) => None,
            Ok(Err(error)) => Some(format!("the API server does not answer: {error}")),
            Err(_elapsed) => Some("the API server does not answer in time".to_owned()),
        };
        let degraded = match &operator.prometheus {
            None => Some("no --prometheus-url: only promotions, pins and bounds act".to_owned()),
            Some(prometheus) => prometheus.check().await.err().map(|error| format!("Prometheus: {error}")),
        };
        operator.metrics.leader.set(i64::from(operator.leadership.leads()));
        let ledger = operator.ledger.clone();
        if let Ok(bytes) = tokio::task::spawn_blocking(move || ledger.bytes()).await {
            operator.metrics.ledger.set(i64::try_from(bytes).unwrap_or(i64::MAX));
        }
        operator.readiness.report(|report| {
            report.missing = missing.into_iter().collect();
            report.degraded = degraded.into_iter().collect();
        });
    }
}
