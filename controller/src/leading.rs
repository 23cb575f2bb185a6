//! What changes when this process begins or ceases to lead, and what is forgotten of services that are gone.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use presale_planner::Memory;
use tokio_util::sync::CancellationToken;

use crate::measure;
use crate::model_store::ModelStore;
use crate::operator::{Operator, key_of};

/// How often it is looked for services that are gone.
const SWEEP: Duration = Duration::from_secs(30);
/// A recorded decision older than this is no thread to take up.
const RESUME: SignedDuration = SignedDuration::from_mins(15);

/// Follows the lease until stopped.
pub(crate) async fn run(operator: Arc<Operator>, stop: CancellationToken) {
    let follow = async {
        let mut leadership = operator.leadership.clone();
        let mut first = true;
        loop {
            leadership.acquired().await;
            tracing::info!("this process leads: it writes from now on");
            operator.metrics.leader.set(1);
            begin(&operator, first).await;
            first = false;
            leadership.lost().await;
            operator.metrics.leader.set(0);
            tracing::warn!("this process leads no more: it writes nothing");
        }
    };
    let sweep = async {
        let mut every = tokio::time::interval(SWEEP);
        loop {
            every.tick().await;
            sweep(&operator).await;
        }
    };
    stop.run_until_cancelled(async { tokio::join!(follow, sweep) }).await;
}

/// A new leader takes up the thread of what it recorded itself just before a restart; wishes from an earlier lead, with
/// somebody else's decisions in between, are forgotten, and windows hold counts until they are covered again.
#[expect(clippy::cognitive_complexity, reason = "each log line counts as several branches")]
async fn begin(operator: &Operator, first: bool) {
    if operator.stores.filled().await.is_err() {
        return;
    }
    let now = operator.now();
    for shop in operator.shops() {
        let key = key_of(&shop);
        operator.services.with(&key, |service| service.memory = Memory::default());
        if !first {
            continue;
        }
        let (ledger, owner) = (operator.ledger.clone(), key.clone());
        let found = tokio::task::spawn_blocking(move || ledger.at(&owner, now)).await;
        match found {
            Ok(Ok(Some(record))) if now.duration_since(record.at) < RESUME => {
                operator.services.with(&key, |service| service.resume(&record));
            }
            Ok(Err(error)) => tracing::warn!(service = %key, %error, "the ledger cannot be read"),
            _ => {}
        }
    }
}

/// Forgets services and promotions that are gone.
#[expect(clippy::cognitive_complexity, reason = "each log line counts as several branches")]
async fn sweep(operator: &Operator) {
    if !operator.readiness.now(false).caches {
        return;
    }
    let alive: HashSet<_> = operator.shops().iter().map(|shop| key_of(shop)).collect();
    for key in operator.services.retain(|key| alive.contains(key)) {
        tracing::info!(service = %key, "gone: forgotten");
        measure::forget(operator, &key);
        operator.forecasts.forget(&key);
        let (ledger, store) = (operator.ledger.clone(), ModelStore::new(&operator.config.data_dir));
        let removed = tokio::task::spawn_blocking(move || {
            ledger.forget(&key);
            store.forget(&key);
        });
        if let Err(error) = removed.await {
            tracing::warn!(%error, "files of a service that is gone remain");
        }
    }
    let events = operator.stores.promotions.state();
    operator.promotions.retain(|namespace, name| {
        events.iter().any(|event| {
            event.metadata.namespace.as_deref() == Some(namespace) && event.metadata.name.as_deref() == Some(name)
        })
    });
}
