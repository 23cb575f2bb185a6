//! As many replicas as the highest load ever needs, always.

use crate::policy::{Policy, Sight, replicas};

/// A fixed count.
#[derive(Debug, Clone, Copy)]
pub struct StaticMax(u32);

impl StaticMax {
    /// Enough for the highest of `loads`, which it knows in hindsight.
    pub fn new(loads: &[f64], capacity: f64) -> Self {
        Self(replicas(loads.iter().copied().fold(0.0, f64::max), capacity).max(1))
    }
}

impl Policy for StaticMax {
    fn name(&self) -> &'static str {
        "static-max"
    }
    fn setting(&self) -> String {
        format!("{} replicas", self.0)
    }
    fn decide(&mut self, _: &Sight<'_>) -> u32 {
        self.0
    }
}
