//! Money: whole minor units of one currency, added and split without losing or inventing any.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::{PartialSchema, ToSchema};

/// A currency of ISO 4217 that the shop can sell in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency(&'static str);

/// Alphabetic code and how many decimal digits the minor unit has.
///
/// **Source**: ISO 4217, list one.
const CURRENCIES: &[(&str, u8)] = &[
    ("AUD", 2),
    ("BHD", 3),
    ("BRL", 2),
    ("CAD", 2),
    ("CHF", 2),
    ("CLP", 0),
    ("CNY", 2),
    ("CZK", 2),
    ("DKK", 2),
    ("EUR", 2),
    ("GBP", 2),
    ("HKD", 2),
    ("HUF", 2),
    ("INR", 2),
    ("ISK", 0),
    ("JOD", 3),
    ("JPY", 0),
    ("KRW", 0),
    ("KWD", 3),
    ("MXN", 2),
    ("NOK", 2),
    ("NZD", 2),
    ("OMR", 3),
    ("PLN", 2),
    ("SEK", 2),
    ("SGD", 2),
    ("TND", 3),
    ("USD", 2),
    ("VND", 0),
    ("ZAR", 2),
];

impl Currency {
    /// The euro, the currency of the demonstration.
    pub const EUR: Self = Self("EUR");

    /// The currency with this code, where the shop knows it.
    pub fn of(code: &str) -> Option<Self> {
        CURRENCIES.iter().find(|(known, _)| *known == code).map(|(known, _)| Self(known))
    }

    /// Three letters.
    pub const fn code(self) -> &'static str {
        self.0
    }

    /// Decimal digits of the minor unit: 2 for EUR, 0 for JPY, 3 for BHD.
    pub fn digits(self) -> u8 {
        CURRENCIES.iter().find(|(code, _)| *code == self.0).map_or(2, |(_, digits)| *digits)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = String::deserialize(deserializer)?;
        Self::of(&code)
            .ok_or_else(|| D::Error::custom(format!("{code:?} is no currency that the shop knows; EUR is one")))
    }
}

impl PartialSchema for Currency {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        String::schema()
    }
}

impl ToSchema for Currency {}

/// An amount of money; negative where it is owed the other way.
///
/// **Unit**: minor units, so 1999 EUR is 19.99 €. **Range**: all of `i64`; what does not fit is an error, never a wrap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Money {
    /// Minor units.
    pub amount: i64,
    /// Code of ISO 4217.
    pub currency: Currency,
}

/// A calculation with money that has no right result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoneyError {
    /// Two currencies in one sum.
    Mixed(Currency, Currency),
    /// The result does not fit.
    Overflow,
}

impl fmt::Display for MoneyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mixed(a, b) => write!(f, "{a} and {b} cannot be added; one order has one currency"),
            Self::Overflow => write!(f, "the amount is beyond {} minor units", i64::MAX),
        }
    }
}

impl std::error::Error for MoneyError {}

/// For people, with a point: `-19.99 EUR`, `1999 JPY`.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = usize::from(self.currency.digits());
        let sign = if self.amount < 0 { "-" } else { "" };
        let text = format!("{:0>width$}", self.amount.unsigned_abs(), width = digits + 1);
        let (whole, part) = text.split_at(text.len() - digits);
        let point = if part.is_empty() { "" } else { "." };
        write!(f, "{sign}{whole}{point}{part} {}", self.currency)
    }
}

impl Money {
    /// So many minor units.
    pub const fn new(amount: i64, currency: Currency) -> Self {
        Self { amount, currency }
    }

    /// Nothing, in a currency.
    pub const fn zero(currency: Currency) -> Self {
        Self::new(0, currency)
    }

    /// The sum.
    ///
    /// # Errors
    /// Where the currencies differ or the sum does not fit.
    pub fn plus(self, other: Self) -> Result<Self, MoneyError> {
        self.combine(other, i64::checked_add)
    }

    /// The difference.
    ///
    /// # Errors
    /// Where the currencies differ or the difference does not fit.
    pub fn minus(self, other: Self) -> Result<Self, MoneyError> {
        self.combine(other, i64::checked_sub)
    }

    /// So many times this.
    ///
    /// # Errors
    /// Where the product does not fit.
    pub fn times(self, count: u32) -> Result<Self, MoneyError> {
        let amount = self.amount.checked_mul(i64::from(count)).ok_or(MoneyError::Overflow)?;
        Ok(Self { amount, ..self })
    }

    /// `per_10k` ten-thousandths of this, rounded half away from zero: the one rounding rule of the shop.
    ///
    /// ```
    /// # use shop_contracts::money::{Currency, Money};
    /// let vat = Money::new(1050, Currency::EUR).share(1900);
    /// assert_eq!(vat, Ok(Money::new(200, Currency::EUR))); // 199.5 cents
    /// ```
    ///
    /// # Errors
    /// Where the share does not fit, which needs more than 10,000 ten-thousandths.
    pub fn share(self, per_10k: u32) -> Result<Self, MoneyError> {
        let exact = i128::from(self.amount) * i128::from(per_10k);
        let rounded = (exact.abs() + 5_000) / 10_000 * exact.signum();
        Ok(Self { amount: i64::try_from(rounded).map_err(|_| MoneyError::Overflow)?, ..self })
    }

