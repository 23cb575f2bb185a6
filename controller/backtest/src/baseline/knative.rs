//! Knative's pod autoscaler on requests per second: a stable and a panic window over 1-s buckets.
//!
//! **Source**: `knative/serving` `pkg/autoscaler/scaling/autoscaler.go`. Here a bucket is one tick of the simulation, so the
//! panic window (6 s) is the newest tick; the decision is otherwise the same.

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
    loads: VecDeque<f64>,
    panic_until: Option<i64>,
    panic_pods: u32,
}

impl Knative {
    /// `target` is the utilization (0.7 as shipped) of what one replica serves; `stable_seconds` is 60 as shipped.
    pub fn new(target: f64, capacity: f64, stable_seconds: i64) -> Self {
        Self {
            target,
            per_replica: target * capacity,
            stable_seconds,
            loads: VecDeque::new(),
            panic_until: None,
            panic_pods: 0,
        }
    }
}

fn clamp(wanted: f64, ready: f64) -> u32 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a sane count")]
    let pods = (wanted.ceil()).clamp((ready / MOST_DOWN).floor(), (ready * MOST_UP).ceil()).min(1e6) as u32;
    pods
}

impl Policy for Knative {
    fn name(&self) -> &'static str {
        "knative"
    }

    fn setting(&self) -> String {
        format!("target {:.2}, stable window {} s", self.target, self.stable_seconds)
    }

    fn decide(&mut self, sight: &Sight<'_>) -> u32 {
        let Some(scrape) = sight.scrape else { return sight.current };
        self.loads.push_back(scrape.load);
        let buckets = usize::try_from(self.stable_seconds / TICK).unwrap_or(1).max(1);
        while self.loads.len() > buckets {
            self.loads.pop_front();
        }
        let ready = f64::from(sight.ready.max(1));
        let stable = self.loads.iter().sum::<f64>() / self.loads.len() as f64 / self.per_replica;
        let panic = scrape.load / self.per_replica;
        let (stable, panic) = (clamp(stable, ready), clamp(panic, ready));
        let second = sight.now.as_second();
        if f64::from(panic) / ready >= PANIC {
            self.panic_until = Some(second + self.stable_seconds);
        } else if self.panic_until.is_some_and(|until| second >= until) {
            (self.panic_until, self.panic_pods) = (None, 0);
        }
        if self.panic_until.is_some() {
            self.panic_pods = self.panic_pods.max(stable).max(panic).max(sight.ready);
            return self.panic_pods.max(1);
        }
        stable.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Past, Scrape};

    #[test]
    fn panics_at_twice_the_ready_pods_and_does_not_shrink_while_it_lasts() {
        let past = Past { start: jiff::Timestamp::UNIX_EPOCH, step: 60, load: vec![] };
        let mut knative = Knative::new(0.5, 10.0, 60);
        let mut at = |second: i64, load: f64, ready: u32| {
            let now = jiff::Timestamp::from_second(second).unwrap();
            let scrape = Some(Scrape { at: now, load });
            knative.decide(&Sight { now, tick: 0, scrape, current: ready, ready, past: &past })
        };
        assert_eq!(at(0, 20.0, 4), 4);
        assert_eq!(at(15, 60.0, 4), 12, "panic");
        assert_eq!(at(30, 10.0, 12), 12, "holds");
        assert_eq!(at(90, 10.0, 12), 6, "over, and at most halved");
    }
}
