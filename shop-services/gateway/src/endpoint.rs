//! One endpoint of a service: how many requests it has now, and whether it has earned a rest.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shop_kit::breaker::{Record, Standing};
use tokio::time::Instant;

/// Where a service answers.
#[derive(Debug)]
pub struct Endpoint {
    address: SocketAddr,
    in_flight: AtomicUsize,
    record: Mutex<Record>,
}

/// A request's hold on its endpoint, counted until dropped.
#[derive(Debug)]
pub struct Lease(Arc<Endpoint>);

impl Endpoint {
    /// A sound endpoint.
    pub fn new(address: SocketAddr) -> Self {
        Self { address, in_flight: AtomicUsize::new(0), record: Mutex::default() }
    }

    /// Its address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Requests it has not finished.
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Whether it is given requests now.
    pub fn standing(&self, now: Instant) -> Standing {
        self.record().standing(now, self.in_flight() > 0)
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives it a request.
    pub fn lease(self: &Arc<Self>) -> Lease {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        Lease(Arc::clone(self))
    }
}

impl Lease {
    /// Where the request goes.
    pub fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// The endpoint answered as it should.
    pub fn succeeded(&self) {
        self.0.record().succeeded();
    }

    /// It did not; after several times in a row, or where it was tried after a rest, it is given a rest.
    pub fn failed(&self, now: Instant) {
        if let Some(rest) = self.0.record().failed(now) {
            tracing::warn!(address = %self.0.address, ?rest, "an endpoint is given a rest");
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Of two that are drawn, the one with fewer requests in flight; `None` where nobody may be given any.
///
/// `draw` gives a number below its argument. **Source**: the power of two choices (Mitzenmacher 2001).
pub fn choose(
    endpoints: &[Arc<Endpoint>],
    not: Option<SocketAddr>,
    now: Instant,
    mut draw: impl FnMut(usize) -> usize,
) -> Option<Lease> {
    let mut able: Vec<&Arc<Endpoint>> = endpoints
        .iter()
        .filter(|endpoint| Some(endpoint.address) != not)
        .filter(|endpoint| matches!(endpoint.standing(now), Standing::Sound | Standing::Trial))
        .collect();
    let last = able.len().checked_sub(1)?;
    let first = able.swap_remove(draw(last + 1));
    let lesser = if last == 0 { first } else { least(first, able[draw(last)]) };
    Some(lesser.lease())
}

fn least<'a>(one: &'a Arc<Endpoint>, other: &'a Arc<Endpoint>) -> &'a Arc<Endpoint> {
    if other.in_flight() < one.in_flight() { other } else { one }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;
    use shop_kit::breaker::{FAILURES, LONGEST_REST};

    fn endpoints(count: u16) -> Vec<Arc<Endpoint>> {
        (1..=count).map(|port| Arc::new(Endpoint::new(([127, 0, 0, 1], port).into()))).collect()
    }

    #[test]
    fn load_spreads_evenly_and_away_from_the_slow() {
        let (all, now) = (endpoints(4), Instant::now());
        let mut random = ChaCha8Rng::seed_from_u64(3);
        let mut leases: Vec<Lease> =
            (0..400).map(|_| choose(&all, None, now, |below| random.random_range(0..below)).unwrap()).collect();
        assert!(all.iter().all(|endpoint| (95..=105).contains(&endpoint.in_flight())), "{all:?}");
        let slow = all[0].address();
        leases.retain(|lease| lease.address() == slow);
        for _ in 0..100 {
            assert_ne!(choose(&all, None, now, |below| random.random_range(0..below)).unwrap().address(), slow);
        }
    }

    #[test]
    fn who_fails_rests_is_tried_once_and_rests_longer() {
        let (all, mut now) = (endpoints(1), Instant::now());
        let fails = |now| choose(&all, None, now, |_| 0).unwrap().failed(now);
        (0..FAILURES).for_each(|_| fails(now));
        for rest in [1, 2, 4, 8, 16, 30, 30] {
            assert_eq!(all[0].standing(now), Standing::Resting);
            assert!(choose(&all, None, now, |_| 0).is_none());
            now += Duration::from_secs(rest);
            assert_eq!(all[0].standing(now), Standing::Trial, "after {rest} s");
            let trial = choose(&all, None, now, |_| 0).unwrap();
            assert_eq!(all[0].standing(now), Standing::OnTrial);
            trial.failed(now);
        }
        now += LONGEST_REST;
        choose(&all, None, now, |_| 0).unwrap().succeeded();
        assert_eq!(all[0].standing(now), Standing::Sound);
        assert!(choose(&all, Some(all[0].address()), now, |_| 0).is_none(), "not the same again");
    }
}
