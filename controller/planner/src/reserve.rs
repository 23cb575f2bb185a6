//! The warm reserve: replicas beside those in service, cut off from traffic and shrunk, that are back in a fraction of a second.

mod signal;
mod split;

use serde::{Deserialize, Serialize};

pub use signal::FastSignal;
pub(crate) use split::{Split, all, split, wish};

/// What humans want of a service's warm reserve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReservePolicy {
    /// How many replicas it holds.
    pub size: ReserveSize,
    /// Most replicas that it holds; what is needed beyond stays in service.
    pub max: u32,
    /// Whether its CPU is kept for it.
    pub guarantee: Guarantee,
}

/// How many replicas a warm reserve holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReserveSize {
    /// What the forecast may need within the lead time and the load of this moment does not.
    Auto,
    /// A fixed number.
    Replicas(u32),
}

/// Whether a warm replica is certain to get its CPU back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Guarantee {
    /// Its CPU request shrinks with it: growth may be deferred on a full node.
    BestEffort,
    /// Its CPU request stays: costs more, is never deferred.
    Reserved,
}

/// The warm reserve as a decision sees it. With it [`crate::ReplicaCounts`] counts what is in service: `current` is the
/// target's spec less `warm`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReserveInput {
    /// What the humans want.
    pub policy: ReservePolicy,
    /// Replicas that are cut off from traffic, also those still draining and those whose growth is deferred.
    pub warm: u32,
    /// Those of `warm` whose growth was deferred or refused: no capacity.
    pub deferred: u32,
}

impl ReserveInput {
    /// Warm replicas that can return.
    pub fn usable(&self) -> u32 {
        self.warm.saturating_sub(self.deferred)
    }
}

/// What a decision wants of the warm reserve. The target's spec should have [`crate::Decision::desired`] + `replicas` pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reserve {
    /// Warm replicas that there should be beside `desired`, those with deferred growth among them.
    pub replicas: u32,
    /// Warm replicas that there were.
    pub warm: u32,
}
