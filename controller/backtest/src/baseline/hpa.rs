//! Kubernetes' `HorizontalPodAutoscaler` v2 on one external metric with `AverageValue`, with and without `behavior`.
//!
//! **Source**: `pkg/controller/podautoscaler` (`replica_calculator.go`, `horizontal.go`) of Kubernetes 1.3x.

use std::collections::VecDeque;

use crate::policy::{Policy, Sight, replicas};

/// Relative distance from the target that changes nothing.
const TOLERANCE: f64 = 0.1;
/// Seconds whose highest wish holds going down.
const DOWN_WINDOW: i64 = 300;
/// Seconds of the default step limits.
const PERIOD: i64 = 15;

/// Knobs of an HPA.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HpaSpec {
    /// Load per replica to steer to, as a share of what one replica serves.
    pub target: f64,
    /// What one replica serves.
    pub capacity: f64,
    /// Fewest replicas.
    pub min: u32,
    /// Most replicas.
    pub max: u32,
    /// `behavior.scaleDown.stabilizationWindowSeconds` if the field is there.
    pub behavior_down: Option<i64>,
}

/// The autoscaler with what it keeps in memory.
#[derive(Debug, Clone)]
pub struct Hpa {
    spec: HpaSpec,
    wishes: VecDeque<(i64, u32)>,
    changes: VecDeque<(i64, i64)>,
}

impl Hpa {
    /// A controller that has just started.
    pub fn new(spec: HpaSpec) -> Self {
        Self { spec, wishes: VecDeque::new(), changes: VecDeque::new() }
    }

    /// One sync with the metric's sum `load`; `None` is an invalid metric and changes nothing.
    pub fn sync(&mut self, second: i64, load: Option<f64>, current: u32) -> u32 {
        let spec = self.spec;
        if current > spec.max {
            return spec.max;
        }
        if current < spec.min {
            return spec.min;
        }
        let Some(load) = load else { return current };
        let per_replica = spec.target * spec.capacity;
        let usage = load / (per_replica * f64::from(current.max(1)));
        let raw =
            if (1.0 - TOLERANCE..=1.0 + TOLERANCE).contains(&usage) { current } else { replicas(load, per_replica) };
        if self.wishes.is_empty() {
            self.wishes.push_back((second, current));
        }
        let window = spec.behavior_down.unwrap_or(DOWN_WINDOW);
        let high = self.wishes.iter().filter(|(at, _)| second - at < window.max(1)).map(|w| w.1).fold(raw, u32::max);
        self.wishes.push_back((second, raw));
        while self.wishes.front().is_some_and(|(at, _)| second - at >= window.max(DOWN_WINDOW)) {
            self.wishes.pop_front();
        }
        let limited = if spec.behavior_down.is_some() {
            self.limit(second, current, current.max(raw).min(high))
        } else {
            high.min(current.saturating_mul(2).max(4))
        };
        let result = limited.clamp(spec.min, spec.max);
        if result != current {
            self.changes.push_back((second, i64::from(result) - i64::from(current)));
        }
        result
    }

    /// Default policies of `behavior`: up the larger of 4 pods and 100 % per 15 s, down 100 % per 15 s.
    fn limit(&mut self, second: i64, current: u32, wish: u32) -> u32 {
        while self.changes.front().is_some_and(|(at, _)| second - at >= PERIOD) {
            self.changes.pop_front();
        }
        let recent: i64 = self.changes.iter().map(|c| c.1).sum();
        let start = u32::try_from((i64::from(current) - recent).max(0)).unwrap_or(0);
        if wish > current { wish.min(start.saturating_add(4).max(start.saturating_mul(2)).max(current)) } else { wish }
    }
}

impl Policy for Hpa {
    fn name(&self) -> &'static str {
        if self.spec.behavior_down.is_some() { "hpa-behavior" } else { "hpa" }
    }

    fn setting(&self) -> String {
        match self.spec.behavior_down {
            Some(window) => format!("target {:.2}, down window {window} s", self.spec.target),
            None => format!("target {:.2}", self.spec.target),
        }
    }

    fn decide(&mut self, sight: &Sight<'_>) -> u32 {
        self.sync(sight.now.as_second(), sight.scrape.map(|s| s.load), sight.current)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hpa(behavior_down: Option<i64>) -> Hpa {
        Hpa::new(HpaSpec { target: 0.5, capacity: 10.0, min: 1, max: 100, behavior_down })
    }

    #[test]
    fn stays_within_a_tenth_of_the_target_and_follows_beyond() {
        assert_eq!(hpa(None).sync(0, Some(21.9), 4), 4);
        assert_eq!(hpa(None).sync(0, Some(22.1), 4), 5);
        assert_eq!(hpa(None).sync(0, None, 4), 4);
    }

    #[test]
    fn goes_up_at_most_twofold_per_sync_and_down_only_after_five_minutes() {
        let mut hpa = hpa(None);
        assert_eq!(hpa.sync(0, Some(500.0), 10), 20);
        let mut current = 20;
        for second in (15..300).step_by(15) {
            current = hpa.sync(second, Some(20.0), current);
            assert!(current >= 20, "at {second}");
        }
        assert_eq!(hpa.sync(315, Some(20.0), current), 4);
    }

    #[test]
    fn the_behavior_field_allows_four_pods_from_one() {
        assert_eq!(hpa(Some(300)).sync(0, Some(500.0), 1), 5);
        assert_eq!(hpa(None).sync(0, Some(500.0), 1), 4);
    }
}
