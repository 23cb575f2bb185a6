//! Bounds of what callers send; each refusal names the field and what would pass.

use shop_contracts::ErrorCode;
use shop_contracts::money::Money;
use shop_contracts::pricing::{
    CouponValue, MAX_CODE, MAX_LINES, MAX_QUANTITY, NewCoupon, NewPrice, NewPromotion, PromotionPatch, QuoteRequest,
    Rate, WHOLE,
};
use shop_kit::Problem;

use crate::error::known;

/// Longest SKU, as in the catalog.
const MAX_SKU: usize = shop_contracts::catalog::MAX_SKU;
/// Longest name of a promotion, in characters.
const MAX_NAME: usize = shop_contracts::catalog::MAX_SHORT;

type Checked = Result<(), Problem>;

/// Checks a question for a quote.
///
/// # Errors
/// `invalid-field`, naming the first field out of bounds.
pub fn request(request: &QuoteRequest) -> Checked {
    let QuoteRequest { lines, currency: _, country: to, coupon } = request;
    let skus: Vec<String> = lines.iter().map(|l| l.sku.clone()).collect();
    distinct_skus("lines", &skus, 1)?;
    for line in lines {
        if !(1..=MAX_QUANTITY).contains(&line.quantity) {
            return Err(invalid(format!("quantity of {} is {}; 1 to {MAX_QUANTITY} pass", line.sku, line.quantity)));
        }
    }
    country(to)?;
    coupon.as_ref().map_or(Ok(()), |c| code(c))
}

/// Checks a price to set.
///
/// # Errors
/// `invalid-field`, naming the field.
pub fn price(price: &NewPrice) -> Checked {
    sku("sku", &price.sku)?;
    not_negative("price", price.price)
}

/// Checks a rate to set.
///
/// # Errors
/// `invalid-field`, naming the field.
pub fn rate(rate: &Rate) -> Checked {
    country(&rate.country)?;
    not_negative("shipping", rate.shipping)?;
    if rate.free_from.is_some_and(|from| from < 0) {
        return Err(invalid("free_from is negative; 0 and more pass".to_owned()));
    }
    if rate.tax_per_10k > WHOLE {
        return Err(invalid(format!("tax_per_10k is {}; 0 to {WHOLE} pass", rate.tax_per_10k)));
    }
    Ok(())
}

/// Checks a promotion to run.
///
/// # Errors
/// `invalid-field`, naming the field.
pub fn promotion(promotion: &NewPromotion) -> Checked {
    name(&promotion.name)?;
    share("off_per_10k", promotion.off_per_10k)?;
    distinct_skus("skus", &promotion.skus, 0)?;
    if promotion.ends_at <= promotion.starts_at {
        return Err(ends_before_it_starts());
    }
    Ok(())
}

/// Checks a change of a promotion; the window is checked once the other end is known.
///
/// # Errors
/// `invalid-field`, naming the field.
pub fn patch(patch: &PromotionPatch) -> Checked {
    patch.name.as_ref().map_or(Ok(()), |n| name(n))?;
    patch.off_per_10k.map_or(Ok(()), |off| share("off_per_10k", off))
}

/// Checks a coupon to hand out.
///
/// # Errors
/// `invalid-field`, naming the field.
pub fn coupon(coupon: &NewCoupon) -> Checked {
    code(&coupon.code)?;
    match coupon.value {
        CouponValue::OffPer10k(off) => share("value.off_per10k", off)?,
        CouponValue::Off(off) if off.amount <= 0 => {
            return Err(invalid(format!("value.off is {}; 1 and more pass", off.amount)));
        }
        CouponValue::Off(_) => {}
    }
    if coupon.max_redemptions == 0 {
        return Err(invalid("max_redemptions is 0; 1 and more pass".to_owned()));
    }
    if coupon.ends_at <= coupon.starts_at {
        return Err(ends_before_it_starts());
    }
    Ok(())
}

/// Checks the code of a coupon.
///
/// # Errors
/// `invalid-field`.
pub fn code(code: &str) -> Checked {
    if (4..=MAX_CODE).contains(&code.len()) && code.bytes().all(allowed) {
        return Ok(());
    }
    Err(invalid(format!("the code of a coupon passes with 4 to {MAX_CODE} of A-Z, 0-9 and -")))
}

/// Checks a list of SKUs: at least `min` and at most 100, each once.
///
/// # Errors
/// `invalid-field`, naming `field`.
pub fn distinct_skus(field: &str, skus: &[String], min: usize) -> Checked {
    if skus.len() < min || skus.len() > MAX_LINES {
        return Err(invalid(format!("{field} has {} entries; {min} to {MAX_LINES} pass", skus.len())));
    }
    for (at, one) in skus.iter().enumerate() {
        sku(&format!("{field}[{at}]"), one)?;
        if skus[..at].contains(one) {
            return Err(invalid(format!("{field}[{at}] repeats {one}; each SKU passes once")));
        }
    }
    Ok(())
}

/// The refusal of a window without a moment in it.
pub fn ends_before_it_starts() -> Problem {
    invalid("ends_at is not after starts_at".to_owned())
}

fn sku(field: &str, sku: &str) -> Checked {
    if !sku.is_empty() && sku.len() <= MAX_SKU && sku.bytes().all(allowed) {
        return Ok(());
    }
    Err(invalid(format!("{field} passes with 1 to {MAX_SKU} of A-Z, 0-9 and -")))
}

fn allowed(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'-'
}

fn country(country: &str) -> Checked {
    if country.len() == 2 && country.bytes().all(|b| b.is_ascii_uppercase()) {
        return Ok(());
    }
    Err(invalid("country passes as two capital letters of ISO 3166-1, for example DE".to_owned()))
}

fn name(name: &str) -> Checked {
    let length = name.chars().count();
    if (1..=MAX_NAME).contains(&length) && !name.chars().any(char::is_control) {
        return Ok(());
    }
    Err(invalid(format!("name passes with 1 to {MAX_NAME} characters, none of them a control character")))
}

fn share(field: &str, per_10k: u32) -> Checked {
    if (1..=WHOLE).contains(&per_10k) {
        return Ok(());
    }
    Err(invalid(format!("{field} is {per_10k}; 1 to {WHOLE} pass")))
}

fn not_negative(field: &str, money: Money) -> Checked {
    if money.amount >= 0 {
        return Ok(());
    }
    Err(invalid(format!("{field} is {} {}; 0 and more pass", money.amount, money.currency)))
}

fn invalid(detail: String) -> Problem {
    known(ErrorCode::InvalidField, detail)
}