    /// Splits this by weights so that the parts sum to it exactly: each gets its whole minor units, and what is left
    /// over goes, one by one, to those with the largest remainders, the earlier first. Where all weights are 0 the
    /// first part gets all; without weights there are no parts.
    ///
    /// ```
    /// # use shop_contracts::money::{Currency, Money};
    /// let cents = |amounts: &[i64]| amounts.iter().map(|a| Money::new(*a, Currency::EUR)).collect::<Vec<_>>();
    /// assert_eq!(Money::new(100, Currency::EUR).split(&[1, 1, 1]), cents(&[34, 33, 33]));
    /// assert_eq!(Money::new(1, Currency::EUR).split(&[1, 2, 2]), cents(&[0, 1, 0]));
    /// ```
    pub fn split(self, weights: &[u64]) -> Vec<Self> {
        let total: i128 = weights.iter().map(|w| i128::from(*w)).sum();
        if total == 0 {
            return weights
                .iter()
                .enumerate()
                .map(|(at, _)| if at == 0 { self } else { Self { amount: 0, ..self } })
                .collect();
        }
        let magnitude = i128::from(self.amount).abs();
        let exact: Vec<(i128, i128)> = weights
            .iter()
            .map(|w| magnitude * i128::from(*w))
            .map(|product| (product / total, product % total))
            .collect();
        let left = magnitude - exact.iter().map(|(whole, _)| whole).sum::<i128>();
        let mut by_remainder: Vec<usize> = (0..weights.len()).collect();
        by_remainder.sort_by_key(|at| (-exact[*at].1, *at));
        let mut parts: Vec<i128> = exact.into_iter().map(|(whole, _)| whole).collect();
        for at in by_remainder.into_iter().take(usize::try_from(left).unwrap_or(0)) {
            parts[at] += 1;
        }
        let sign = i128::from(self.amount.signum());
        // Each part lies between 0 and the whole, so it fits.
        parts
            .into_iter()
            .map(|part| Self { amount: i64::try_from(part * sign).unwrap_or(self.amount), ..self })
            .collect()
    }

    fn combine(self, other: Self, with: fn(i64, i64) -> Option<i64>) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::Mixed(self.currency, other.currency));
        }
        let amount = with(self.amount, other.amount).ok_or(MoneyError::Overflow)?;
        Ok(Self { amount, ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn eur(amount: i64) -> Money {
        Money::new(amount, Currency::EUR)
    }

    #[test]
    fn the_edge_of_the_range_is_an_error_and_not_a_wrap() {
        assert_eq!(eur(i64::MAX).plus(eur(1)), Err(MoneyError::Overflow));
        assert_eq!(eur(i64::MIN).minus(eur(1)), Err(MoneyError::Overflow));
        assert_eq!(eur(i64::MAX).times(2), Err(MoneyError::Overflow));
        assert_eq!(eur(i64::MAX).share(10_001), Err(MoneyError::Overflow));
        assert_eq!(eur(i64::MAX).share(10_000), Ok(eur(i64::MAX)));
    }

    #[test]
    fn currencies_do_not_mix_and_know_their_digits() {
        let yen = Currency::of("JPY").unwrap();
        assert_eq!(eur(1).plus(Money::zero(yen)), Err(MoneyError::Mixed(Currency::EUR, yen)));
        assert_eq!((yen.digits(), Currency::of("BHD").unwrap().digits(), Currency::EUR.digits()), (0, 3, 2));
        assert_eq!(Currency::of("eur"), None);
    }

    #[test]
    fn people_read_it_with_as_many_digits_as_the_currency_has() {
        let of = |amount, code| Money::new(amount, Currency::of(code).unwrap()).to_string();
        assert_eq!([eur(1999), eur(-5), eur(0)].map(|m| m.to_string()), ["19.99 EUR", "-0.05 EUR", "0.00 EUR"]);
        assert_eq!([of(1999, "JPY"), of(1999, "BHD")], ["1999 JPY", "1.999 BHD"]);
        assert_eq!(eur(i64::MIN).to_string(), "-92233720368547758.08 EUR");
    }

    #[test]
    fn json_takes_whole_numbers_and_known_currencies_only() {
        let read = serde_json::from_str::<Money>;
        assert_eq!(read(r#"{"amount": 1999, "currency": "EUR"}"#).unwrap(), eur(1999));
        for wrong in [
            r#"{"amount": 19.99, "currency": "EUR"}"#,
            r#"{"amount": 1e400, "currency": "EUR"}"#,
            r#"{"amount": "1999", "currency": "EUR"}"#,
            r#"{"amount": 9223372036854775808, "currency": "EUR"}"#,
            r#"{"amount": 1, "currency": "XXX"}"#,
            r#"{"amount": 1, "currency": "EUR", "digits": 2}"#,
            r#"{"amount": 1, "amount": 2, "currency": "EUR"}"#,
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_share_rounds_half_away_from_zero() {
        assert_eq!(eur(50).share(100), Ok(eur(1)));
        assert_eq!(eur(49).share(100), Ok(eur(0)));
        assert_eq!(eur(-50).share(100), Ok(eur(-1)));
    }

    proptest! {
        #[test]
        fn parts_sum_to_the_whole_and_differ_from_their_share_by_less_than_one(
            amount in any::<i64>(), weights in prop::collection::vec(any::<u32>().prop_map(u64::from), 1..8)
        ) {
            let parts = eur(amount).split(&weights);
            prop_assert_eq!(parts.len(), weights.len());
            prop_assert_eq!(parts.iter().map(|p| i128::from(p.amount)).sum::<i128>(), i128::from(amount));
            let total: i128 = weights.iter().map(|w| i128::from(*w)).sum();
            if total > 0 {
                for (part, weight) in parts.iter().zip(&weights) {
                    let off = i128::from(part.amount) * total - i128::from(amount) * i128::from(*weight);
                    prop_assert!(off.abs() < total, "{part:?} of {amount} by {weight}");
                }
            }
        }
    }
}
