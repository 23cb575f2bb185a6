//! Bounds of what callers send; each refusal names the field and what would pass.

use shop_contracts::ErrorCode;
use shop_contracts::money::Money;
use shop_contracts::payments::{MAX_METHOD, NewPayment};
use shop_kit::Problem;

use crate::error::known;

/// Fewest and most digits of a card number, spaces and dashes left away (ISO/IEC 7812).
const CARD_DIGITS: std::ops::RangeInclusive<usize> = 12..=19;

/// Checks a payment to authorize.
///
/// # Errors
/// `invalid-field`, naming the field; a card number is not repeated.
pub fn payment(new: &NewPayment) -> Result<(), Problem> {
    positive(new.amount)?;
    let method = &new.method;
    if method.is_empty() || method.len() > MAX_METHOD || !method.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(invalid(format!("method passes with 1 to {MAX_METHOD} visible ASCII characters")));
    }
    if looks_like_a_card(method) {
        return Err(invalid("method looks like a card number; send the provider's token of the card".to_owned()));
    }
    Ok(())
}

/// Checks an amount to move.
///
/// # Errors
/// `invalid-field` where it is not more than 0.
pub fn positive(amount: Money) -> Result<(), Problem> {
    if amount.amount > 0 {
        return Ok(());
    }
    Err(invalid(format!("amount is {} {}; 1 and more pass", amount.amount, amount.currency)))
}

fn looks_like_a_card(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    CARD_DIGITS.contains(&digits) && text.bytes().all(|b| b.is_ascii_digit() || b == b'-')
}

fn invalid(detail: String) -> Problem {
    known(ErrorCode::InvalidField, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn card_numbers_are_told_from_tokens() {
        for card in ["4111111111111111", "4111-1111-1111-1111", "378282246310005"] {
            assert!(looks_like_a_card(card), "{card}");
        }
        for token in ["tok_4111111111111111", "12345", "01900000-0000-7000-8000-000000000001"] {
            assert!(!looks_like_a_card(token), "{token}");
        }
    }
}
