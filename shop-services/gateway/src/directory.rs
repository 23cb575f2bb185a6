//! Who is where: the pools of all services, told by whoever knows the endpoints.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use shop_kit::mutual::Credentials;
use shop_metrics::Proxying;

use crate::pool::{Pool, Sizes};

/// A ready endpoint of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Name of its port; `None` where it has only one.
    pub port: Option<String>,
    /// Where it answers.
    pub address: SocketAddr,
}

/// All ready endpoints by service.
pub type Places = BTreeMap<String, Vec<Place>>;

/// Which endpoints of which service: its name, and the name or number of the port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Upstream {
    /// The service.
    pub service: String,
    /// The port.
    pub port: String,
}

/// The pools, and the endpoints told last.
#[derive(Debug)]
pub struct Directory {
    sizes: Sizes,
    metrics: Proxying,
    credentials: Option<Credentials>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    pools: BTreeMap<Upstream, Arc<Pool>>,
    places: Option<Places>,
    /// Services whose warm reserve can return.
    warm: BTreeSet<String>,
}

impl Directory {
    /// Knows nobody yet.
    pub fn new(sizes: Sizes, metrics: Proxying) -> Self {
        Self { sizes, metrics, credentials: None, known: Mutex::default() }
    }

    /// The same, where services show each other certificates.
    #[must_use]
    pub fn showing(self, credentials: Option<Credentials>) -> Self {
        Self { credentials, ..self }
    }

    /// The pool of an upstream, always the same one.
    pub fn pool(&self, upstream: Upstream) -> Arc<Pool> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Known { pools, places, warm } = &mut *known;
        let pool = pools.entry(upstream).or_insert_with_key(|upstream| {
            let pool = Pool::new(upstream.service.clone(), self.sizes, self.metrics.clone(), self.credentials.clone());
            pool.consists_of(&addresses(places.as_ref(), upstream));
            pool.grows(warm.contains(&upstream.service));
            Arc::new(pool)
        });
        Arc::clone(pool)
    }

    /// These are all ready endpoints from now on.
    pub fn tell(&self, places: Places) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for (upstream, pool) in &known.pools {
            pool.consists_of(&addresses(Some(&places), upstream));
        }
        known.places = Some(places);
    }

    /// These services have replicas in a warm reserve: what overflows there waits until they are back.
    pub fn are_warm(&self, services: BTreeSet<String>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for (upstream, pool) in &known.pools {
            pool.grows(services.contains(&upstream.service));
        }
        known.warm = services;
    }

    /// Ready endpoints of a service, on whatever port.
    pub fn count(&self, service: &str) -> usize {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let places = known.places.as_ref().and_then(|places| places.get(service));
        let mut hosts: Vec<_> = places.into_iter().flatten().map(|place| (&place.port, place.address)).collect();
        // One with several ports is one.
        let first = hosts.first().map(|(port, _)| (*port).clone());
        hosts.retain(|(port, _)| Some(*port) == first.as_ref());
        hosts.len()
    }

    /// Requests let in at the same time at present, over all services that are up.
    pub fn concurrency(&self) -> usize {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.pools.values().filter(|pool| pool.is_up()).map(|pool| pool.door.limit()).sum()
    }

    /// Whether anybody has told yet.
    ///
    /// # Errors
    /// In words, where nobody has.
    pub fn is_told(&self) -> Result<(), String> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.places.as_ref().map(drop).ok_or_else(|| "the endpoints of services are not known yet".to_owned())
    }
}

/// Those on the upstream's port, in order, each once.
fn addresses(places: Option<&Places>, upstream: &Upstream) -> Vec<SocketAddr> {
    let places = places.and_then(|places| places.get(&upstream.service)).into_iter().flatten();
    let on_port = |place: &&Place| {
        place.port.as_ref().is_none_or(|name| *name == upstream.port)
            || place.address.port().to_string() == upstream.port
    };
    let mut addresses: Vec<SocketAddr> = places.filter(on_port).map(|place| place.address).collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}
