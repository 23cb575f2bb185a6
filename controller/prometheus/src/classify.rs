//! Names the state of one reading from what came back for it: pure, total, missing is never zero.

use jiff::{SignedDuration, Timestamp};
use presale_models::Reading;

/// What one answer said about one value.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Raw {
    /// The value; `None` = no series.
    pub(crate) value: Option<f64>,
    /// Time of the newest sample behind it; `None` = no target is live any more, the value comes from the rate's window.
    pub(crate) at: Option<Timestamp>,
    /// Targets that answer; `None` = unknown.
    pub(crate) live: Option<f64>,
    /// Targets there should be; `None` = unknown, whatever answers is then taken for all.
    pub(crate) expected: Option<f64>,
}

/// The clock and limits of one evaluation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// When the server evaluated the query.
    pub(crate) evaluated: Timestamp,
    /// Window of the rates.
    pub(crate) window: SignedDuration,
    /// Age from which a sample is stale.
    pub(crate) stale_after: SignedDuration,
}

/// Names it: no number, then no live sample, then too few targets, then zero or fresh.
pub(crate) fn classify(raw: Raw, limits: Limits) -> Reading {
    let Some(value) = raw.value else { return Reading::Empty };
    if !value.is_finite() || value < 0.0 {
        return Reading::NotANumber;
    }
    // A rate without a live sample has its newest one somewhere in its window: the far end is the cautious guess.
    let oldest = limits.evaluated.saturating_sub(limits.window).unwrap_or(Timestamp::MIN);
    let at = raw.at.unwrap_or(oldest);
    if raw.at.is_none() || limits.evaluated.duration_since(at) > limits.stale_after {
        return Reading::Stale { value, at };
    }
    if let Some(expected) = raw.expected {
        let live = raw.live.unwrap_or(0.0);
        if live < expected {
            return Reading::Partial { value, at, share: (live / expected).clamp(0.0, 1.0) };
        }
    }
    if value > 0.0 { Reading::Fresh { value, at } } else { Reading::Zero { at } }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        let minute = SignedDuration::from_mins(1);
        Limits { evaluated: Timestamp::from_second(10_000).unwrap(), window: minute, stale_after: minute }
    }

    fn at(age: i64) -> Timestamp {
        Timestamp::from_second(10_000 - age).unwrap()
    }

    fn raw(value: f64, age: i64) -> Raw {
        Raw { value: Some(value), at: Some(at(age)), live: Some(2.0), expected: Some(2.0) }
    }

    #[test]
    fn every_state_has_its_own_name() {
        let cases = [
            (raw(3.0, 5), Reading::Fresh { value: 3.0, at: at(5) }),
            (raw(0.0, 5), Reading::Zero { at: at(5) }),
            (raw(3.0, 61), Reading::Stale { value: 3.0, at: at(61) }),
            (Raw { at: None, ..raw(3.0, 5) }, Reading::Stale { value: 3.0, at: at(60) }),
            (Raw { live: Some(1.0), ..raw(3.0, 5) }, Reading::Partial { value: 3.0, at: at(5), share: 0.5 }),
            (Raw { live: None, ..raw(0.0, 5) }, Reading::Partial { value: 0.0, at: at(5), share: 0.0 }),
            (Raw { live: None, expected: None, ..raw(3.0, 5) }, Reading::Fresh { value: 3.0, at: at(5) }),
            (Raw { live: Some(3.0), ..raw(3.0, 5) }, Reading::Fresh { value: 3.0, at: at(5) }),
            (Raw { expected: Some(0.0), live: None, ..raw(3.0, 5) }, Reading::Fresh { value: 3.0, at: at(5) }),
            (Raw { value: None, ..raw(3.0, 5) }, Reading::Empty),
            (raw(f64::NAN, 5), Reading::NotANumber),
            (raw(f64::INFINITY, 5), Reading::NotANumber),
            (raw(-1.0, 5), Reading::NotANumber),
        ];
        for (raw, expected) in cases {
            assert_eq!(classify(raw, limits()), expected, "{raw:?}");
        }
    }
}
