//! The pods of every service against each other: read pod by pod, once a minute; CPU teaches what a replica serves.

use std::sync::Arc;
use std::time::Duration;

use presale_models::Reading;
use presale_prometheus::{PodReadings, Prometheus, ServiceQuery};
use tokio_util::sync::CancellationToken;

use crate::config::unsigned;
use crate::operator::Operator;
use crate::tick::query_of;

/// Time between two looks, at least: pods are judged by rates over a minute.
const LOOK: Duration = Duration::from_secs(15);

/// Looks until stopped.
pub(crate) async fn run(operator: Arc<Operator>, stop: CancellationToken) {
    let Some(prometheus) = &operator.prometheus else {
        stop.cancelled().await;
        return;
    };
    let mut every = tokio::time::interval(unsigned(operator.tick()).max(LOOK));
    while stop.run_until_cancelled(every.tick()).await.is_some() {
        if stop.run_until_cancelled(look(&operator, prometheus)).await.is_none() {
            return;
        }
    }
}

/// One look at all pods.
async fn look(operator: &Operator, prometheus: &Prometheus) {
    let specs = operator.shops().into_iter().filter_map(|shop| operator.spec(&shop).ok().map(|spec| (shop, spec)));
    let asked: Vec<ServiceQuery> = specs.map(|(shop, spec)| query_of(operator, &shop, &spec)).collect();
    let seen = prometheus.observe_pods(&asked).await;
    for failure in &seen.failures {
        tracing::warn!(error = %failure, "pods cannot be read; nobody is judged");
    }
    let now = operator.now();
    for (key, pods) in &seen.services {
        operator.services.with(key, |service| {
            let cpu = mean(pods.values().map(|pod: &PodReadings| pod.cpu));
            service.learn(now, cpu);
        });
    }
}

/// Mean of complete readings; `None` unless all are complete.
fn mean(readings: impl Iterator<Item = Reading>) -> Option<f64> {
    let values: Option<Vec<f64>> = readings.map(|reading| reading.complete()).collect();
    let values = values.filter(|values| !values.is_empty())?;
    Some(values.iter().sum::<f64>() / values.len() as f64)
}
