//! The tick: every service's load, errors and latency now, by one query per preset.

mod backlog;
mod custom;
mod grouped;

use std::collections::BTreeMap;

use futures::{StreamExt as _, stream};
use presale_models::Reading;

use crate::client::Client;
use crate::preset::Preset;
use crate::{PrometheusConfig, QueryError, ServiceKey, ServiceQuery};

pub(crate) use grouped::failed_share;

/// One Prometheus, read-only.
///
/// # Example
/// ```no_run
/// # async fn example() -> Result<(), presale_prometheus::QueryError> {
/// use presale_models::LEVELS;
/// use presale_prometheus::{Prometheus, PrometheusConfig, ServiceKey, ServiceQuery, Source};
///
/// let prometheus = Prometheus::new(PrometheusConfig::new("http://prometheus:9090"))?;
/// let asked = ServiceQuery {
///     key: ServiceKey::new("shop", "catalog"),
///     source: Source::OpenTelemetry,
///     pods: vec!["catalog-1".into(), "catalog-2".into()], // Ready ones: fewer live targets make it Partial
///     quantile: LEVELS[7],
/// };
/// let seen = prometheus.observe(&[asked]).await;
/// for (service, readings) in &seen.services {
///     println!("{service}: {} {:?}", readings.load.state(), readings.load.complete());
/// }
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Prometheus {
    pub(crate) client: Client,
}

/// What one tick saw.
#[derive(Debug, Default)]
pub struct Observation {
    /// One entry per service asked for.
    pub services: BTreeMap<ServiceKey, ServiceReadings>,
    /// Queries that failed; their services read [`Reading::Error`].
    pub failures: Vec<QueryError>,
}

/// One service now. Ages count from the server's clock.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ServiceReadings {
    /// What replicas are to serve: offered requests per second; of a queue, the work before the service.
    pub load: Reading,
    /// What arrives: what history and forecast are of. The load itself, except for a queue.
    pub demand: Reading,
    /// Failed share of the requests, 0..=1; [`Reading::NotANumber`] where there were none.
    pub error_ratio: Reading,
    /// Latency at the asked quantile, seconds; [`Reading::NotANumber`] where there were no requests.
    pub latency: Reading,
}

impl ServiceReadings {
    /// The same reading thrice.
    pub(crate) fn all(reading: Reading) -> Self {
        Self { load: reading, demand: reading, error_ratio: reading, latency: reading }
    }
}

impl Prometheus {
    /// Prepares a client; opens no connection.
    ///
    /// # Errors
    /// [`QueryError::Client`] for an address, header or CA file that cannot be used, [`QueryError::File`] for a CA file
    /// that cannot be read.
    pub fn new(config: PrometheusConfig) -> Result<Self, QueryError> {
        Ok(Self { client: Client::new(config)? })
    }

    /// Asks for a constant: whether address, certificates and token are right.
    ///
    /// # Errors
    /// [`QueryError`] saying which of them is not.
    pub async fn check(&self) -> Result<(), QueryError> {
        self.client.instant("vector(1)", None).await.map(drop)
    }

    /// Reads every service: one query per preset for all of its services together, services' own queries each for
    /// itself with bounded concurrency. Never fails as a whole.
    pub async fn observe(&self, asked: &[ServiceQuery]) -> Observation {
        let mut groups: BTreeMap<Preset, Vec<&ServiceQuery>> = BTreeMap::new();
        let mut own = Vec::new();
        for query in asked {
            match Preset::of(&query.source) {
                Some(preset) => groups.entry(preset).or_default().push(query),
                None => own.push(query),
            }
        }
        let mut seen = Observation::default();
        // Futures made in a loop: a stream mapped by a closure over references is not `Send` for every lifetime.
        let mut answers = Vec::with_capacity(groups.len());
        for (preset, queries) in groups {
            answers.push(grouped::observe(&self.client, preset, queries));
        }
        let mut answers = stream::iter(answers).buffer_unordered(3);
        while let Some((services, failure)) = answers.next().await {
            seen.services.extend(services);
            seen.failures.extend(failure);
        }
        let (services, failures) = custom::observe(&self.client, own).await;
        seen.services.extend(services);
        seen.failures.extend(failures);
        seen
    }
}
