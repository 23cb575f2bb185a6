//! All services of one preset by one query, whose parts are told apart by a label.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use presale_models::Reading;

use super::ServiceReadings;
use crate::classify::{Limits, Raw, classify};
use crate::client::{Client, Instant, time};
use crate::preset::{Preset, Scope};
use crate::promql::{self, PART};
use crate::{Labels, PrometheusConfig, QueryError, ServiceKey, ServiceQuery};

type Answer = (BTreeMap<ServiceKey, ServiceReadings>, Option<QueryError>);

/// Asks once, and once more only if a service has a sample but no current rate.
pub(super) async fn observe(client: &Client, preset: Preset, asked: Vec<&ServiceQuery>) -> Answer {
    let config = client.config();
    let keys: Vec<&ServiceKey> = asked.iter().map(|query| &query.key).collect();
    let scope = Scope { labels: &config.labels, keys: &keys, window: config.rate_window, by_pod: false };
    let query = promql::combined(&parts(preset, scope, &asked));
    let answer = match client.instant(&query, None).await {
        Ok(series) => Parts::new(series, &config.labels, &query),
        Err(error) => Err(error),
    };
    let parts = match answer {
        Ok(parts) => parts,
        Err(error) => {
            let broken = |key: &&ServiceKey| ((*key).clone(), ServiceReadings::all(Reading::Error));
            return (keys.iter().map(broken).collect(), Some(error));
        }
    };
    let mut readings: BTreeMap<ServiceKey, ServiceReadings> =
        asked.iter().map(|query| (query.key.clone(), parts.readings(query, preset, config))).collect();
    let silent: Vec<&ServiceKey> =
        keys.into_iter().filter(|key| parts.of(key, "load").is_none() && parts.newest(key).is_some()).collect();
    let failure =
        if silent.is_empty() { None } else { last_seen(client, preset, &silent, &parts, &mut readings).await };
    (readings, failure)
}

/// Puts the last value of services that went silent beside its time: [`Reading::Stale`].
async fn last_seen(
    client: &Client,
    preset: Preset,
    silent: &[&ServiceKey],
    parts: &Parts,
    readings: &mut BTreeMap<ServiceKey, ServiceReadings>,
) -> Option<QueryError> {
    let config = client.config();
    let scope = Scope { labels: &config.labels, keys: silent, window: config.rate_window, by_pod: false };
    // Asked as of the moment at which all of them still had samples: later their windows are half empty.
    let then = silent.iter().filter_map(|key| parts.newest(key)).min()?;
    let series = match client.instant_at(&preset.load(scope), then).await {
        Ok(series) => series,
        Err(error) => return Some(error),
    };
    for last in series {
        let Some(key) = key_of(&last, &config.labels) else { continue };
        if let (Some(readings), Some(at)) = (readings.get_mut(&key), parts.newest(&key)) {
            let usable = last.value.is_finite() && last.value >= 0.0;
            readings.load = if usable { Reading::Stale { value: last.value, at } } else { Reading::NotANumber };
            readings.demand = readings.load;
        }
    }
    None
}

/// The named expressions of the one query.
fn parts(preset: Preset, scope: Scope<'_>, asked: &[&ServiceQuery]) -> Vec<(String, String)> {
    let (live, known) = preset.targets(scope);
    let mut parts = vec![
        ("load".to_owned(), preset.load(scope)),
        ("errors".to_owned(), preset.errors(scope)),
        ("newest".to_owned(), preset.newest(scope)),
        ("live".to_owned(), live),
    ];
    parts.extend(known.map(|known| ("known".to_owned(), known)));
    let quantiles: BTreeSet<String> = asked.iter().map(|query| latency_part(query)).collect();
    for part in quantiles {
        if let Some(query) = asked.iter().find(|query| latency_part(query) == part) {
            parts.push((part, preset.latency(scope, query.quantile.get())));
        }
    }
    parts
}

/// Failed share of the requests; NaN where there were none.
pub(crate) fn failed_share(errors: f64, load: f64) -> f64 {
    let ratio = errors / load;
    if ratio > 1.0 { 1.0 } else { ratio }
}

fn latency_part(query: &ServiceQuery) -> String {
    format!("latency {}", query.quantile.get())
}

fn key_of(series: &Instant, labels: &Labels) -> Option<ServiceKey> {
    let label = |name: &str| series.labels.get(name).cloned();
    Some(ServiceKey { namespace: label(&labels.namespace)?, service: label(&labels.service)? })
}

/// The answer, sorted.
struct Parts {
    values: BTreeMap<(Option<ServiceKey>, String), f64>,
    newest: BTreeMap<ServiceKey, Timestamp>,
    evaluated: Option<Timestamp>,
}

impl Parts {
    fn new(series: Vec<Instant>, labels: &Labels, query: &str) -> Result<Self, QueryError> {
        let mut parts = Self { values: BTreeMap::new(), newest: BTreeMap::new(), evaluated: None };
        for one in series {
            parts.evaluated = Some(one.evaluated);
            let key = key_of(&one, labels);
            match (one.labels.get(PART), key) {
                (Some(part), Some(key)) if part == "newest" => {
                    parts.newest.insert(key, time(one.value, query)?);
                }
                (Some(part), key) => {
                    parts.values.insert((key, part.clone()), one.value);
                }
                (None, _) => {}
            }
        }
        Ok(parts)
    }

    fn of(&self, key: &ServiceKey, part: &str) -> Option<f64> {
        self.values.get(&(Some(key.clone()), part.to_owned())).copied()
    }

    fn newest(&self, key: &ServiceKey) -> Option<Timestamp> {
        self.newest.get(key).copied()
    }

    fn readings(&self, query: &ServiceQuery, preset: Preset, config: &PrometheusConfig) -> ServiceReadings {
        let Some(evaluated) = self.evaluated else { return ServiceReadings::all(Reading::Empty) };
        let span = |duration| SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX);
        let limits = Limits { evaluated, window: span(config.rate_window), stale_after: span(config.stale_after) };
        let (live, expected) = match preset {
            Preset::IngressNginx => {
                let everywhere = |part: &str| self.values.get(&(None, part.to_owned())).copied();
                (everywhere("live").or_else(|| everywhere("known").map(|_| 0.0)), everywhere("known"))
            }
            Preset::OpenTelemetry => (self.of(&query.key, "live"), Some(query.pods.len() as f64)),
            Preset::PresaleGateway => (self.of(&query.key, "live"), self.of(&query.key, "known")),
        };
        let reading = |value| classify(Raw { value, at: self.newest(&query.key), live, expected }, limits);
        let load = self.of(&query.key, "load");
        // No series of failures beside one of requests: nothing failed.
        let error_ratio = load.map(|load| failed_share(self.of(&query.key, "errors").unwrap_or(0.0), load));
        ServiceReadings {
            load: reading(load),
            demand: reading(load),
            error_ratio: reading(error_ratio),
            latency: reading(self.of(&query.key, &latency_part(query))),
        }
    }
}
