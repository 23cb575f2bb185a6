//! The retry budget: one request in ten may be sent again, so that a failing service is not killed by its callers.
//!
//! **Source**: retry budgets as in Finagle and in "Handling Overload" (SRE book).

use std::sync::{Mutex, PoisonError};

/// What every first try adds.
const SHARE: f64 = 0.1;
/// What can be saved up at most, and what there is at the beginning.
const SAVED: f64 = 10.0;

/// Retries that may still be made.
#[derive(Debug)]
pub struct Budget(Mutex<f64>);

impl Default for Budget {
    fn default() -> Self {
        Self(Mutex::new(SAVED))
    }
}

impl Budget {
    /// A request is tried for the first time.
    pub fn deposit(&self) {
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *left = (*left + SHARE).min(SAVED);
    }

    /// Whether one may be tried again.
    pub fn withdraw(&self) -> bool {
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let enough = *left >= 1.0;
        if enough {
            *left -= 1.0;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_ten_is_tried_again_and_a_few_more_after_a_quiet_time() {
        let budget = Budget::default();
        let retried = (0..1_000)
            .filter(|_| {
                budget.deposit();
                budget.withdraw()
            })
            .count();
        assert!((100..=110).contains(&retried), "{retried}");
        (0..10_000).for_each(|_| budget.deposit());
        assert_eq!((0..100).filter(|_| budget.withdraw()).count(), 10);
    }
}
