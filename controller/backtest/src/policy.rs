//! What a policy sees at a tick and what it answers: the same scrapes for everyone.

use jiff::Timestamp;

/// One scrape as a policy reads it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scrape {
    /// Time of the newest request in it.
    pub at: Timestamp,
    /// Mean load of the scrape's window, the trace's unit.
    pub load: f64,
}

/// What is known at a tick.
#[derive(Debug, Clone, Copy)]
pub struct Sight<'a> {
    /// The tick.
    pub now: Timestamp,
    /// Ticks since the start of the scored time.
    pub tick: usize,
    /// The newest scrape; `None` if it failed.
    pub scrape: Option<Scrape>,
    /// Replicas in the spec.
    pub current: u32,
    /// Ready replicas.
    pub ready: u32,
    /// Warm replicas, none of which is among `current`.
    pub warm: u32,
    /// Means of the recorded minutes or steps that are over, oldest first, with what came before the scored time; NaN
    /// where nothing was recorded.
    pub past: &'a Past,
}

/// Load by recorded step up to now.
#[derive(Debug, Clone, PartialEq)]
pub struct Past {
    /// Start of the first step.
    pub start: Timestamp,
    /// Seconds per step.
    pub step: i64,
    /// Mean load per step; NaN where nothing was recorded.
    pub load: Vec<f64>,
}

impl Past {
    /// Steps per `seconds`, at least 1.
    pub fn steps(&self, seconds: i64) -> usize {
        usize::try_from(seconds / self.step.max(1)).unwrap_or(1).max(1)
    }

    /// Value `back` steps before the end (1 = the newest).
    pub fn back(&self, back: usize) -> Option<f64> {
        self.load.len().checked_sub(back).and_then(|i| self.load.get(i)).copied().filter(|v| v.is_finite())
    }
}

/// One reading of the fast signal, which comes between ticks to policies with a reserve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Glance {
    /// Time since the reading before, seconds.
    pub seconds: f64,
    /// Requests that arrived in that time.
    pub requests: f64,
    /// Requests that wait, in pods and at the gateway.
    pub waiting: f64,
}

/// A way to choose replicas.
pub trait Policy {
    /// Stable name, as in `--policies`.
    fn name(&self) -> &'static str;

    /// The knob's position, for people (`target 0.75`).
    fn setting(&self) -> String;

    /// Replicas that should be in service from now on.
    fn decide(&mut self, sight: &Sight<'_>) -> u32;

    /// Warm replicas that should be beside those of the last decision; `None` = this policy knows of no reserve.
    fn reserve(&self) -> Option<u32> {
        None
    }

    /// Reads the fast signal, the first one at the tick itself, before its decision. `Some` = another count in service.
    fn glance(&mut self, _: &Sight<'_>, _: Glance) -> Option<u32> {
        None
    }
}

/// ⌈load / capacity⌉ with a guard against rounding noise.
pub fn replicas(load: f64, capacity: f64) -> u32 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped first")]
    let count = (load / capacity * (1.0 - 1e-12)).ceil().clamp(0.0, 1e6) as u32;
    count
}
