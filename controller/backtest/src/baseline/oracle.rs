//! Perfect foresight with the same lead time: the fewest replicas that serve everything, never dropping one that would have
//! to be started again before it could be ready.

use crate::plant::{Plant, TICK};
use crate::policy::{Policy, Sight, replicas};

/// The yardstick that every policy's replica-hours are divided by.
#[derive(Debug, Clone)]
pub struct Oracle {
    needs: Vec<u32>,
}

impl Oracle {
    /// Knows all `loads` by tick. It orders a pod so early that the slowest start-up and its warm-up are over in time.
    pub fn new(loads: &[f64], plant: &Plant) -> Self {
        let slowest = plant.lead_seconds * (0.7 * plant.lead_spread).exp() + plant.warm_up_seconds;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few dozen ticks")]
        let ahead = (slowest / TICK as f64).ceil() as usize;
        let needs: Vec<u32> = loads.iter().map(|l| replicas(*l, plant.replica_capacity).max(1)).collect();
        Self { needs: highest_ahead(&needs, ahead) }
    }
}

/// Maximum over each step and the `ahead` steps after it.
pub(crate) fn highest_ahead(values: &[u32], ahead: usize) -> Vec<u32> {
    let mut window: std::collections::VecDeque<usize> = std::collections::VecDeque::new();
    let mut highest = vec![0; values.len()];
    for i in (0..values.len()).rev() {
        while window.back().is_some_and(|j| values[*j] <= values[i]) {
            window.pop_back();
        }
        window.push_back(i);
        while window.front().is_some_and(|j| *j > i + ahead) {
            window.pop_front();
        }
        highest[i] = window.front().map_or(0, |j| values[*j]);
    }
    highest
}

impl Policy for Oracle {
    fn name(&self) -> &'static str {
        "oracle"
    }
    fn setting(&self) -> String {
        "perfect foresight".into()
    }
    fn decide(&mut self, sight: &Sight<'_>) -> u32 {
        self.needs.get(sight.tick).or(self.needs.last()).copied().unwrap_or(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_ahead_as_far_as_a_start_up_and_no_farther() {
        assert_eq!(highest_ahead(&[1, 1, 5, 1, 1, 1], 1), [1, 5, 5, 1, 1, 1]);
        assert_eq!(highest_ahead(&[3, 1, 2], 5), [3, 2, 2]);
    }
}
