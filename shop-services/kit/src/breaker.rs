//! Whether somebody who failed is asked again: left alone after failures in a row, tried by one after a rest, asked by
//! all once that one is answered.
//!
//! ```text
//! closed --five failures in a row--> open --its rest is over--> half open --an answer--> closed
//!                                     ^------a failure: the next rest is twice as long------'
//! ```
//!
//! **Source**: the circuit breaker of M. Nygard, *Release It!*.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use shop_metrics::Breakers;
use tokio::time::Instant;

/// Failures in a row after which somebody is given a rest.
pub const FAILURES: u32 = 5;
/// The first rest; each further one is twice as long.
const REST: Duration = Duration::from_secs(1);
/// The longest rest.
pub const LONGEST_REST: Duration = Duration::from_secs(30);

/// Whether somebody is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// By all: closed.
    Sound,
    /// By one, to see how it is after its rest: half open.
    Trial,
    /// Not while that one waits for its answer: half open.
    OnTrial,
    /// By nobody: open.
    Resting,
}

/// How somebody answered lately.
#[derive(Debug, Default)]
pub struct Record {
    failures: u32,
    rests: u32,
    until: Option<Instant>,
}

impl Record {
    /// Whether it is asked now, where `tried` says that somebody waits for its answer.
    pub fn standing(&self, now: Instant, tried: bool) -> Standing {
        match self.until {
            None => Standing::Sound,
            Some(until) if now < until => Standing::Resting,
            Some(_) if tried => Standing::OnTrial,
            Some(_) => Standing::Trial,
        }
    }

    /// It answered as it should.
    pub fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// It did not: after several times in a row, or where it was tried after a rest, it is given the rest that is
    /// returned. What was asked before a rest and fails during it says nothing new.
    pub fn failed(&mut self, now: Instant) -> Option<Duration> {
        self.failures = self.failures.saturating_add(1);
        let tried = self.until.is_some_and(|until| until <= now);
        if !tried && (self.until.is_some() || self.failures < FAILURES) {
            return None;
        }
        let rest = REST.saturating_mul(2_u32.saturating_pow(self.rests)).min(LONGEST_REST);
        self.until = Some(now + rest);
        self.rests = self.rests.saturating_add(1);
        Some(rest)
    }
}

/// Asks somebody, or leaves them alone; clones are the same breaker.
#[derive(Debug, Clone)]
pub struct Breaker {
    target: &'static str,
    state: Arc<Mutex<State>>,
    metrics: Breakers,
}

#[derive(Debug, Default)]
struct State {
    record: Record,
    tried: bool,
}

/// The right to ask once. Dropped without a verdict, it leaves the breaker as it is.
#[derive(Debug)]
pub struct Pass {
    breaker: Breaker,
    trial: bool,
}

impl Breaker {
    /// A closed one before `target`.
    pub fn new(target: &'static str, metrics: Breakers) -> Self {
        metrics.knows(target);
        Self { target, state: Arc::default(), metrics }
    }

    /// The right to ask now; `None` where it is left alone.
    pub fn pass(&self, now: Instant) -> Option<Pass> {
        let mut state = self.state();
        let standing = state.record.standing(now, state.tried);
        let trial = match standing {
            Standing::Sound => false,
            Standing::Trial => true,
            Standing::OnTrial | Standing::Resting => {
                self.metrics.withheld(self.target);
                return None;
            }
        };
        state.tried |= trial;
        self.shows(&state, now);
        Some(Pass { breaker: self.clone(), trial })
    }

    fn shows(&self, state: &State, now: Instant) {
        let shown = match state.record.standing(now, state.tried) {
            Standing::Sound => 0,
            Standing::Trial | Standing::OnTrial => 1,
            Standing::Resting => 2,
        };
        self.metrics.stands(self.target, shown);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass {
    /// There was an answer as there should be.
    pub fn succeeded(self, now: Instant) {
        let mut state = self.breaker.state();
        state.record.succeeded();
        self.breaker.shows(&state, now);
    }

    /// There was none.
    pub fn failed(self, now: Instant) {
        let mut state = self.breaker.state();
        if let Some(rest) = state.record.failed(now) {
            tracing::warn!(target = self.breaker.target, ?rest, "it failed and is left alone");
        }
        self.breaker.shows(&state, now);
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if self.trial {
            self.breaker.state().tried = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::ThisProcess;
    use shop_metrics::{Build, ShopMetrics};

    fn breaker() -> (Breaker, ShopMetrics) {
        let mut metrics = ShopMetrics::new(&Build { service_name: "test", version: "0" }, ThisProcess);
        (Breaker::new("stock", Breakers::register(&mut metrics)), metrics)
    }

    fn shown(metrics: &ShopMetrics, state: u8) -> bool {
        metrics.render().unwrap().contains(&format!(r#"shop_circuit_breaker_state{{target="stock"}} {state}"#))
    }

    #[test]
    fn who_fails_in_a_row_is_left_alone_and_tried_by_one_after_its_rest() {
        let ((breaker, metrics), mut now) = (breaker(), Instant::now());
        for _ in 0..3 {
            (1..FAILURES).for_each(|_| breaker.pass(now).unwrap().failed(now));
            breaker.pass(now).unwrap().succeeded(now);
        }
        assert!(shown(&metrics, 0), "never so often in a row");
        (0..FAILURES).for_each(|_| breaker.pass(now).unwrap().failed(now));
        for rest in [1, 2, 4, 8, 16, 30, 30] {
            assert!(breaker.pass(now).is_none() && shown(&metrics, 2));
            now += Duration::from_secs(rest);
            let trial = breaker.pass(now).unwrap();
            assert!(breaker.pass(now).is_none() && shown(&metrics, 1), "one tries");
            trial.failed(now);
        }
        assert!(metrics.render().unwrap().contains(r#"shop_calls_withheld_total{target="stock"} 14"#));
        now += LONGEST_REST;
        breaker.pass(now).unwrap().succeeded(now);
        assert!(shown(&metrics, 0) && breaker.pass(now).is_some());
    }

    #[test]
    fn a_trial_that_nobody_ended_is_followed_by_another_and_old_failures_prolong_no_rest() {
        let ((breaker, _), mut now) = (breaker(), Instant::now());
        let before: Vec<Pass> = (0..2 * FAILURES).map(|_| breaker.pass(now).unwrap()).collect();
        for pass in before {
            pass.failed(now);
        }
        now += REST;
        drop(breaker.pass(now).unwrap());
        breaker.pass(now).unwrap().succeeded(now);
        assert!(breaker.pass(now).is_some());
    }
}
