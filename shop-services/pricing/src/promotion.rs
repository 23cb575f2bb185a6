//! Promotions in the database: run, change, withdraw, and what runs or is to come.

use jiff::Timestamp;
use shop_contracts::ErrorCode;
use shop_contracts::pricing::{NewPromotion, Promotion, PromotionPatch};
use shop_kit::instant::{from_micros, seconds};
use shop_kit::precondition::{EntityTag, IfMatch};
use shop_kit::{Database, DatabaseError, Problem};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use crate::error::known;
use crate::validate;

const INSERT_PROMOTION: &str = "\
INSERT INTO promotions (id, name, off_per_10k, skus, starts_at, ends_at)
VALUES ($1, $2, $3, $4, to_timestamp($5), to_timestamp($6))";

const SELECT_CURRENT: &str = "\
SELECT id, name, off_per_10k, skus, version, (extract(epoch FROM starts_at) * 1000000)::bigint AS starts_us,
       (extract(epoch FROM ends_at) * 1000000)::bigint AS ends_us
FROM promotions WHERE withdrawn_at IS NULL AND ends_at > to_timestamp($1) ORDER BY starts_at, id";

const LOCK_PROMOTION: &str = "\
SELECT id, name, off_per_10k, skus, version, (extract(epoch FROM starts_at) * 1000000)::bigint AS starts_us,
       (extract(epoch FROM ends_at) * 1000000)::bigint AS ends_us
FROM promotions WHERE id = $1 AND withdrawn_at IS NULL FOR UPDATE";

const UPDATE_PROMOTION: &str = "\
UPDATE promotions SET name = $2, off_per_10k = $3, starts_at = to_timestamp($4), ends_at = to_timestamp($5),
    version = version + 1 WHERE id = $1";

const WITHDRAW_PROMOTION: &str = "\
UPDATE promotions SET withdrawn_at = to_timestamp($2), version = version + 1 WHERE id = $1";

/// A promotion at one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned {
    /// The promotion.
    pub promotion: Promotion,
    /// Grows by one with every change.
    pub version: u64,
}

/// Runs a promotion, at version 1.
///
/// # Errors
/// Where the database fails.
pub async fn create(db: &Database, id: Uuid, new: &NewPromotion) -> Result<Versioned, DatabaseError> {
    let NewPromotion { name, off_per_10k, skus, starts_at, ends_at } = new.clone();
    let promotion = Promotion { id, name, off_per_10k, skus, starts_at, ends_at };
    let mut connection = db.connection().await?;
    let insert = sqlx::query(INSERT_PROMOTION)
        .bind(id)
        .bind(&promotion.name)
        .bind(per_10k(off_per_10k))
        .bind(&promotion.skus)
        .bind(seconds(starts_at))
        .bind(seconds(ends_at));
    db.measure("insert_promotion", insert.execute(&mut *connection)).await?;
    Ok(Versioned { promotion, version: 1 })
}

/// Promotions that run at `at` or later, the next first.
///
/// # Errors
/// Where the database fails.
pub async fn current(
    db: &Database,
    connection: &mut PgConnection,
    at: Timestamp,
) -> Result<Vec<Promotion>, DatabaseError> {
    let select = sqlx::query(SELECT_CURRENT).bind(seconds(at));
    let rows = db.measure("select_current", select.fetch_all(connection)).await?;
    rows.iter().map(|row| versioned(row, "select_current").map(|v| v.promotion)).collect()
}

/// One promotion, unless there is none or it is withdrawn.
///
/// # Errors
/// `promotion-not-found`, or where the database fails.
pub async fn read(db: &Database, id: Uuid) -> Result<Versioned, Problem> {
    let mut tx = db.begin().await?;
    lock(db, &mut tx, id).await
}

/// Changes a promotion that is still in the state the client saw.
///
/// # Errors
/// 404, 412, 422, or where the database fails; then nothing is written.
pub async fn change(db: &Database, id: Uuid, seen: &IfMatch, patch: PromotionPatch) -> Result<Versioned, Problem> {
    let mut tx = db.begin().await?;
    let Versioned { promotion: old, version } = lock(db, &mut tx, id).await?;
    seen.check(&EntityTag::of_version(version))?;
    let PromotionPatch { name, off_per_10k, starts_at, ends_at } = patch;
    let promotion = Promotion {
        name: name.unwrap_or(old.name),
        off_per_10k: off_per_10k.unwrap_or(old.off_per_10k),
        starts_at: starts_at.unwrap_or(old.starts_at),
        ends_at: ends_at.unwrap_or(old.ends_at),
        ..old
    };
    if promotion.ends_at <= promotion.starts_at {
        return Err(validate::ends_before_it_starts());
    }
    let update = sqlx::query(UPDATE_PROMOTION)
        .bind(id)
        .bind(&promotion.name)
        .bind(per_10k(promotion.off_per_10k))
        .bind(seconds(promotion.starts_at))
        .bind(seconds(promotion.ends_at));
    db.measure("update_promotion", update.execute(&mut *tx)).await?;
    db.measure("commit", tx.commit()).await?;
    Ok(Versioned { promotion, version: version + 1 })
}

/// Withdraws a promotion that is still in the state the client saw.
///
/// # Errors
/// 404, 412, or where the database fails; then nothing is written.
pub async fn withdraw(db: &Database, id: Uuid, seen: &IfMatch, at: Timestamp) -> Result<(), Problem> {
    let mut tx = db.begin().await?;
    let found = lock(db, &mut tx, id).await?;
    seen.check(&EntityTag::of_version(found.version))?;
    let withdraw = sqlx::query(WITHDRAW_PROMOTION).bind(id).bind(seconds(at));
    db.measure("withdraw_promotion", withdraw.execute(&mut *tx)).await?;
    Ok(db.measure("commit", tx.commit()).await?)
}

async fn lock(db: &Database, tx: &mut PgConnection, id: Uuid) -> Result<Versioned, Problem> {
    let select = sqlx::query(LOCK_PROMOTION).bind(id);
    let row = db.measure("lock_promotion", select.fetch_optional(tx)).await?;
    let row = row.ok_or_else(|| known(ErrorCode::PromotionNotFound, format!("no promotion has the id {id}")))?;
    Ok(versioned(&row, "lock_promotion")?)
}

fn versioned(row: &PgRow, operation: &'static str) -> Result<Versioned, DatabaseError> {
    let read = || {
        Ok(Versioned {
            promotion: Promotion {
                id: row.try_get("id")?,
                name: row.try_get("name")?,
                off_per_10k: row.try_get::<i32, _>("off_per_10k")?.unsigned_abs(),
                skus: row.try_get("skus")?,
                starts_at: from_micros(row.try_get("starts_us")?)?,
                ends_at: from_micros(row.try_get("ends_us")?)?,
            },
            version: row.try_get::<i64, _>("version")?.unsigned_abs(),
        })
    };
    read().map_err(|source| DatabaseError::Operation { operation, source })
}

fn per_10k(share: u32) -> i32 {
    i32::try_from(share).unwrap_or(i32::MAX)
}
