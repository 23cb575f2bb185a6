//! What a decision needs of the decisions before it: wishes for the windows, changes for the step limits.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Decision, Policy, Recommendation, ReplicaChange, StepLimit};

/// Fewest minutes of wishes that are kept, whatever the policy's windows.
const KEEP: SignedDuration = SignedDuration::from_mins(15);
/// Most entries that are kept of each, so that memory is bounded whatever the tick.
const MOST: usize = 2_000;

/// Recent wishes and changes of one service; feeds [`crate::PlanInput::history`] and [`crate::PlanInput::changes`].
///
/// Runs the same in the operator and in the backtest. May be lost: an empty memory holds counts until its windows are
/// covered again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// Wishes, oldest first.
    pub history: Vec<Recommendation>,
    /// Changes that we wrote, oldest first.
    pub changes: Vec<ReplicaChange>,
}

impl Memory {
    /// Remembers a decision; `written` says whether its count reached the target. Forgets what no window reaches, and what
    /// lies in the future after the clock was set back.
    pub fn remember(&mut self, decision: &Decision, written: bool, policy: &Policy) {
        let now = decision.at;
        self.history.retain(|r| r.at <= now);
        self.history.push(Recommendation { at: now, replicas: decision.recommendation });
        let (warm, wanted) = decision.reserve.map_or((0, 0), |r| (r.warm, r.replicas));
        let (from, to) = (decision.current.saturating_add(warm), decision.desired.saturating_add(wanted));
        if written && from != to {
            self.changes.push(ReplicaChange { at: now, from, to });
        }
        let window = windows(policy);
        let outside = self.history.iter().take_while(|r| now.duration_since(r.at) >= window).count();
        let surplus = self.history.len().saturating_sub(MOST);
        self.history.drain(..outside.saturating_sub(1).max(surplus));
        let period = periods(policy);
        self.changes.retain(|c| c.at <= now && now.duration_since(c.at) <= period);
        let surplus = self.changes.len().saturating_sub(MOST);
        self.changes.drain(..surplus);
    }

    /// Time of the oldest wish; `None` if there is none.
    pub fn since(&self) -> Option<Timestamp> {
        self.history.first().map(|r| r.at)
    }
}

/// Longest stabilization window.
fn windows(policy: &Policy) -> SignedDuration {
    [policy.up.stabilization, policy.down.stabilization].into_iter().flatten().fold(KEEP, SignedDuration::max)
}

/// Longest period of a step limit.
fn periods(policy: &Policy) -> SignedDuration {
    policy
        .up
        .limits
        .iter()
        .chain(&policy.down.limits)
        .map(|l| match l {
            StepLimit::Pods { period, .. } | StepLimit::Percent { period, .. } => *period,
        })
        .fold(KEEP, SignedDuration::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Behavior, Mode, Outcome, Reason, Select, Trust};
    use presale_models::LEVELS;

    fn policy() -> Policy {
        let free = Behavior { stabilization: None, limits: vec![], select: Select::Max };
        Policy {
            min: 1,
            max: 9,
            fixed: None,
            mode: Mode::Auto,
            level: LEVELS[5],
            trust: Trust::Earned,
            up: free.clone(),
            down: free,
            paused_out: false,
            paused_in: false,
            hand_hold: SignedDuration::ZERO,
        }
    }

    fn decision(second: i64, current: u32, desired: u32) -> Decision {
        Decision {
            at: Timestamp::from_second(second).unwrap(),
            outcome: Outcome::NoScale,
            reason: Reason::Reactive,
            message: String::new(),
            current,
            desired,
            reserve: None,
            recommendation: desired,
            forecast_floor: None,
            reactive_floor: None,
            promotion_floor: None,
            write: desired != current,
            clamps: vec![],
            inputs: vec![],
            next: None,
            next_check: SignedDuration::ZERO,
        }
    }

    #[test]
    fn keeps_one_wish_beyond_the_longest_window() {
        let mut memory = Memory::default();
        for minute in 0..60 {
            memory.remember(&decision(minute * 60, 2, 2), true, &policy());
        }
        assert_eq!(memory.since(), Some(Timestamp::from_second(44 * 60).unwrap()));
        assert_eq!(memory.history.len(), 16);
        assert!(memory.changes.is_empty());
    }

    #[test]
    fn a_change_that_was_not_written_is_not_remembered_as_one() {
        let mut memory = Memory::default();
        memory.remember(&decision(0, 2, 5), false, &policy());
        assert!(memory.changes.is_empty());
        memory.remember(&decision(15, 2, 5), true, &policy());
        assert_eq!(memory.changes.len(), 1);
    }

    #[test]
    fn forgets_the_future_when_the_clock_is_set_back() {
        let mut memory = Memory::default();
        memory.remember(&decision(9_000, 2, 5), true, &policy());
        memory.remember(&decision(60, 5, 5), true, &policy());
        assert_eq!((memory.history.len(), memory.changes.len()), (1, 0));
    }
}
