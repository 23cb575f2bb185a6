//! What a signal source answered just now, by name: only a fresh, complete reading may lower anything.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// One classified reading of a live signal.
///
/// **Unit**: the signal's. **Range**: carried values are finite and ≥ 0.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state")]
pub enum Reading {
    /// A live value above zero, from every expected target.
    Fresh {
        /// The value.
        value: f64,
        /// Time of the sample.
        at: Timestamp,
    },
    /// A live value that is exactly zero, from every expected target: really no demand.
    Zero {
        /// Time of the sample.
        at: Timestamp,
    },
    /// The newest value is older than the staleness limit.
    Stale {
        /// The old value.
        value: f64,
        /// Its time.
        at: Timestamp,
    },
    /// A live value, but some expected targets are not in it: a lower bound of the truth.
    Partial {
        /// What the present targets add up to.
        value: f64,
        /// Time of the sample.
        at: Timestamp,
        /// Share of expected targets present, 0..1.
        share: f64,
    },
    /// The query succeeded and returned no series: unknown, not zero.
    Empty,
    /// The query returned NaN or an infinity.
    NotANumber,
    /// The query failed: refused, timed out, too large, or malformed.
    Error,
}

impl Reading {
    /// The value if it is fresh and complete, so that it may also *lower* replicas.
    pub fn complete(&self) -> Option<f64> {
        match *self {
            Self::Fresh { value, .. } => Some(value),
            Self::Zero { .. } => Some(0.0),
            Self::Stale { .. } | Self::Partial { .. } | Self::Empty | Self::NotANumber | Self::Error => None,
        }
    }

    /// The value as a live lower bound of the load, so that it may *raise* replicas.
    pub fn at_least(&self) -> Option<f64> {
        match *self {
            Self::Fresh { value, .. } | Self::Partial { value, .. } => Some(value),
            Self::Zero { .. } => Some(0.0),
            Self::Stale { .. } | Self::Empty | Self::NotANumber | Self::Error => None,
        }
    }

    /// Age of the newest sample behind the reading; `None` where there is none.
    pub fn age(&self, now: Timestamp) -> Option<SignedDuration> {
        match *self {
            Self::Fresh { at, .. } | Self::Zero { at } | Self::Stale { at, .. } | Self::Partial { at, .. } => {
                Some(now.duration_since(at))
            }
            Self::Empty | Self::NotANumber | Self::Error => None,
        }
    }

    /// The state's name, for status, logs and metric labels.
    pub fn state(&self) -> &'static str {
        match self {
            Self::Fresh { .. } => "Fresh",
            Self::Zero { .. } => "Zero",
            Self::Stale { .. } => "Stale",
            Self::Partial { .. } => "Partial",
            Self::Empty => "Empty",
            Self::NotANumber => "NaN",
            Self::Error => "Error",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_fresh_and_zero_may_lower() {
        let at = Timestamp::UNIX_EPOCH;
        assert_eq!(Reading::Fresh { value: 3.0, at }.complete(), Some(3.0));
        assert_eq!(Reading::Zero { at }.complete(), Some(0.0));
        for unknown in [
            Reading::Stale { value: 3.0, at },
            Reading::Partial { value: 3.0, at, share: 0.5 },
            Reading::Empty,
            Reading::NotANumber,
            Reading::Error,
        ] {
            assert_eq!(unknown.complete(), None, "{unknown:?}");
        }
        assert_eq!(Reading::Partial { value: 3.0, at, share: 0.5 }.at_least(), Some(3.0));
    }
}
