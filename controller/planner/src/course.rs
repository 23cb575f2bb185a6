//! The count on its way from wish to decision: every stage that changes it leaves its name.

use crate::{Clamp, Reason};

/// A count, what it is owed to, and the clamps that it went through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Course {
    /// The count now.
    pub(crate) count: u32,
    /// The term or clamp that the count is owed to.
    pub(crate) reason: Reason,
    /// Every clamp that changed it, in order.
    pub(crate) clamps: Vec<Clamp>,
}

impl Course {
    /// Starts at a wish.
    pub(crate) fn start(count: u32, reason: Reason) -> Self {
        Self { count, reason, clamps: Vec::new() }
    }

    /// Moves to `count` on behalf of `by`; nothing is recorded where nothing changes.
    pub(crate) fn to(&mut self, count: u32, by: Reason) {
        if count != self.count {
            self.clamps.push(Clamp { by, from: self.count, to: count });
            self.count = count;
            self.reason = by;
        }
    }

    /// Moves up to at least `floor`.
    pub(crate) fn at_least(&mut self, floor: u32, by: Reason) {
        self.to(self.count.max(floor), by);
    }

    /// Moves down to at most `ceiling`.
    pub(crate) fn at_most(&mut self, ceiling: u32, by: Reason) {
        self.to(self.count.min(ceiling), by);
    }
}
