//! Bounds of what callers send; each refusal names the field and what would pass.

use shop_contracts::ErrorCode;
use shop_contracts::catalog::MAX_SKU;
use shop_contracts::inventory::{Adjustment, MAX_CHANGE, MAX_LINES, MAX_QUANTITY, MAX_REASON, NewReservation};
use shop_kit::Problem;

use crate::error::known;

type Checked = Result<(), Problem>;

/// Checks a reservation to make.
///
/// # Errors
/// `invalid-field`, naming the first field out of bounds.
pub fn reservation(new: &NewReservation) -> Checked {
    let skus: Vec<String> = new.lines.iter().map(|l| l.sku.clone()).collect();
    distinct_skus("lines", &skus)?;
    for line in &new.lines {
        if !(1..=MAX_QUANTITY).contains(&line.quantity) {
            return Err(invalid(format!("quantity of {} is {}; 1 to {MAX_QUANTITY} pass", line.sku, line.quantity)));
        }
    }
    Ok(())
}

/// Checks an adjustment of this SKU.
///
/// # Errors
/// `invalid-field`, naming the field.
pub fn adjustment(sku: &str, adjustment: &Adjustment) -> Checked {
    distinct_skus("sku", &[sku.to_owned()])?;
    let Adjustment { change, reason } = adjustment;
    if *change == 0 || change.unsigned_abs() > MAX_CHANGE.unsigned_abs() {
        return Err(invalid(format!("change is {change}; up to {MAX_CHANGE} either way pass, 0 does not")));
    }
    let length = reason.chars().count();
    if !(1..=MAX_REASON).contains(&length) || reason.chars().any(char::is_control) {
        return Err(invalid(format!("reason passes with 1 to {MAX_REASON} characters, none a control character")));
    }
    Ok(())
}

/// Checks a list of SKUs: 1 to 100, each once.
///
/// # Errors
/// `invalid-field`, naming `field`.
pub fn distinct_skus(field: &str, skus: &[String]) -> Checked {
    if skus.is_empty() || skus.len() > MAX_LINES {
        return Err(invalid(format!("{field} has {} entries; 1 to {MAX_LINES} pass", skus.len())));
    }
    for (at, sku) in skus.iter().enumerate() {
        let allowed = sku.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-');
        if sku.is_empty() || sku.len() > MAX_SKU || !allowed {
            return Err(invalid(format!("{field}[{at}] passes with 1 to {MAX_SKU} of A-Z, 0-9 and -")));
        }
        if skus[..at].contains(sku) {
            return Err(invalid(format!("{field}[{at}] repeats {sku}; each SKU passes once")));
        }
    }
    Ok(())
}

fn invalid(detail: String) -> Problem {
    known(ErrorCode::InvalidField, detail)
}
