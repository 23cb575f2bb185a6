//! A clock for tests: it stands still until the test moves it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;

/// A time that tests set and move; clones show the same time.
///
/// # Example
/// ```
/// # fn main() -> anyhow::Result<()> {
/// let clock = test_kit::Clock::at("2026-11-27T08:00:00Z".parse()?);
/// let reads = clock.reader(); // what a program under test is given
/// clock.advance(std::time::Duration::from_secs(90));
/// assert_eq!(reads().to_string(), "2026-11-27T08:01:30Z");
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Clock {
    microseconds: Arc<AtomicI64>,
}

impl Clock {
    /// A clock that shows `start`. **Unit**: whole microseconds; what is finer is cut.
    pub fn at(start: Timestamp) -> Self {
        Self { microseconds: Arc::new(AtomicI64::new(start.as_microsecond())) }
    }

    /// A clock that shows the moment of this call, for parts that live by the machine's own clock (Prometheus).
    #[expect(clippy::disallowed_methods, reason = "the one place where tests read the machine's clock")]
    pub fn of_machine() -> Self {
        Self::at(Timestamp::now())
    }

    /// The time it shows.
    pub fn now(&self) -> Timestamp {
        // Only values that came from a Timestamp, or were held to its range, are stored.
        Timestamp::from_microsecond(self.microseconds.load(Ordering::SeqCst)).unwrap_or(Timestamp::MAX)
    }

    /// Moves it forward.
    pub fn advance(&self, by: Duration) {
        self.set(self.now().saturating_add(by).unwrap_or(Timestamp::MAX));
    }

    /// Sets it, backward too: machines' clocks do step.
    pub fn set(&self, to: Timestamp) {
        self.microseconds.store(to.as_microsecond(), Ordering::SeqCst);
    }

    /// A function that reads this clock.
    pub fn reader(&self) -> impl Fn() -> Timestamp + Send + Sync + Clone + 'static {
        let clock = self.clone();
        move || clock.now()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_show_the_same_time_also_after_a_step_back() {
        let clock = Clock::at(Timestamp::UNIX_EPOCH);
        let other = clock.clone();
        clock.advance(Duration::from_mins(1));
        assert_eq!(other.now().as_second(), 60);
        other.set(Timestamp::UNIX_EPOCH);
        assert_eq!(clock.now(), Timestamp::UNIX_EPOCH);
    }

    #[test]
    fn the_end_of_time_is_not_passed() {
        let clock = Clock::at(Timestamp::MAX);
        clock.advance(Duration::from_secs(1));
        assert_eq!(clock.now().as_second(), Timestamp::MAX.as_second());
    }
}
