//! What payments says and accepts: a payment per order, from authorization to refund.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::money::Money;

/// Longest token of a payment method.
pub const MAX_METHOD: usize = 100;

/// Fewest and most digits of a card number, spaces and dashes left away (ISO/IEC 7812).
const CARD_DIGITS: std::ops::RangeInclusive<usize> = 12..=19;

/// Says what is wrong with a token of a payment method; a card number is not repeated.
///
/// # Errors
/// In words, without the name of the field.
pub fn check_method(method: &str) -> Result<(), String> {
    if method.is_empty() || method.len() > MAX_METHOD || !method.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(format!("passes with 1 to {MAX_METHOD} visible ASCII characters"));
    }
    let digits = method.bytes().filter(u8::is_ascii_digit).count();
    if CARD_DIGITS.contains(&digits) && method.bytes().all(|b| b.is_ascii_digit() || b == b'-') {
        return Err("looks like a card number; send the provider's token of the card".to_owned());
    }
    Ok(())
}

/// A payment to authorize.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPayment {
    /// The order; it has one payment at most.
    pub order_id: Uuid,
    /// How much, more than 0.
    pub amount: Money,
    /// The provider's token of the card, 1..=100 visible characters; never a card number.
    pub method: String,
}

/// What to give back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Refund {
    /// How much, at most what was taken and not yet given back.
    pub amount: Money,
}

/// Where a payment is in its life. While it is on its way (`…ing`) the provider has been asked and its answer is not
/// known yet: that is neither success nor failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaymentState {
    /// The provider is asked to set the money aside.
    Authorizing,
    /// The money is set aside.
    Authorized,
    /// The provider is asked to take the money.
    Capturing,
    /// The money is taken, and perhaps given back in part.
    Captured,
    /// The provider is asked to give up what was set aside.
    Voiding,
    /// What was set aside was given up.
    Voided,
    /// The provider is asked to give money back.
    Refunding,
    /// All of the money was given back.
    Refunded,
    /// The provider declined.
    Failed,
    /// The provider's answers contradict what was asked, or do not come: a person decides. A late notice may still
    /// settle it.
    NeedsReview,
}

impl PaymentState {
    /// Every state.
    pub const ALL: [Self; 10] = [
        Self::Authorizing,
        Self::Authorized,
        Self::Capturing,
        Self::Captured,
        Self::Voiding,
        Self::Voided,
        Self::Refunding,
        Self::Refunded,
        Self::Failed,
        Self::NeedsReview,
    ];

    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Authorizing => "authorizing",
            Self::Authorized => "authorized",
            Self::Capturing => "capturing",
            Self::Captured => "captured",
            Self::Voiding => "voiding",
            Self::Voided => "voided",
            Self::Refunding => "refunding",
            Self::Refunded => "refunded",
            Self::Failed => "failed",
            Self::NeedsReview => "needs_review",
        }
    }

    /// The provider's answer is awaited.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Authorizing | Self::Capturing | Self::Voiding | Self::Refunding)
    }
}

/// A payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Payment {
    /// `UUIDv7`.
    pub id: Uuid,
    /// The order it is for.
    pub order_id: Uuid,
    /// Where it is in its life.
    pub state: PaymentState,
    /// What was asked for.
    pub amount: Money,
    /// What was taken.
    pub captured: Money,
    /// What of it was given back.
    pub refunded: Money,
    /// Why the provider declined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn card_numbers_are_told_from_tokens() {
        for card in ["4111111111111111", "4111-1111-1111-1111", "378282246310005"] {
            assert!(check_method(card).unwrap_err().contains("card number"), "{card}");
        }
        for token in ["tok_4111111111111111", "12345", "01900000-0000-7000-8000-0000000a0001"] {
            assert!(check_method(token).is_ok(), "{token}");
        }
    }
}
