//! One service behind the gateway: its endpoints as they come and go, its door, its retry budget, and who waits for it
//! to come up.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use shop_kit::Priority;
use shop_kit::admission::{Limits, Refusal};
use shop_kit::breaker::Standing;
use shop_kit::mutual::Credentials;
use shop_metrics::Proxying;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use crate::budget::Budget;
use crate::door::Door;
use crate::endpoint::{self, Endpoint, Lease};
use crate::wire::Wire;

/// Sizes of every pool.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// The door to the service.
    pub door: Limits,
    /// Requests held at most while there is no endpoint.
    pub hold: usize,
    /// Longest hold, also while a warm reserve returns.
    pub hold_timeout: Duration,
}

/// One service.
#[derive(Debug)]
pub struct Pool {
    /// Its name, also in metrics.
    pub name: String,
    /// Lets requests in.
    pub door: Arc<Door>,
    /// What may be tried again.
    pub budget: Budget,
    /// Connections to it.
    pub wire: Wire,
    sizes: Sizes,
    endpoints: watch::Sender<Arc<Vec<Arc<Endpoint>>>>,
    held: AtomicUsize,
    metrics: Proxying,
}

/// One request on hold; counts itself out however its wait ends.
struct Held<'a>(&'a AtomicUsize);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Pool {
    /// A service without endpoints, which must show who it is where there are credentials.
    pub fn new(name: String, sizes: Sizes, metrics: Proxying, credentials: Option<Credentials>) -> Self {
        metrics.knows(&name);
        Self {
            wire: Wire::to(&name, credentials),
            door: Door::new(sizes.door, Instant::now()),
            budget: Budget::default(),
            endpoints: watch::Sender::default(),
            held: AtomicUsize::new(0),
            name,
            sizes,
            metrics,
        }
    }

    /// Requests may come by a route; shows its demand from the start.
    pub fn may_be_asked(&self, route: &str, priority: Priority) {
        self.metrics.may_offer(&self.name, route, priority.label());
    }

    /// A request came by a route: demand, whatever becomes of it.
    pub fn is_asked(&self, route: &str, priority: Priority) {
        self.metrics.offered(&self.name, route, priority.label());
    }

    /// These are its endpoints from now on. Those that stay keep what is known of them; those that go get no new
    /// request, and finish what they have.
    pub fn consists_of(&self, addresses: &[SocketAddr]) {
        self.endpoints.send_if_modified(|endpoints| {
            if endpoints.iter().map(|endpoint| endpoint.address()).eq(addresses.iter().copied()) {
                return false;
            }
            tracing::info!(service = self.name, ?addresses, "endpoints changed");
            let mut known: BTreeMap<_, _> = endpoints.iter().map(|e| (e.address(), Arc::clone(e))).collect();
            let kept =
                |address: &SocketAddr| known.remove(address).unwrap_or_else(|| Arc::new(Endpoint::new(*address)));
            *endpoints = Arc::new(addresses.iter().map(kept).collect());
            self.door.leads_to(addresses.len());
            true
        });
    }

    /// Whether more endpoints are about to come: requests then wait for them, as long as they would for the first one.
    pub fn grows(&self, soon: bool) {
        self.door.waits(soon.then_some(self.sizes.hold_timeout));
    }

    /// Whether it has an endpoint.
    pub fn is_up(&self) -> bool {
        !self.endpoints.borrow().is_empty()
    }

    /// Waits until it has an endpoint, as it comes up from zero.
    ///
    /// # Errors
    /// Turned away at once where as many wait as may, later where the wait took too long.
    pub async fn comes_up(&self, priority: Priority) -> Result<(), Refusal> {
        let mut endpoints = self.endpoints.subscribe();
        if !endpoints.borrow_and_update().is_empty() {
            return Ok(());
        }
        let before = self.held.fetch_add(1, Ordering::Relaxed);
        let _held = Held(&self.held);
        if before >= priority.share_of(self.sizes.hold) {
            return Err(Refusal::Shed);
        }
        let up = timeout(self.sizes.hold_timeout, endpoints.wait_for(|endpoints| !endpoints.is_empty())).await;
        if matches!(up, Ok(Ok(_))) { Ok(()) } else { Err(Refusal::WaitedTooLong) }
    }

    /// An endpoint for a request, other than `not`; `None` where there is none that may be given any.
    pub fn choose(&self, not: Option<SocketAddr>, draw: impl FnMut(usize) -> usize) -> Option<Lease> {
        let (endpoints, now) = (Arc::clone(&self.endpoints.borrow()), Instant::now());
        let lease = endpoint::choose(&endpoints, not, now, draw);
        self.metrics.breaker(&self.name, breaker(&endpoints, now));
        lease
    }
}

/// 0 where any endpoint is sound, 1 where one is tried after its rest, 2 where all rest.
fn breaker(endpoints: &[Arc<Endpoint>], now: Instant) -> i64 {
    let standings: Vec<Standing> = endpoints.iter().map(|endpoint| endpoint.standing(now)).collect();
    match () {
        () if standings.is_empty() || standings.contains(&Standing::Sound) => 0,
        () if standings.iter().all(|standing| *standing == Standing::Resting) => 2,
        () => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shop_kit::process::ThisProcess;
    use shop_metrics::{Build, ShopMetrics};

    fn pool() -> Arc<Pool> {
        let mut metrics = ShopMetrics::new(&Build { service_name: "gateway", version: "0" }, ThisProcess);
        let door = Limits { concurrency: 8, queue: 8, queue_timeout: Duration::from_secs(1) };
        let sizes = Sizes { door, hold: 4, hold_timeout: Duration::from_secs(10) };
        Arc::new(Pool::new("catalog".to_owned(), sizes, Proxying::register(&mut metrics), None))
    }

    #[tokio::test(start_paused = true)]
    async fn a_first_request_waits_for_an_endpoint_and_a_crowd_does_not() {
        let pool = pool();
        let held: Vec<_> = (0..4)
            .map(|_| {
                let pool = Arc::clone(&pool);
                tokio::spawn(async move { pool.comes_up(Priority::Critical).await })
            })
            .collect();
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(pool.comes_up(Priority::Critical).await, Err(Refusal::Shed));
        pool.consists_of(&[([127, 0, 0, 1], 1).into()]);
        for request in held {
            assert_eq!(request.await.unwrap(), Ok(()));
        }
        pool.consists_of(&[]);
        assert_eq!(pool.comes_up(Priority::Low).await, Err(Refusal::WaitedTooLong));
        assert_eq!(pool.held.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn who_stays_is_known_and_who_goes_finishes() {
        let pool = pool();
        let [one, two]: [SocketAddr; 2] = [([127, 0, 0, 1], 1).into(), ([127, 0, 0, 1], 2).into()];
        pool.consists_of(&[one]);
        let lease = pool.choose(None, |_| 0).unwrap();
        pool.consists_of(&[one, two]);
        assert_eq!(pool.choose(None, |_| 0).unwrap().address(), two, "the one has a request already");
        pool.consists_of(&[two]);
        assert_eq!(lease.address(), one);
        for _ in 0..8 {
            assert_eq!(pool.choose(None, |_| 0).unwrap().address(), two);
        }
    }
}
