//! One look at Prometheus per tick for all services together; every reading is kept, and every service is woken.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use kube::runtime::reflector::ObjectRef;
use presale_cluster::convert::{ServiceSpec, SignalSpec};
use presale_crds::{ShopService, SignalSource};
use presale_metrics::{QueryLabels, Timer};
use presale_models::{LEVELS, Level};
use presale_prometheus::{Measure, Prometheus, ServiceQuery, ServiceReadings, Source};
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::calendar::events_of;
use crate::config::unsigned;
use crate::operator::{Operator, key_of};
use crate::recent::floor;

/// How much of the recent past is read where nothing has been seen yet.
const BACKFILL: SignedDuration = SignedDuration::from_mins(30);
/// Quantile at which latency is read where no target states one.
const LATENCY: Level = LEVELS[7];

/// Looks, and wakes every service, until stopped.
#[expect(clippy::cognitive_complexity, reason = "each log line counts as several branches")]
pub(crate) async fn run(operator: Arc<Operator>, wake: mpsc::Sender<ObjectRef<ShopService>>, stop: CancellationToken) {
    let mut every = tokio::time::interval(unsigned(operator.tick()));
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stop.run_until_cancelled(every.tick()).await.is_some() {
        if stop.run_until_cancelled(look(&operator)).await.is_none() {
            return;
        }
        for shop in operator.shops() {
            if wake.send_timeout(ObjectRef::from_obj(shop.as_ref()), Duration::from_secs(1)).await.is_err() {
                tracing::warn!("the reconcilers are behind: a service is not woken this tick");
            }
        }
    }
}

/// One look.
#[expect(clippy::cognitive_complexity, reason = "each log line counts as several branches")]
async fn look(operator: &Operator) {
    let Some(prometheus) = &operator.prometheus else { return };
    let shops = operator.shops();
    let asked: Vec<(ServiceQuery, Option<f64>)> = shops
        .iter()
        .filter_map(|shop| {
            let spec = operator.spec(shop).ok()?;
            Some((query_of(operator, shop, &spec), spec.latency.map(|latency| latency.max.as_secs_f64())))
        })
        .collect();
    let queries: Vec<ServiceQuery> = asked.iter().map(|(query, _)| query.clone()).collect();
    let timer = Timer::start();
    let seen = prometheus.observe(&queries).await;
    let result = if seen.failures.is_empty() { "ok" } else { "error" };
    let labels = QueryLabels { query: "readings", result };
    operator.metrics.query.get_or_create(&labels).observe(timer.seconds());
    for failure in &seen.failures {
        tracing::warn!(error = %failure, "a query failed; its services are held, not lowered");
    }
    let now = operator.now();
    for (query, limit) in asked {
        if let Some(readings) = seen.services.get(&query.key) {
            backfill(operator, prometheus, &query, now).await;
            take(operator, &query, *readings, limit, now);
        }
    }
}

/// Keeps one service's readings and shows the model the minute that ended.
fn take(operator: &Operator, query: &ServiceQuery, readings: ServiceReadings, limit: Option<f64>, now: Timestamp) {
    let ended = operator.services.with(&query.key, |service| {
        service.signals.take(now, readings, limit);
        service.signals.ended_minute(now).map(|minute| (minute, service.signals.demanded()))
    });
    if let Some((minute, sample)) = ended {
        let events = events_of(operator, &query.key, now);
        operator.forecasts.observe(&query.key, &events, minute, sample);
    }
}

/// After a start, reads the half hour that a decision looks back on.
async fn backfill(operator: &Operator, prometheus: &Prometheus, query: &ServiceQuery, now: Timestamp) {
    if !operator.services.with(&query.key, |service| service.signals.is_new()) {
        return;
    }
    let end = floor(now, operator.tick());
    let Ok(start) = end.checked_sub(BACKFILL) else { return };
    match prometheus.history(query, Measure::Load, (start, end), operator.tick()).await {
        Ok(past) => operator.services.with(&query.key, |service| service.signals.backfill(&past)),
        Err(error) => tracing::warn!(service = %query.key, %error, "the last half hour cannot be read"),
    }
}

/// What is asked for one service.
pub(crate) fn query_of(operator: &Operator, shop: &ShopService, spec: &ServiceSpec) -> ServiceQuery {
    let key = key_of(shop);
    let settled = operator.config.prometheus.rate_window;
    let pods = operator.services.with(&key, |service| service.scraped_pods(operator.now(), settled));
    ServiceQuery { key, source: source_of(&spec.signal), pods, quantile: spec.latency.map_or(LATENCY, |l| l.quantile) }
}

fn source_of(signal: &SignalSpec) -> Source {
    match signal {
        SignalSpec::Preset(SignalSource::OpenTelemetry) => Source::OpenTelemetry,
        SignalSpec::Preset(SignalSource::IngressNginx) => Source::IngressNginx,
        SignalSpec::Preset(SignalSource::PresaleGateway) => Source::PresaleGateway,
        SignalSpec::Query { load, errors, latency } => {
            Source::Custom { query: load.clone(), errors_query: errors.clone(), latency_query: latency.clone() }
        }
        SignalSpec::Backlog { waiting, arrivals, per_replica: _, clear_within, errors, latency } => Source::Backlog {
            waiting: waiting.clone(),
            arrivals: arrivals.clone(),
            clear_within: unsigned(*clear_within),
            errors_query: errors.clone(),
            latency_query: latency.clone(),
        },
    }
}
