//! Durations as people write them in a manifest: `90s`, `10m`, `2h30m`, `28d`.

use std::fmt;

use jiff::SignedDuration;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A duration in text form; the API server has checked its shape and range.
///
/// **Shape**: whole numbers with the units `d` (24 h), `h`, `m`, `s`, `ms`, each at most once and in that order.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DurationText(
    /// The text as written.
    pub String,
);

/// Text that is no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not a duration: write whole numbers with units d, h, m, s, ms in that order, such as \"90s\" or \"2h30m\""
)]
pub struct InvalidDuration {
    /// The refused text.
    pub text: String,
}

/// Units in the order in which they must appear, with their length in milliseconds.
const UNITS: [(&str, i64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

impl DurationText {
    /// The duration meant.
    ///
    /// # Errors
    /// [`InvalidDuration`] where the text does not have the documented shape. The API server refuses such objects, so
    /// this happens only with text that never passed it.
    pub fn parse(&self) -> Result<SignedDuration, InvalidDuration> {
        let invalid = || InvalidDuration { text: self.0.clone() };
        let (mut rest, mut total, mut next_unit) = (self.0.as_str(), 0_i64, 0);
        if rest.is_empty() {
            return Err(invalid());
        }
        while !rest.is_empty() {
            let digits =
                rest.find(|c: char| !c.is_ascii_digit()).filter(|n| (1..=6).contains(n)).ok_or_else(invalid)?;
            let (number, tail) = rest.split_at(digits);
            let unit_end = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
            let (unit, tail) = tail.split_at(unit_end);
            let at =
                UNITS.iter().position(|(name, _)| *name == unit).filter(|at| *at >= next_unit).ok_or_else(invalid)?;
            let number: i64 = number.parse().map_err(|_| invalid())?;
            total += number * UNITS[at].1;
            next_unit = at + 1;
            rest = tail;
        }
        Ok(SignedDuration::from_millis(total))
    }
}

impl From<SignedDuration> for DurationText {
    /// Writes to the millisecond, largest units first, hours as the largest; negative durations as `0s`.
    fn from(duration: SignedDuration) -> Self {
        let mut rest = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX).max(0);
        let mut text = String::new();
        for (unit, millis) in &UNITS[1..] {
            let count = rest / millis;
            rest %= millis;
            if count > 0 {
                text.push_str(&count.to_string());
                text.push_str(unit);
            }
        }
        Self(if text.is_empty() { "0s".to_owned() } else { text })
    }
}

impl fmt::Display for DurationText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl JsonSchema for DurationText {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "DurationText".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 2, "maxLength": 32 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<SignedDuration, InvalidDuration> {
        DurationText(text.to_owned()).parse()
    }

    #[test]
    fn reads_what_people_write() {
        for (text, seconds) in
            [("90s", 90), ("10m", 600), ("2h30m", 9_000), ("28d", 2_419_200), ("1d12h", 129_600), ("0s", 0)]
        {
            assert_eq!(parse(text), Ok(SignedDuration::from_secs(seconds)), "{text}");
        }
        assert_eq!(parse("250ms"), Ok(SignedDuration::from_millis(250)));
        assert_eq!(parse("1m250ms"), Ok(SignedDuration::from_millis(60_250)));
    }

    #[test]
    fn refuses_everything_else() {
        for text in ["", "10", "m", "-5m", "1.5h", "5 m", "1s1m", "1m1m", "1w", "1234567s", "10M", "١٠m"] {
            assert!(parse(text).is_err(), "{text:?} was read as a duration");
        }
    }

    #[test]
    fn writes_what_it_reads_back() {
        for millis in [0, 1, 999, 1_000, 61_000, 5_400_000, 86_400_000, 2_419_200_000] {
            let duration = SignedDuration::from_millis(millis);
            assert_eq!(DurationText::from(duration).parse(), Ok(duration));
        }
        assert_eq!(DurationText::from(SignedDuration::from_secs(9_000)).0, "2h30m");
    }
}
