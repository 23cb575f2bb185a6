//! Bounds of what callers send; each refusal names the field and what would pass.

use shop_contracts::ErrorCode;
use shop_contracts::money::Money;
use shop_contracts::payments::{NewPayment, check_method};
use shop_kit::Problem;

use crate::error::known;

/// Checks a payment to authorize.
///
/// # Errors
/// `invalid-field`, naming the field; a card number is not repeated.
pub fn payment(new: &NewPayment) -> Result<(), Problem> {
    positive(new.amount)?;
    check_method(&new.method).map_err(|why| invalid(format!("method {why}")))
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

fn invalid(detail: String) -> Problem {
    known(ErrorCode::InvalidField, detail)
}
