//! Experts that repeat the last cycle.

use super::Ask;

/// As one day ago (one week on a daily grid).
pub(crate) fn short(ask: &Ask) -> f64 {
    ask.there.last_short
}

/// As one week ago (52 weeks on a daily grid).
pub(crate) fn long(ask: &Ask) -> f64 {
    ask.there.last_long
}
