//! Random moments from a seed that is printed.

use std::time::Duration;

use crate::cast::Part;

/// `SplitMix64`: the same seed throws the same.
pub(crate) struct Dice(u64);

/// One kill of a round.
pub(crate) struct Kill {
    /// Since the round began.
    pub(crate) at: Duration,
    pub(crate) part: Part,
    /// How long it stays down.
    pub(crate) down: Duration,
}

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn between(&mut self, from: Duration, to: Duration) -> Duration {
        let width = u64::try_from(to.saturating_sub(from).as_millis()).unwrap_or(u64::MAX);
        from + Duration::from_millis(self.throw() % width.max(1))
    }

    /// So many kills within `[from, to)` in the order of time, of different parts.
    pub(crate) fn kills(&mut self, count: u64, from: Duration, to: Duration) -> Vec<Kill> {
        let mut parts = vec![Part::Operator, Part::ApiServer, Part::Prometheus];
        let mut moments: Vec<Duration> = (0..count).map(|_| self.between(from, to)).collect();
        moments.sort();
        let kill = |at| {
            let chosen = self.throw() % parts.len() as u64;
            let part = parts.swap_remove(usize::try_from(chosen).unwrap_or(0));
            Kill { at, part, down: self.between(Duration::from_millis(200), Duration::from_secs(4)) }
        };
        moments.into_iter().map(kill).collect()
    }
}
