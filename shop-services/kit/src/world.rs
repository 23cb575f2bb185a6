//! What the composition root hands to a service: time, randomness and the stop signal.

use rand_chacha::ChaCha8Rng;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::identity::Clock;

/// Everything that a service may not fetch by itself.
#[derive(Debug)]
pub struct World {
    /// When the process started.
    pub started: Instant,
    /// Cancelled when the process shall stop.
    pub stop: CancellationToken,
    /// Tells the time.
    pub clock: Clock,
    /// Random numbers for ids.
    pub random: ChaCha8Rng,
}
