//! Where new ids and times come from: a clock and a seeded generator, both given from outside.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use rand::RngCore;
use rand_chacha::ChaCha8Rng;
use uuid::{Builder, Uuid};

/// Tells the time; clones are the same clock.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// A clock that asks `now`.
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Clock").field(&self.now()).finish()
    }
}

/// Makes UUIDv7 ids: time first, so that newer sorts later, then 74 random bits, so that none can be guessed.
#[derive(Debug, Clone)]
pub struct Identity {
    clock: Clock,
    random: Arc<Mutex<ChaCha8Rng>>,
}

impl Identity {
    /// Takes its clock and its random numbers.
    pub fn new(clock: Clock, random: ChaCha8Rng) -> Self {
        Self { clock, random: Arc::new(Mutex::new(random)) }
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Bytes that nobody can guess: the generator is seeded by the system, and `ChaCha` is a stream cipher.
    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.random.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(&mut bytes);
        bytes
    }

    /// An id for something created at `at`.
    pub fn mint(&self, at: Timestamp) -> Uuid {
        let bytes: [u8; 10] = self.random();
        let millis = u64::try_from(at.as_millisecond()).unwrap_or(0);
        Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn younger_ids_sort_later() {
        let identity = Identity::new(Clock::new(|| Timestamp::UNIX_EPOCH), ChaCha8Rng::seed_from_u64(1));
        let (a, b) = (Timestamp::from_second(1).unwrap(), Timestamp::from_second(2).unwrap());
        assert!(identity.mint(a) < identity.mint(b));
        assert_ne!(identity.mint(a), identity.mint(a));
        assert_eq!(identity.mint(a).get_version_num(), 7);
    }
}
