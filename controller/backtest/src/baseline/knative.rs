//! Knative's pod autoscaler on requests per second: a stable and a panic window.
//!
//! **Source**: `knative/serving` `pkg/autoscaler/scaling/autoscaler.go` and `aggregation/bucketing.go`. Here a bucket is one
//! tick of the simulation, so the panic window (6 s as shipped) is the newest tick; the suite `tests/differential` replays
//! generated histories through that code and through this file and compares every count.

use std::collections::VecDeque;

use crate::plant::TICK;
use crate::policy::{Policy, Sight};

/// Panic at this ratio of wanted to ready pods.
const PANIC: f64 = 2.0;
/// Largest scale-up and scale-down ratios per decision.
const MOST_UP: f64 = 1000.0;
const MOST_DOWN: f64 = 2.0;

/// The autoscaler with its windows.
#[derive(Debug, Clone)]
pub struct Knative {
    target: f64,
    per_replica: f64,
    stable_seconds: i64,
    stable: Buckets,
    newest: Buckets,
    panic_since: Option<i64>,
    panic_pods: u32,
    started: bool,
}

impl Knative {
    /// `target` is the utilization (0.7 as shipped) of what one replica serves; `stable_seconds` is 60 as shipped.
    pub fn new(target: f64, capacity: f64, stable_seconds: i64) -> Self {
        Self {
            target,
            per_replica: target * capacity,
            stable_seconds,
            stable: Buckets::new(stable_seconds),
            newest: Buckets::new(TICK),
            panic_since: None,
            panic_pods: 0,
            started: false,
        }
    }

    /// One tick at `second` with `load` per second over all pods; `None` = no pod reported. Without any report in the stable
    /// window `current` stays.
    pub fn tick(&mut self, second: i64, load: Option<f64>, ready: u32, current: u32) -> u32 {
        if !self.started {
            self.started = true;
            // A new autoscaler has lost its history: above one pod it begins in panic, so that it does not shrink blindly.
            self.panic_pods = ready;
            self.panic_since = (ready > 1).then_some(second);
        }
        if let Some(load) = load {
            self.stable.record(second, load);
            self.newest.record(second, load);
        }
        if self.stable.is_empty(second) {
            return current;
        }
        let ready = f64::from(ready.max(1));
        let stable = (self.stable.average(second) / self.per_replica).ceil();
        let panic = (self.newest.average(second) / self.per_replica).ceil();
        if panic / ready >= PANIC {
            self.panic_since = Some(second);
        } else if self.panic_since.is_some_and(|since| since + self.stable_seconds < second) {
            (self.panic_since, self.panic_pods) = (None, 0);
        }
        let (stable, panic) = (clamp(stable, ready), clamp(panic, ready));
        if self.panic_since.is_some() {
            self.panic_pods = self.panic_pods.max(stable).max(panic);
            return self.panic_pods.max(1);
        }
        stable.max(1)
    }
}

fn clamp(wanted: f64, ready: f64) -> u32 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a sane count")]
    let pods = wanted.clamp((ready / MOST_DOWN).floor(), (ready * MOST_UP).ceil()).min(1e6) as u32;
    pods
}

/// A window of buckets of one tick each; a gap inside counts as zeros, a gap at the end shortens the window.
#[derive(Debug, Clone)]
struct Buckets {
    count: i64,
    first: i64,
    last: i64,
    /// The window's loads, the newest last.
    loads: VecDeque<f64>,
}

impl Buckets {
    fn new(window_seconds: i64) -> Self {
        Self { count: (window_seconds / TICK).max(1), first: 0, last: i64::MIN / 2, loads: VecDeque::new() }
    }

    fn record(&mut self, second: i64, load: f64) {
        let now = second.div_euclid(TICK);
        let gap = now - self.last;
        if gap >= self.count {
            self.first = now;
            self.loads.clear();
        } else {
            (1..gap).for_each(|_| self.loads.push_back(0.0));
        }
        self.last = now;
        self.loads.push_back(load);
        while i64::try_from(self.loads.len()).unwrap_or(0) > self.count {
            self.loads.pop_front();
        }
    }

    fn is_empty(&self, second: i64) -> bool {
        second.div_euclid(TICK) - self.last > self.count
    }

    fn average(&self, second: i64) -> f64 {
        let gap = second.div_euclid(TICK) - self.last;
        if gap >= self.count {
            return 0.0;
        }
        let kept = usize::try_from(self.count - gap).unwrap_or(0);
        let sum: f64 = self.loads.iter().rev().take(kept).sum();
        let count = (self.last - self.first + 1).min(self.count - gap);
        (sum / count as f64 * 1e6).round() / 1e6
    }
}

impl Policy for Knative {
    fn name(&self) -> &'static str {
        "knative"
    }

    fn setting(&self) -> String {
        format!("target {:.2}, stable window {} s", self.target, self.stable_seconds)
    }

    fn decide(&mut self, sight: &Sight<'_>) -> u32 {
        self.tick(sight.now.as_second(), sight.scrape.map(|s| s.load), sight.ready, sight.current)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panics_at_twice_the_ready_pods_and_does_not_shrink_while_it_lasts() {
        let mut knative = Knative::new(0.5, 10.0, 60);
        let mut at = |second: i64, load: f64, ready: u32| knative.tick(second, Some(load), ready, ready);
        assert_eq!(at(0, 5.0, 1), 1);
        assert_eq!(at(15, 60.0, 4), 12, "panic");
        assert_eq!(at(30, 10.0, 12), 12, "holds");
        assert_eq!(at(90, 10.0, 12), 6, "over, and at most halved");
    }
}
