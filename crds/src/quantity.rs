//! Numbers in the text form that Kubernetes uses for them, so that no float ever crosses the API.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A Kubernetes quantity: `"0.02"`, `"500m"`, `"2"`, `"1k"`; the API server has checked its shape and range.
///
/// **Source**: the serialization format of `k8s.io/apimachinery/pkg/api/resource.Quantity`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Quantity(
    /// The text as written.
    pub String,
);

/// Text that is no quantity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not a quantity: write a decimal number with an optional suffix, such as \"0.5\", \"500m\" or \"2k\""
)]
pub struct InvalidQuantity {
    /// The refused text.
    pub text: String,
}

/// Suffixes and what they multiply by; longer ones first, since `i` ends some of them.
const SUFFIXES: [(&str, f64); 15] = [
    ("Ki", 1024.0),
    ("Mi", 1_048_576.0),
    ("Gi", 1_073_741_824.0),
    ("Ti", 1_099_511_627_776.0),
    ("Pi", 1_125_899_906_842_624.0),
    ("Ei", 1_152_921_504_606_846_976.0),
    ("n", 1e-9),
    ("u", 1e-6),
    ("m", 1e-3),
    ("k", 1e3),
    ("M", 1e6),
    ("G", 1e9),
    ("T", 1e12),
    ("P", 1e15),
    ("E", 1e18),
];

impl Quantity {
    /// The number meant; always finite.
    ///
    /// # Errors
    /// [`InvalidQuantity`] where the text is no quantity. The API server refuses such objects, so this happens only
    /// with text that never passed it.
    pub fn parse(&self) -> Result<f64, InvalidQuantity> {
        let text = self.0.as_str();
        let (number, factor) = SUFFIXES
            .iter()
            .find_map(|(suffix, factor)| text.strip_suffix(suffix).map(|number| (number, *factor)))
            .unwrap_or((text, 1.0));
        let plain = number.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | '+' | '-' | 'e' | 'E'));
        let value = number.parse::<f64>().ok().filter(|_| plain).map(|n| n * factor).filter(|n| n.is_finite());
        value.ok_or_else(|| InvalidQuantity { text: text.to_owned() })
    }

    /// Writes a number with at most four significant digits, which keeps status quiet while figures wobble.
    ///
    /// Returns `None` for NaN and infinities: missing is not zero.
    pub fn rounded(value: f64) -> Option<Self> {
        if !value.is_finite() {
            return None;
        }
        if value == 0.0 {
            return Some(Self("0".to_owned()));
        }
        let (mantissa, exponent) = split_scientific(value)?;
        let decimals = usize::try_from(3 - exponent).unwrap_or(0).min(9);
        let rounded = mantissa * 10_f64.powi(exponent);
        let text = format!("{rounded:.decimals$}");
        let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
        Some(Self(text.to_owned()))
    }
}

/// Mantissa with three decimals and decimal exponent, as `{:.3e}` prints them.
fn split_scientific(value: f64) -> Option<(f64, i32)> {
    let text = format!("{value:.3e}");
    let (mantissa, exponent) = text.split_once('e')?;
    Some((mantissa.parse().ok()?, exponent.parse().ok()?))
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl JsonSchema for Quantity {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Quantity".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "maxLength": 32 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<f64> {
        Quantity(text.to_owned()).parse().ok()
    }

    #[test]
    fn reads_the_forms_of_kubernetes() {
        for (text, value) in [
            ("2", 2.0),
            ("0.02", 0.02),
            ("500m", 0.5),
            ("1k", 1e3),
            ("1Ki", 1024.0),
            ("1e3", 1e3),
            (".5", 0.5),
            ("2E", 2e18),
        ] {
            let read = parse(text).unwrap_or_else(|| panic!("{text:?} was refused"));
            assert!((read - value).abs() <= value * 1e-12, "{text}: {read}");
        }
    }

    #[test]
    fn refuses_what_is_no_number() {
        for text in ["", "x", "inf", "NaN", "1 ", "1,5", "0x10", "m", "1e999"] {
            assert_eq!(parse(text), None, "{text:?} was read as a quantity");
        }
    }

    #[test]
    fn writes_four_digits_and_nothing_for_what_is_missing() {
        for (value, text) in [
            (812.449, "812.4"),
            (0.023_456, "0.02346"),
            (123_456.0, "123500"),
            (2.0, "2"),
            (0.0, "0"),
            (-1.25, "-1.25"),
        ] {
            assert_eq!(Quantity::rounded(value), Some(Quantity(text.to_owned())));
        }
        assert_eq!(Quantity::rounded(f64::NAN), None);
        assert_eq!(Quantity::rounded(f64::INFINITY), None);
    }
}
