//! What administrators change: create, change and retire, each one transaction that checks the version it saw.

use jiff::Timestamp;
use shop_contracts::ErrorCode;
use shop_contracts::catalog::{NewProduct, ProductPatch, Variant};
use shop_kit::precondition::{EntityTag, IfMatch};
use shop_kit::{Database, DatabaseError};
use sqlx::types::Json;
use sqlx::{Acquire, PgConnection};
use uuid::Uuid;

use crate::error::Refusal;

const INSERT_PRODUCT: &str = "\
INSERT INTO products (id, title, description, brand, category_id, attributes, created_at, updated_at)
SELECT $1, $2, $3, $4, c.id, $6, to_timestamp($7), to_timestamp($7) FROM categories c WHERE c.slug = $5";

const INSERT_VARIANTS: &str = "\
INSERT INTO variants (sku, product_id, position, title, attributes)
SELECT sku, $1, position::smallint, title, attributes
FROM unnest($2::text[], $3::text[], $4::jsonb[]) WITH ORDINALITY AS v (sku, title, attributes, position)";

const LOCK_VERSION: &str = "SELECT version FROM products WHERE id = $1 AND retired_at IS NULL FOR UPDATE";

const SELECT_CATEGORY: &str = "SELECT id FROM categories WHERE slug = $1";

const UPDATE_PRODUCT: &str = "\
UPDATE products SET title = coalesce($2, title), description = coalesce($3, description), brand = coalesce($4, brand),
    category_id = coalesce($5, category_id), attributes = coalesce($6, attributes),
    updated_at = to_timestamp($7), version = version + 1
WHERE id = $1";

const DELETE_VARIANTS: &str = "DELETE FROM variants WHERE product_id = $1";

const RETIRE_PRODUCT: &str = "\
UPDATE products SET retired_at = to_timestamp($2), updated_at = to_timestamp($2), version = version + 1 WHERE id = $1";

/// Creates a product at version 1.
///
/// # Errors
/// `unknown-category`, `sku-taken`, or where the database fails; then nothing is written.
pub async fn create(db: &Database, id: Uuid, at: Timestamp, product: &NewProduct) -> Result<(), Refusal> {
    let mut connection = db.connection().await?;
    let mut tx = db.measure("begin", connection.begin()).await?;
    let insert = sqlx::query(INSERT_PRODUCT)
        .bind(id)
        .bind(&product.title)
        .bind(&product.description)
        .bind(&product.brand)
        .bind(&product.category)
        .bind(Json(&product.attributes))
        .bind(seconds(at));
    let inserted = db.measure("insert_product", insert.execute(&mut *tx)).await?.rows_affected();
    if inserted == 0 {
        return Err(unknown_category(&product.category));
    }
    insert_variants(db, &mut tx, id, &product.variants).await?;
    Ok(db.measure("commit", tx.commit()).await?)
}

/// Changes a product that is still in the state the client saw; returns its new version.
///
/// # Errors
/// 404, 412, `unknown-category`, `sku-taken`, or where the database fails; then nothing is written.
pub async fn update(
    db: &Database,
    id: Uuid,
    seen: &IfMatch,
    at: Timestamp,
    patch: &ProductPatch,
) -> Result<u64, Refusal> {
    let mut connection = db.connection().await?;
    let mut tx = db.measure("begin", connection.begin()).await?;
    let version = lock(db, &mut tx, id, seen).await?;
    let category = match &patch.category {
        None => None,
        Some(slug) => Some(category(db, &mut tx, slug).await?),
    };
    let update = sqlx::query(UPDATE_PRODUCT)
        .bind(id)
        .bind(&patch.title)
        .bind(&patch.description)
        .bind(&patch.brand)
        .bind(category)
        .bind(patch.attributes.as_ref().map(Json))
        .bind(seconds(at));
    db.measure("update_product", update.execute(&mut *tx)).await?;
    if let Some(variants) = &patch.variants {
        db.measure("delete_variants", sqlx::query(DELETE_VARIANTS).bind(id).execute(&mut *tx)).await?;
        insert_variants(db, &mut tx, id, variants).await?;
    }
    db.measure("commit", tx.commit()).await?;
    Ok(version + 1)
}

/// Retires a product that is still in the state the client saw; its SKUs stay taken.
///
/// # Errors
/// 404, 412, or where the database fails; then nothing is written.
pub async fn retire(db: &Database, id: Uuid, seen: &IfMatch, at: Timestamp) -> Result<(), Refusal> {
    let mut connection = db.connection().await?;
    let mut tx = db.measure("begin", connection.begin()).await?;
    lock(db, &mut tx, id, seen).await?;
    let retire = sqlx::query(RETIRE_PRODUCT).bind(id).bind(seconds(at));
    db.measure("retire_product", retire.execute(&mut *tx)).await?;
    Ok(db.measure("commit", tx.commit()).await?)
}

/// The refusal of an id that no product has.
pub fn not_found(id: Uuid) -> Refusal {
    Refusal::Known(ErrorCode::ProductNotFound, format!("no product has the id {id}"))
}

/// The refusal of a slug that no category has.
pub fn unknown_category(slug: &str) -> Refusal {
    Refusal::Known(ErrorCode::UnknownCategory, format!("no category has the slug {slug:?}; see /v1/categories"))
}

async fn lock(db: &Database, tx: &mut PgConnection, id: Uuid, seen: &IfMatch) -> Result<u64, Refusal> {
    let query = sqlx::query_scalar::<_, i64>(LOCK_VERSION).bind(id);
    let version = db.measure("lock_version", query.fetch_optional(tx)).await?.ok_or_else(|| not_found(id))?;
    let version = version.unsigned_abs();
    seen.check(&EntityTag::of_version(version))?;
    Ok(version)
}

async fn category(db: &Database, tx: &mut PgConnection, slug: &str) -> Result<Uuid, Refusal> {
    let query = sqlx::query_scalar::<_, Uuid>(SELECT_CATEGORY).bind(slug);
    db.measure("select_category", query.fetch_optional(tx)).await?.ok_or_else(|| unknown_category(slug))
}

async fn insert_variants(
    db: &Database,
    tx: &mut PgConnection,
    product: Uuid,
    variants: &[Variant],
) -> Result<(), DatabaseError> {
    let skus: Vec<&str> = variants.iter().map(|v| v.sku.as_str()).collect();
    let titles: Vec<&str> = variants.iter().map(|v| v.title.as_str()).collect();
    let attributes: Vec<Json<_>> = variants.iter().map(|v| Json(&v.attributes)).collect();
    let insert = sqlx::query(INSERT_VARIANTS).bind(product).bind(skus).bind(titles).bind(attributes);
    db.measure("insert_variants", insert.execute(tx)).await.map(drop)
}

/// Seconds since 1970 as PostgreSQL's `to_timestamp` takes them; microseconds survive until the year 2255.
fn seconds(at: Timestamp) -> f64 {
    at.as_microsecond() as f64 / 1e6
}
