//! Services with queries of their own: each asked for itself, a bounded number at a time.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::{StreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};
use presale_models::Reading;

use super::{ServiceReadings, backlog, failed_share};
use crate::client::{Client, Instant};
use crate::promql::{of_services, shortened};
use crate::{QueryError, ServiceKey, ServiceQuery, Source};

/// Asks for each service, at most `concurrency` at a time.
pub(super) async fn observe(
    client: &Client,
    asked: Vec<&ServiceQuery>,
) -> (BTreeMap<ServiceKey, ServiceReadings>, Vec<QueryError>) {
    if asked.is_empty() {
        return (BTreeMap::new(), Vec::new());
    }
    let mut failures = Vec::new();
    let keys: Vec<&ServiceKey> = asked.iter().map(|query| &query.key).collect();
    let targets = match targets(client, &keys).await {
        Ok(targets) => targets,
        Err(error) => {
            failures.push(error); // what is complete cannot be told now
            let broken = |key: &ServiceKey| (key.clone(), ServiceReadings::all(Reading::Error));
            return (keys.into_iter().map(broken).collect(), failures);
        }
    };
    let mut services = BTreeMap::new();
    let mut answers = Vec::with_capacity(asked.len());
    for query in asked {
        answers.push(one(client, query, targets.get(&query.key).copied()));
    }
    let mut answers = stream::iter(answers).buffer_unordered(client.config().concurrency.max(1));
    while let Some((key, readings, failed)) = answers.next().await {
        services.insert(key, readings);
        failures.extend(failed);
    }
    (services, failures)
}

/// Scrape targets that carry the service's labels.
#[derive(Debug, Clone, Copy, Default)]
struct Targets {
    live: f64,
    known: f64,
}

/// One query for the targets of all services; a service that has none there is judged by its value alone.
async fn targets(client: &Client, keys: &[&ServiceKey]) -> Result<BTreeMap<ServiceKey, Targets>, QueryError> {
    let labels = &client.config().labels;
    let (namespace, service) = (&labels.namespace, &labels.service);
    let selected = of_services(labels, keys);
    let query = format!("count_values by ({namespace}, {service}) (\"state\", up{{{selected}}})");
    let mut targets: BTreeMap<ServiceKey, Targets> = BTreeMap::new();
    for series in client.instant(&query, None).await? {
        let label = |name: &str| series.labels.get(name).cloned().unwrap_or_default();
        let entry = targets.entry(ServiceKey::new(label(namespace), label(service))).or_default();
        entry.known += series.value;
        if label("state") == "1" {
            entry.live += series.value;
        }
    }
    Ok(targets)
}

async fn one(
    client: &Client,
    asked: &ServiceQuery,
    targets: Option<Targets>,
) -> (ServiceKey, ServiceReadings, Vec<QueryError>) {
    let expected = asked.pods.len() as f64;
    let share = targets.map(|targets| targets.live / targets.known.max(expected));
    let mut failures = Vec::new();
    let mut note = |outcome: Result<Reading, QueryError>| {
        outcome.unwrap_or_else(|error| {
            failures.push(error);
            Reading::Error
        })
    };
    let (load, demand) = match &asked.source {
        Source::Custom { query, .. } => {
            let load = note(current(client, query, one_value, share).await);
            (load, load)
        }
        Source::Backlog { waiting, arrivals, clear_within, .. } => {
            let demand = note(current(client, arrivals, one_value, share).await);
            let waiting = note(current(client, waiting, one_value, share).await);
            (backlog::work(waiting, demand, *clear_within), demand)
        }
        Source::OpenTelemetry | Source::IngressNginx | Source::PresaleGateway => (Reading::Empty, Reading::Empty),
    };
    let error_ratio = match (asked.source.errors_query(), demand.at_least()) {
        (None, _) => Reading::Empty,
        (Some(_), None) => demand, // a share of an unknown whole is as unknown
        (Some(errors), Some(load)) => {
            let ratio = move |series: &[Instant], _: &str| {
                let failed: f64 = series.iter().map(|series| series.value).sum();
                Ok(Some(failed_share(failed, load)))
            };
            note(current(client, errors, ratio, share).await)
        }
    };
    let latency = match asked.source.latency_query() {
        None => Reading::Empty,
        Some(latency) => note(current(client, latency, one_value, share).await),
    };
    (asked.key.clone(), ServiceReadings { load, demand, error_ratio, latency }, failures)
}

/// The value if its samples are young enough; else whether there is an older one.
///
/// A result does not carry the age of what it was computed from, so the question is put with a short lookback first.
async fn current(
    client: &Client,
    query: &str,
    value: impl Fn(&[Instant], &str) -> Result<Option<f64>, QueryError>,
    share: Option<f64>,
) -> Result<Reading, QueryError> {
    let fresh_for = client.config().stale_after;
    let young = client.instant(query, Some(fresh_for)).await?;
    if let Some(number) = value(&young, query)? {
        let at = young.first().map_or(Timestamp::MIN, |series| series.evaluated);
        return Ok(live(number, at, share));
    }
    let old = client.instant(query, None).await?;
    Ok(match (value(&old, query)?, old.first()) {
        (Some(number), Some(series)) if number.is_finite() && number >= 0.0 => {
            Reading::Stale { value: number, at: before(series.evaluated, fresh_for) }
        }
        (Some(_), Some(_)) => Reading::NotANumber,
        _ => Reading::Empty,
    })
}

fn live(value: f64, at: Timestamp, share: Option<f64>) -> Reading {
    match share {
        _ if !value.is_finite() || value < 0.0 => Reading::NotANumber,
        Some(share) if share < 1.0 => Reading::Partial { value, at, share },
        _ if value > 0.0 => Reading::Fresh { value, at },
        _ => Reading::Zero { at },
    }
}

fn one_value(series: &[Instant], query: &str) -> Result<Option<f64>, QueryError> {
    match series {
        [] => Ok(None),
        [one] => Ok(Some(one.value)),
        several => Err(QueryError::Ambiguous { query: shortened(query), count: several.len() }),
    }
}

fn before(at: Timestamp, age: Duration) -> Timestamp {
    SignedDuration::try_from(age).ok().and_then(|age| at.checked_sub(age).ok()).unwrap_or(Timestamp::MIN)
}
