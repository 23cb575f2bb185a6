//! Kubernetes' `HorizontalPodAutoscaler` v2 on one external metric with `AverageValue`, with and without `behavior`.
//!
//! **Source**: `pkg/controller/podautoscaler` (`replica_calculator.go`, `horizontal.go`) of Kubernetes 1.36; the suite
//! `tests/differential` replays generated histories through that controller and through this file and compares every count.

use std::collections::VecDeque;

use jiff::SignedDuration;
use presale_planner::{Behavior, Select, StepLimit};

use crate::policy::{Policy, Sight, replicas};

/// Relative distance from the target that changes nothing.
const TOLERANCE: f64 = 0.1;
/// Seconds whose highest wish holds going down, unless `behavior` says otherwise.
const DOWN_WINDOW: i64 = 300;

/// Knobs of an HPA.
#[derive(Debug, Clone, PartialEq)]
pub struct HpaSpec {
    /// Load per replica to steer to, as a share of what one replica serves.
    pub target: f64,
    /// What one replica serves.
    pub capacity: f64,
    /// Fewest replicas, ≥ 1: without the gate `HPAScaleToZero` an autoscaler never goes to none.
    pub min: u32,
    /// Most replicas.
    pub max: u32,
    /// The field `behavior`, if it is there.
    pub behavior: Option<HpaBehavior>,
}

/// The field `behavior` with both directions filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HpaBehavior {
    /// Rules for going up; no window is a window of 0 s.
    pub up: Behavior,
    /// Rules for going down; no window is the controller's 300 s.
    pub down: Behavior,
}

impl Default for HpaBehavior {
    /// What the API server fills in: up the larger of 4 pods and 100 % per 15 s, down 100 % per 15 s.
    fn default() -> Self {
        let period = SignedDuration::from_secs(15);
        let all = StepLimit::Percent { value: 100, period };
        let rules = |limits| Behavior { stabilization: None, limits, select: Select::Max };
        Self { up: rules(vec![StepLimit::Pods { value: 4, period }, all]), down: rules(vec![all]) }
    }
}

/// The autoscaler with what it keeps in memory.
#[derive(Debug, Clone)]
pub struct Hpa {
    spec: HpaSpec,
    wishes: VecDeque<(i64, i64)>,
    changes: Changes,
}

/// When and by how much the count was raised and lowered, under `behavior`.
#[derive(Debug, Clone, Default)]
struct Changes {
    raised: Vec<(i64, i64)>,
    lowered: Vec<(i64, i64)>,
}

impl Changes {
    /// Stores a change. As in the controller it takes the place of the newest one that is older than all periods of *its own*
    /// direction, although the other direction's may still reach that far back.
    fn store(&mut self, second: i64, by: i64, behavior: &HpaBehavior) {
        let (list, rules) = if by > 0 { (&mut self.raised, &behavior.up) } else { (&mut self.lowered, &behavior.down) };
        let longest = rules.limits.iter().map(|l| period(*l)).max().unwrap_or(0);
        match list.iter().rposition(|c| second - c.0 > longest) {
            Some(old) => list[old] = (second, by),
            None => list.push((second, by)),
        }
    }

    /// Net change within the last `period` seconds.
    fn within(&self, second: i64, period: i64) -> i64 {
        self.raised.iter().chain(&self.lowered).filter(|c| second - c.0 < period).map(|c| c.1).sum()
    }
}

impl Hpa {
    /// A controller that has just started.
    pub fn new(spec: HpaSpec) -> Self {
        Self { spec, wishes: VecDeque::new(), changes: Changes::default() }
    }

    /// One sync at `second` with the metric's sum `load`; `None` is a metric that cannot be read and changes nothing. A
    /// `current` of 0 was set by hand and disables the autoscaler.
    pub fn sync(&mut self, second: i64, load: Option<f64>, current: u32) -> u32 {
        // The first record is the size that the controller finds, whatever comes of this sync.
        if self.wishes.is_empty() {
            self.wishes.push_back((second, i64::from(current)));
        }
        let (min, max) = (self.spec.min, self.spec.max);
        let result = if current == 0 {
            0
        } else if current > max {
            max
        } else if current < min {
            min
        } else if let Some(load) = load {
            self.normalize(second, i64::from(current), self.wish(load, current))
        } else {
            current
        };
        if let Some(behavior) = self.spec.behavior.as_ref().filter(|_| result != current) {
            self.changes.store(second, i64::from(result) - i64::from(current), behavior);
        }
        result
    }

