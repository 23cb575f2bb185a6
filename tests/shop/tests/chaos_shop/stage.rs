//! What everybody who acts in a round shares: its clock, where lines go, and what was done so far.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use presale_shop::Say;
use serde::Serialize;
use tokio::time::{Instant, sleep_until};

use crate::fault::Strike;

/// A fault as it came.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Struck {
    /// Seconds since the round began.
    pub(crate) at: f64,
    /// Seconds until everything was as before.
    pub(crate) lasted: f64,
    pub(crate) kind: &'static str,
    pub(crate) what: String,
}

/// A round's clock, and its book.
pub(crate) struct Stage<'a> {
    zero: Instant,
    pub(crate) ends: Duration,
    say: Say<'a>,
    struck: Mutex<Vec<Struck>>,
}

impl<'a> Stage<'a> {
    pub(crate) fn new(seconds: u64, say: Say<'a>) -> Self {
        Self { zero: Instant::now(), ends: Duration::from_secs(seconds), say, struck: Mutex::default() }
    }

    /// Since the round began.
    pub(crate) fn now(&self) -> Duration {
        self.zero.elapsed()
    }

    pub(crate) async fn until(&self, at: Duration) {
        sleep_until(self.zero + at).await;
    }

    pub(crate) fn say(&self, what: &str) {
        (self.say)(format!("{:>6.1} s  {what}", self.now().as_secs_f64()));
    }

    /// A fault that came at `at` is over.
    pub(crate) fn over(&self, strike: &Strike, at: Duration) {
        let lasted = self.now().saturating_sub(at).as_secs_f64();
        let (kind, what) = (strike.fault.kind(), strike.fault.to_string());
        (self.say)(format!("{:>6.1} s  {what}, for {lasted:.1} s", at.as_secs_f64()));
        let struck = Struck { at: at.as_secs_f64(), lasted, kind, what };
        self.struck.lock().unwrap_or_else(PoisonError::into_inner).push(struck);
    }

    /// Every fault, in the order in which they were over.
    pub(crate) fn struck(self) -> Vec<Struck> {
        self.struck.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}
