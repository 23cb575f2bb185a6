//! Coupons in the database: hand out, look up, withdraw.

use jiff::Timestamp;
use shop_contracts::ErrorCode;
use shop_contracts::money::{Currency, Money};
use shop_contracts::pricing::{Coupon, CouponValue, NewCoupon};
use shop_kit::instant::{from_micros, seconds};
use shop_kit::precondition::{EntityTag, IfMatch};
use shop_kit::{Database, DatabaseError, Problem};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use crate::error::known;

const INSERT_COUPON: &str = "\
INSERT INTO coupons (code, off_per_10k, off_amount, off_currency, max_redemptions, starts_at, ends_at)
VALUES ($1, $2, $3, $4, $5, to_timestamp($6), to_timestamp($7))";

const SELECT_COUPON: &str = "\
SELECT code, off_per_10k, off_amount, off_currency, max_redemptions, redeemed, version,
       (extract(epoch FROM starts_at) * 1000000)::bigint AS starts_us,
       (extract(epoch FROM ends_at) * 1000000)::bigint AS ends_us
FROM coupons WHERE code = $1 AND withdrawn_at IS NULL";

const WITHDRAW_COUPON: &str = "\
UPDATE coupons SET withdrawn_at = to_timestamp($2), version = version + 1
WHERE code = $1 AND version = $3 AND withdrawn_at IS NULL";

/// A coupon at one version; redeeming it does not change the version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned {
    /// The coupon.
    pub coupon: Coupon,
    /// Grows by one with every change.
    pub version: u64,
}

/// Hands out a coupon, at version 1.
///
/// # Errors
/// `coupon-exists`, or where the database fails.
pub async fn create(db: &Database, new: &NewCoupon) -> Result<Versioned, Problem> {
    let NewCoupon { code, value, max_redemptions, starts_at, ends_at } = new.clone();
    let (share, off) = match value {
        CouponValue::OffPer10k(share) => (Some(i32::try_from(share).unwrap_or(i32::MAX)), None),
        CouponValue::Off(off) => (None, Some(off)),
    };
    let mut connection = db.connection().await?;
    let insert = sqlx::query(INSERT_COUPON)
        .bind(&code)
        .bind(share)
        .bind(off.map(|o| o.amount))
        .bind(off.map(|o| o.currency.code()))
        .bind(i64::from(max_redemptions))
        .bind(seconds(starts_at))
        .bind(seconds(ends_at));
    db.measure("insert_coupon", insert.execute(&mut *connection)).await.map_err(|error| {
        if error.violates("coupons_pkey") {
            known(ErrorCode::CouponExists, format!("{code} is or was a coupon; choose another code"))
        } else {
            error.into()
        }
    })?;
    Ok(Versioned { coupon: Coupon { code, value, max_redemptions, redeemed: 0, starts_at, ends_at }, version: 1 })
}

/// The coupon with this code, unless there is none or it is withdrawn.
///
/// # Errors
/// Where the database fails.
pub async fn find(
    db: &Database,
    connection: &mut PgConnection,
    code: &str,
) -> Result<Option<Versioned>, DatabaseError> {
    let select = sqlx::query(SELECT_COUPON).bind(code);
    let row = db.measure("select_coupon", select.fetch_optional(connection)).await?;
    let decoded = row.as_ref().map(versioned).transpose();
    decoded.map_err(|source| DatabaseError::Operation { operation: "select_coupon", source })
}

/// Withdraws a coupon that is still in the state the client saw; orders that redeemed it keep their discount.
///
/// # Errors
/// 404, 412, or where the database fails.
pub async fn withdraw(db: &Database, code: &str, seen: &IfMatch, at: Timestamp) -> Result<(), Problem> {
    let mut connection = db.connection().await?;
    let found = find(db, &mut connection, code).await?.ok_or_else(|| not_found(code))?;
    let tag = EntityTag::of_version(found.version);
    seen.check(&tag)?;
    let version = i64::try_from(found.version).unwrap_or(i64::MAX);
    let withdraw = sqlx::query(WITHDRAW_COUPON).bind(code).bind(seconds(at)).bind(version);
    let withdrawn = db.measure("withdraw_coupon", withdraw.execute(&mut *connection)).await?.rows_affected();
    // Somebody else withdrew it in between.
    if withdrawn == 1 { Ok(()) } else { Err(not_found(code)) }
}

/// The refusal of a code that no coupon has.
pub fn not_found(code: &str) -> Problem {
    known(ErrorCode::CouponNotFound, format!("no coupon has the code {code}"))
}

fn versioned(row: &PgRow) -> Result<Versioned, sqlx::Error> {
    let count = |name: &str| row.try_get::<i64, _>(name).map(|n| u32::try_from(n).unwrap_or(u32::MAX));
    let value = match row.try_get::<Option<i32>, _>("off_per_10k")? {
        Some(share) => CouponValue::OffPer10k(share.unsigned_abs()),
        None => CouponValue::Off(Money::new(row.try_get("off_amount")?, currency(row.try_get("off_currency")?)?)),
    };
    Ok(Versioned {
        coupon: Coupon {
            code: row.try_get("code")?,
            value,
            max_redemptions: count("max_redemptions")?,
            redeemed: count("redeemed")?,
            starts_at: from_micros(row.try_get("starts_us")?)?,
            ends_at: from_micros(row.try_get("ends_us")?)?,
        },
        version: row.try_get::<i64, _>("version")?.unsigned_abs(),
    })
}

fn currency(code: &str) -> Result<Currency, sqlx::Error> {
    Currency::of(code).ok_or_else(|| sqlx::Error::Decode(format!("{code} is no currency that the shop knows").into()))
}
