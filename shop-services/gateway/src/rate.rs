//! Rate limits: a token bucket for each client and for all of them, with a share of the latter for each gateway.
//!
//! **Source**: the generic cell rate algorithm (ITU-T I.371): one number per bucket, the moment at which it is full
//! again.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

/// Parts of the map, so that requests seldom wait for each other.
const PARTS: usize = 16;
/// Buckets that a part holds at most. A stranger that finds no room is let through: the limit for all still holds.
const BUCKETS: usize = 8_192;
/// Shortest time between two sweeps of a part, in seconds.
const SWEEP: f64 = 1.0;

/// So many per second, and so many at once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Requests per second, above 0.
    pub per_second: f64,
    /// Requests at once, at least 1.
    pub burst: f64,
}

impl Rate {
    /// The part of one of `replicas` equals. Two at once are the least: with one, every moment between a token's
    /// arrival and the next request would be lost, and less than the limit admitted.
    #[must_use]
    pub fn share(self, replicas: usize) -> Self {
        let replicas = replicas.max(1) as f64;
        Self { per_second: self.per_second / replicas, burst: (self.burst / replicas).max(2.0) }
    }
}

/// Whose requests are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Client {
    /// Everybody's.
    All,
    /// A customer's, wherever they come from.
    Customer(Uuid),
    /// Those from one address; of IPv6, from one network of 64 bits, which one subscriber has.
    Address(IpAddr),
}

impl Client {
    /// Whoever is at this address.
    pub fn at(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(v6) => Self::Address((u128::from(v6) >> 64 << 64).to_be_bytes().into()),
            v4 @ IpAddr::V4(_) => Self::Address(v4),
        }
    }
}

/// Buckets as the moments at which they are full again, and when the full ones were last thrown away.
#[derive(Debug, Default)]
struct Part {
    full_at: HashMap<(Arc<str>, Client), f64>,
    swept: f64,
}

impl Part {
    /// Whether there is room for one more bucket; a flood of strangers makes no flood of sweeps.
    fn has_room(&mut self, now: f64) -> bool {
        if self.full_at.len() >= BUCKETS && now - self.swept >= SWEEP {
            self.swept = now;
            self.full_at.retain(|_, full_at| *full_at > now);
        }
        self.full_at.len() < BUCKETS
    }
}

/// The buckets.
#[derive(Debug)]
pub struct Meter {
    parts: [Mutex<Part>; PARTS],
    hasher: RandomState,
    origin: Instant,
}

impl Meter {
    /// Full buckets, with time counted from `origin`.
    pub fn new(origin: Instant) -> Self {
        Self { parts: Default::default(), hasher: RandomState::new(), origin }
    }

    /// Takes one token of the client's bucket for a route.
    ///
    /// # Errors
    /// Where there is none: how long until there is.
    pub fn take(&self, route: &Arc<str>, client: Client, rate: Rate, now: Instant) -> Result<(), Duration> {
        let now = now.saturating_duration_since(self.origin).as_secs_f64();
        let key = (Arc::clone(route), client);
        let part = usize::try_from(self.hasher.hash_one(&key) % PARTS as u64).unwrap_or(0);
        let mut part = self.parts[part].lock().unwrap_or_else(PoisonError::into_inner);
        if !part.full_at.contains_key(&key) && !part.has_room(now) {
            return Ok(());
        }
        let full_at = part.full_at.entry(key).or_insert(now);
        let interval = 1.0 / rate.per_second;
        let early = full_at.max(now) - interval * (rate.burst - 1.0);
        if early > now {
            return Err(Duration::from_secs_f64(early - now));
        }
        *full_at = full_at.max(now) + interval;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn admitted(meter: &Meter, client: Client, rate: Rate, offsets: impl Iterator<Item = f64>) -> usize {
        let route: Arc<str> = "r".into();
        let at = |offset| meter.origin + Duration::from_secs_f64(offset);
        offsets.filter(|offset| meter.take(&route, client, rate, at(*offset)).is_ok()).count()
    }

    proptest! {
        #[test]
        fn over_any_time_no_more_is_admitted_than_the_rate_and_one_burst(
            per_second in 0.5..200.0_f64, burst in 1_u32..50, gaps in prop::collection::vec(0.0..0.2_f64, 1..500)
        ) {
            let meter = Meter::new(Instant::now());
            let rate = Rate { per_second, burst: f64::from(burst) };
            let mut at = 0.0;
            let moments: Vec<f64> = gaps.iter().map(|gap| { at += gap; at }).collect();
            let admitted = admitted(&meter, Client::All, rate, moments.into_iter());
            prop_assert!(admitted as f64 <= per_second * at + rate.burst + 1e-6);
        }

        #[test]
        fn who_keeps_to_the_rate_is_never_refused(per_second in 0.5..200.0_f64, count in 1_u32..300) {
            let meter = Meter::new(Instant::now());
            let rate = Rate { per_second, burst: 2.0 };
            let moments = (0..count).map(|n| f64::from(n) / per_second);
            prop_assert_eq!(admitted(&meter, Client::All, rate, moments), count as usize);
        }
    }

    #[test]
    fn says_how_long_to_wait_and_keeps_clients_apart() {
        let meter = Meter::new(Instant::now());
        let (route, rate): (Arc<str>, _) = ("r".into(), Rate { per_second: 2.0, burst: 2.0 });
        let [one, two] = ["192.0.2.1", "192.0.2.2"].map(|address| Client::at(address.parse().unwrap()));
        for _ in 0..2 {
            meter.take(&route, one, rate, meter.origin).unwrap();
        }
        let wait = meter.take(&route, one, rate, meter.origin).unwrap_err();
        assert_eq!(wait, Duration::from_millis(500));
        meter.take(&route, two, rate, meter.origin).unwrap();
        meter.take(&route, one, rate, meter.origin + wait).unwrap();
        assert_eq!(rate.share(4), Rate { per_second: 0.5, burst: 2.0 });
    }

    #[test]
    fn one_subscriber_is_one_client_and_a_flood_of_addresses_keeps_memory_flat() {
        let at = |address: &str| Client::at(address.parse().unwrap());
        assert_eq!(at("2001:db8::1"), at("2001:db8::ffff"));
        assert_ne!(at("2001:db8::1"), at("2001:db8:0:1::1"));
        assert_eq!(at("::ffff:192.0.2.1"), at("192.0.2.1"));
        let meter = Meter::new(Instant::now());
        let (route, rate): (Arc<str>, _) = ("r".into(), Rate { per_second: 1.0, burst: 1.0 });
        for number in 0..300_000_u32 {
            let client = Client::Address(IpAddr::from(number.to_be_bytes()));
            meter.take(&route, client, rate, meter.origin).unwrap();
        }
        let held: usize = meter.parts.iter().map(|part| part.lock().unwrap().full_at.len()).sum();
        assert!(held <= PARTS * BUCKETS, "{held}");
    }
}