    fn wish(&self, load: f64, current: u32) -> i64 {
        let per_replica = self.spec.target * self.spec.capacity;
        let usage = load / (per_replica * f64::from(current));
        let within = (1.0 - TOLERANCE..=1.0 + TOLERANCE).contains(&usage);
        i64::from(if within { current } else { replicas(load, per_replica) })
    }

    /// Stabilization windows and step limits between the wish and the bounds.
    fn normalize(&mut self, second: i64, current: i64, wish: i64) -> u32 {
        let (min, max) = (i64::from(self.spec.min), i64::from(self.spec.max));
        let result = if let Some(HpaBehavior { up, down }) = &self.spec.behavior {
            let (low, high) = (window(up, 0), window(down, DOWN_WINDOW));
            let recent = |window: i64| self.wishes.iter().filter(move |w| second - w.0 < window).map(|w| w.1);
            let (low, high) = (recent(low).fold(wish, i64::min), recent(high).fold(wish, i64::max));
            // In this order, as the controller has it: raised to the low first, then lowered to the high.
            let steady = current.max(low).min(high);
            let limit = |rules: &Behavior, sign: i64| limit(rules, sign, current, second, &self.changes);
            match steady.cmp(&current) {
                std::cmp::Ordering::Greater => steady.min(max.min(limit(up, 1).max(current))),
                std::cmp::Ordering::Less => steady.max(min.max(limit(down, -1).min(current))),
                std::cmp::Ordering::Equal => steady,
            }
        } else {
            let recent = self.wishes.iter().filter(|w| second - w.0 <= DOWN_WINDOW).map(|w| w.1);
            recent.fold(wish, i64::max).min(max.min((2 * current).max(4))).max(min)
        };
        self.wishes.push_back((second, wish));
        let reach =
            self.spec.behavior.as_ref().map_or(DOWN_WINDOW, |b| window(&b.up, 0).max(window(&b.down, DOWN_WINDOW)));
        while self.wishes.len() > 1 && self.wishes.front().is_some_and(|w| second - w.0 > reach) {
            self.wishes.pop_front();
        }
        u32::try_from(result).unwrap_or(0)
    }
}

fn window(rules: &Behavior, otherwise: i64) -> i64 {
    rules.stabilization.map_or(otherwise, |w| w.as_secs())
}

fn period(limit: StepLimit) -> i64 {
    let (StepLimit::Pods { period, .. } | StepLimit::Percent { period, .. }) = limit;
    period.as_secs()
}

/// How far the rules let the count go in direction `sign`; it may lie on the wrong side of `current`.
fn limit(rules: &Behavior, sign: i64, current: i64, second: i64, changes: &Changes) -> i64 {
    let reach = |limit: &StepLimit| {
        let start = current - changes.within(second, period(*limit));
        match *limit {
            StepLimit::Pods { value, .. } => start + sign * i64::from(value),
            StepLimit::Percent { value, .. } => {
                let share = start as f64 * (1.0 + sign as f64 * f64::from(value) / 100.0);
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "a count of pods; going down, Go truncates as well"
                )]
                let reach = if sign > 0 { share.ceil() } else { share } as i64;
                reach
            }
        }
    };
    let reaches = rules.limits.iter().map(reach);
    match (rules.select, sign > 0) {
        (Select::Disabled, _) => Some(current),
        (Select::Max, true) | (Select::Min, false) => reaches.max(),
        (Select::Max, false) | (Select::Min, true) => reaches.min(),
    }
    .unwrap_or(current)
}

impl Policy for Hpa {
    fn name(&self) -> &'static str {
        if self.spec.behavior.is_some() { "hpa-behavior" } else { "hpa" }
    }

    fn setting(&self) -> String {
        match &self.spec.behavior {
            Some(HpaBehavior { down, .. }) => {
                format!("target {:.2}, down window {} s", self.spec.target, window(down, DOWN_WINDOW))
            }
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

    fn hpa(behavior: Option<HpaBehavior>) -> Hpa {
        Hpa::new(HpaSpec { target: 0.5, capacity: 10.0, min: 1, max: 100, behavior })
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
        for second in (15..=300).step_by(15) {
            current = hpa.sync(second, Some(20.0), current);
            assert!(current >= 20, "at {second}");
        }
        assert_eq!(hpa.sync(315, Some(20.0), current), 4);
    }

    #[test]
    fn the_behavior_field_allows_four_pods_from_one() {
        assert_eq!(hpa(Some(HpaBehavior::default())).sync(0, Some(500.0), 1), 5);
        assert_eq!(hpa(None).sync(0, Some(500.0), 1), 4);
    }
}
