//! How long a service's own step limits take to climb to a planned count.

use jiff::SignedDuration;

use crate::{Behavior, Select, StepLimit, facts::count};

/// Most batches that are counted.
const MOST_BATCHES: u32 = 1_000;

/// Time from the first order to the last: zero where one batch does; `None` where the rules never allow it.
pub(super) fn climb(up: &Behavior, from: u32, to: u32) -> Option<SignedDuration> {
    if to <= from || (up.select != Select::Disabled && up.limits.is_empty()) {
        return Some(SignedDuration::ZERO);
    }
    if up.select == Select::Disabled {
        return None;
    }
    let steps = up.limits.iter().map(|limit| climb_by(*limit, from, to));
    // The rule that allows most change is the fastest climb, the one that allows least the slowest.
    if up.select == Select::Max { steps.flatten().min() } else { steps.collect::<Option<Vec<_>>>()?.into_iter().max() }
}

fn climb_by(limit: StepLimit, from: u32, to: u32) -> Option<SignedDuration> {
    let (StepLimit::Pods { period, .. } | StepLimit::Percent { period, .. }) = limit;
    let mut reached = from;
    for batch in 0..MOST_BATCHES {
        let next = match limit {
            StepLimit::Pods { value, .. } => reached.saturating_add(value),
            StepLimit::Percent { value, .. } => count((f64::from(reached) * (1.0 + f64::from(value) / 100.0)).ceil()),
        };
        if next >= to {
            return Some(period.saturating_mul(i32::try_from(batch).unwrap_or(i32::MAX)));
        }
        if next <= reached {
            return None;
        }
        reached = next;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(limits: Vec<StepLimit>, select: Select) -> Behavior {
        Behavior { stabilization: None, limits, select }
    }

    #[test]
    fn batches_cost_a_period_each_but_the_first() {
        let period = SignedDuration::from_secs(60);
        let pods = StepLimit::Pods { value: 4, period };
        let doubling = StepLimit::Percent { value: 100, period };
        assert_eq!(climb(&rules(vec![], Select::Max), 2, 20), Some(SignedDuration::ZERO));
        assert_eq!(climb(&rules(vec![pods], Select::Max), 2, 20), Some(SignedDuration::from_secs(240)));
        assert_eq!(climb(&rules(vec![pods, doubling], Select::Max), 2, 20), Some(SignedDuration::from_secs(180)));
        assert_eq!(climb(&rules(vec![pods, doubling], Select::Min), 2, 20), Some(SignedDuration::from_secs(240)));
        assert_eq!(climb(&rules(vec![pods], Select::Disabled), 2, 20), None);
        assert_eq!(climb(&rules(vec![StepLimit::Pods { value: 0, period }], Select::Max), 2, 20), None);
    }
}
