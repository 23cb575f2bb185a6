//! Pod by pod: the same measures and CPU, so that a sick one can be told from its peers.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use presale_models::Reading;

use crate::classify::{Limits, Raw, classify};
use crate::client::{Client, Instant, time};
use crate::observe::{Prometheus, failed_share};
use crate::preset::{Preset, Scope};
use crate::promql::{self, PART, any_of};
use crate::{PrometheusConfig, QueryError, ServiceKey, ServiceQuery};

/// What was seen of every pod asked for.
#[derive(Debug, Default)]
pub struct PodObservation {
    /// One entry per service, and in it one per pod named in its query.
    pub services: BTreeMap<ServiceKey, BTreeMap<String, PodReadings>>,
    /// Queries that failed; their pods read [`Reading::Error`].
    pub failures: Vec<QueryError>,
}

/// One pod now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PodReadings {
    /// Offered requests per second. [`Reading::Empty`] where the source does not know pods (ingress-nginx).
    pub load: Reading,
    /// Failed requests per second.
    pub errors: Reading,
    /// Failed share of its requests, 0..=1; [`Reading::NotANumber`] without requests, [`Reading::Empty`] where the load
    /// by pod is unknown.
    pub error_ratio: Reading,
    /// Latency at the asked quantile, seconds; [`Reading::NotANumber`] without requests.
    pub latency: Reading,
    /// CPU in use, cores: cAdvisor's `container_cpu_usage_seconds_total`, else the process's own.
    pub cpu: Reading,
}

impl PodReadings {
    fn all(reading: Reading) -> Self {
        Self { load: reading, errors: reading, error_ratio: reading, latency: reading, cpu: reading }
    }
}

impl Prometheus {
    /// Reads every pod named in the queries, one query per service. A pod without series reads [`Reading::Empty`],
    /// which says nothing about its health.
    pub async fn observe_pods(&self, asked: &[ServiceQuery]) -> PodObservation {
        let mut seen = PodObservation::default();
        for query in asked.iter().filter(|query| !query.pods.is_empty()) {
            let pods = match of_service(&self.client, query).await {
                Ok(pods) => pods,
                Err(error) => {
                    seen.failures.push(error);
                    query.pods.iter().map(|pod| (pod.clone(), PodReadings::all(Reading::Error))).collect()
                }
            };
            seen.services.insert(query.key.clone(), pods);
        }
        seen
    }
}

async fn of_service(client: &Client, asked: &ServiceQuery) -> Result<BTreeMap<String, PodReadings>, QueryError> {
    let config = client.config();
    let query = promql::combined(&parts(asked, config));
    let mut values: BTreeMap<(String, String), f64> = BTreeMap::new();
    let mut evaluated = None;
    for series in client.instant(&query, None).await? {
        evaluated = Some(series.evaluated);
        if let Some((pod, part)) = pod_and_part(&series, config) {
            values.insert((pod, part), series.value);
        }
    }
    let Some(evaluated) = evaluated else {
        return Ok(asked.pods.iter().map(|pod| (pod.clone(), PodReadings::all(Reading::Empty))).collect());
    };
    let span = |duration| SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX);
    let limits = Limits { evaluated, window: span(config.rate_window), stale_after: span(config.stale_after) };
    let mut pods = BTreeMap::new();
    for pod in &asked.pods {
        let of = |part: &str| values.get(&(pod.clone(), part.to_owned())).copied();
        let newest = of("newest").map(|seconds| time(seconds, &query)).transpose()?;
        let newest_cpu = of("newest cpu").map(|seconds| time(seconds, &query)).transpose()?;
        let reading = |value, at| classify(Raw { value, at, ..Raw::default() }, limits);
        let load = of("load");
        let errors = of("errors").or(load.map(|_| 0.0)); // beside requests, no series of failures: none failed
        let readings = PodReadings {
            load: reading(load, newest),
            errors: reading(errors, newest),
            error_ratio: reading(load.zip(errors).map(|(load, errors)| failed_share(errors, load)), newest),
            latency: reading(of("latency"), newest),
            cpu: reading(of("cpu"), newest_cpu),
        };
        pods.insert(pod.clone(), readings);
    }
    Ok(pods)
}

fn pod_and_part(series: &Instant, config: &PrometheusConfig) -> Option<(String, String)> {
    // cAdvisor and the kubelet always say "pod"; the scrape's own label may have another name.
    let pod = series.labels.get(&config.labels.pod).or_else(|| series.labels.get("pod"))?;
    Some((pod.clone(), series.labels.get(PART)?.clone()))
}

/// The named expressions of one service's query.
fn parts(asked: &ServiceQuery, config: &PrometheusConfig) -> Vec<(String, String)> {
    let (labels, keys) = (&config.labels, [&asked.key]);
    let scope = Scope { labels, keys: &keys, window: config.rate_window, by_pod: true };
    let pods = asked.pods.iter().map(String::as_str);
    let container = format!(
        "container_cpu_usage_seconds_total{{{},{},container!=\"\"}}",
        any_of("namespace", [asked.key.namespace.as_str()]),
        any_of("pod", pods)
    );
    let process = scope.select("process_cpu_seconds_total", "");
    let either = |function: &str, of: &dyn Fn(&str) -> String| {
        format!("({function} by (pod) ({}) or {function} by ({}) ({}))", of(&container), labels.pod, of(&process))
    };
    let mut parts = vec![
        ("cpu".to_owned(), either("sum", &|selector| scope.rate(selector))),
        ("newest cpu".to_owned(), either("max", &|selector| format!("timestamp({selector})"))),
    ];
    match (asked.source.errors_query(), Preset::of(&asked.source)) {
        (_, Some(preset @ (Preset::OpenTelemetry | Preset::PresaleGateway))) => parts.extend([
            ("load".to_owned(), preset.load(scope)),
            ("errors".to_owned(), preset.errors(scope)),
            ("newest".to_owned(), preset.newest(scope)),
            ("latency".to_owned(), preset.latency(scope, asked.quantile.get())),
        ]),
        // A result does not carry the age of its samples: the query's own window bounds it.
        (Some(errors), _) => parts.extend([
            ("errors".to_owned(), format!("({errors})")),
            ("newest".to_owned(), format!("timestamp({errors})")),
        ]),
        _ => {}
    }
    parts
}
