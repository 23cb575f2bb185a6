//! What the catalog reads: pages, searches and single products, each one statement with bound parameters.

use std::collections::HashMap;

use jiff::Timestamp;
use shop_contracts::catalog::{Attributes, Category, CategoryRef, Product, ProductSummary, Variant};
use shop_kit::{Database, DatabaseError};
use sqlx::pool::PoolConnection;
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{Postgres, Row};
use uuid::Uuid;

use crate::passage::{self, Passage};

/// Which page to read.
#[derive(Debug, Clone, Copy)]
pub struct Page<'a> {
    /// Rows at most.
    pub limit: u32,
    /// Only products of these categories; `None` for all.
    pub categories: Option<&'a [Uuid]>,
}

/// A product at one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned {
    /// The product.
    pub product: Product,
    /// Grows by one with every change.
    pub version: u64,
}

const SELECT_NEWEST: &str = "\
SELECT p.id, p.title, p.brand, p.description, p.attributes, c.slug, c.name,
       (extract(epoch FROM p.updated_at) * 1000000)::bigint AS updated_us, 0::float4 AS rank
FROM products p JOIN categories c ON c.id = p.category_id
WHERE p.retired_at IS NULL AND p.id < $1
ORDER BY p.id DESC LIMIT $2";

const SELECT_NEWEST_IN: &str = "\
SELECT p.id, p.title, p.brand, p.description, p.attributes, c.slug, c.name,
       (extract(epoch FROM p.updated_at) * 1000000)::bigint AS updated_us, 0::float4 AS rank
FROM products p JOIN categories c ON c.id = p.category_id
WHERE p.retired_at IS NULL AND p.id < $1 AND p.category_id = ANY($3)
ORDER BY p.id DESC LIMIT $2";

const SEARCH: &str = "\
WITH hits AS (
    SELECT p.id, ts_rank(p.search, q)::float4 AS rank
    FROM products p, websearch_to_tsquery('english', $1) q
    WHERE p.search @@ q AND p.retired_at IS NULL AND ($2::uuid[] IS NULL OR p.category_id = ANY($2))
), page AS (
    SELECT id, rank FROM hits WHERE (rank, id) < ($3::float4, $4::uuid)
    ORDER BY rank DESC, id DESC LIMIT $5
)
SELECT p.id, p.title, p.brand, p.description, p.attributes, c.slug, c.name,
       (extract(epoch FROM p.updated_at) * 1000000)::bigint AS updated_us, page.rank
FROM page JOIN products p ON p.id = page.id JOIN categories c ON c.id = p.category_id
ORDER BY page.rank DESC, p.id DESC";

const SELECT_VARIANTS: &str = "\
SELECT product_id, sku, title, attributes FROM variants WHERE product_id = ANY($1) ORDER BY product_id, position";

const SELECT_PRODUCT: &str = "\
SELECT p.id, p.title, p.brand, p.description, p.attributes, p.version, c.slug, c.name,
       (extract(epoch FROM p.created_at) * 1000000)::bigint AS created_us,
       (extract(epoch FROM p.updated_at) * 1000000)::bigint AS updated_us
FROM products p JOIN categories c ON c.id = p.category_id
WHERE p.id = $1 AND p.retired_at IS NULL";

const SELECT_CATEGORY_TREE: &str = "\
SELECT c.id FROM categories c LEFT JOIN categories parent ON parent.id = c.parent_id
WHERE c.slug = $1 OR parent.slug = $1";

const SELECT_CATEGORIES: &str = "\
SELECT c.slug, c.name, parent.slug AS parent
FROM categories c LEFT JOIN categories parent ON parent.id = c.parent_id ORDER BY parent NULLS FIRST, c.slug";

/// One row of a listing with its rank in a search, 0 in plain listings.
#[derive(Debug)]
pub struct Listed {
    /// What is shown.
    pub summary: ProductSummary,
    /// Rank as PostgreSQL computed it.
    pub rank: f32,
}

/// Products younger first, after the product `after`.
///
/// # Errors
/// Where the database fails.
pub async fn newest(db: &Database, page: Page<'_>, after: Option<Uuid>) -> Result<Vec<Listed>, DatabaseError> {
    let mut connection = db.connection().await?;
    // One plan for first and later pages: the first is after the greatest id there can be.
    let (after, limit) = (after.unwrap_or(Uuid::max()), i64::from(page.limit));
    let rows = match page.categories {
        None => {
            let query = sqlx::query(SELECT_NEWEST).bind(after).bind(limit);
            db.measure("select_newest", query.fetch_all(&mut *connection)).await?
        }
        Some(categories) => {
            let query = sqlx::query(SELECT_NEWEST_IN).bind(after).bind(limit).bind(categories);
            db.measure("select_newest_in", query.fetch_all(&mut *connection)).await?
        }
    };
    summaries(db, connection, &rows, passage::beginning).await
}

/// Products that answer `text`, best first, after the given rank and id.
///
/// # Errors
/// Where the database fails.
pub async fn search(
    db: &Database,
    text: &str,
    page: Page<'_>,
    after: Option<(f32, Uuid)>,
) -> Result<Vec<Listed>, DatabaseError> {
    let mut connection = db.connection().await?;
    let (rank, id) = after.unwrap_or((f32::INFINITY, Uuid::max()));
    let query = sqlx::query(SEARCH).bind(text).bind(page.categories).bind(rank).bind(id).bind(i64::from(page.limit));
    let rows = db.measure("search", query.fetch_all(&mut *connection)).await?;
    summaries(db, connection, &rows, |description| passage::best(description, text)).await
}

/// One product, unless there is none or it is retired.
///
/// # Errors
/// Where the database fails.
pub async fn product(
    db: &Database,
    connection: &mut PoolConnection<Postgres>,
    id: Uuid,
) -> Result<Option<Versioned>, DatabaseError> {
    let query = sqlx::query(SELECT_PRODUCT).bind(id);
    let Some(row) = db.measure("select_product", query.fetch_optional(&mut **connection)).await? else {
        return Ok(None);
    };
    let mut variants = variants(db, connection, &[id]).await?;
    let decoded = versioned(&row, variants.remove(&id).unwrap_or_default());
    decoded.map(Some).map_err(|source| DatabaseError::Operation { operation: "select_product", source })
}

/// Ids of the category with this slug and of those below it; empty where there is none.
///
/// # Errors
/// Where the database fails.
pub async fn category_tree(db: &Database, slug: &str) -> Result<Vec<Uuid>, DatabaseError> {
    let mut connection = db.connection().await?;
    let query = sqlx::query_scalar(SELECT_CATEGORY_TREE).bind(slug);
    db.measure("select_category_tree", query.fetch_all(&mut *connection)).await
}

/// All categories, departments first.
///
/// # Errors
/// Where the database fails.
pub async fn categories(db: &Database) -> Result<Vec<Category>, DatabaseError> {
    let mut connection = db.connection().await?;
    let query = sqlx::query(SELECT_CATEGORIES).try_map(|row: PgRow| {
        Ok(Category { slug: row.try_get("slug")?, name: row.try_get("name")?, parent: row.try_get("parent")? })
    });
    db.measure("select_categories", query.fetch_all(&mut *connection)).await
}

/// Gives the connection back before the page is put together, which is the longer part.
async fn summaries(
    db: &Database,
    mut connection: PoolConnection<Postgres>,
    rows: &[PgRow],
    excerpt: impl Fn(&str) -> Passage,
) -> Result<Vec<Listed>, DatabaseError> {
    let decoded = |source| DatabaseError::Operation { operation: "decode_summaries", source };
    let ids = rows.iter().map(|row| row.try_get("id")).collect::<Result<Vec<Uuid>, _>>().map_err(decoded)?;
    let mut variants = if ids.is_empty() { HashMap::new() } else { variants(db, &mut connection, &ids).await? };
    drop(connection);
    rows.iter()
        .zip(ids)
        .map(|(row, id)| listed(row, id, variants.remove(&id).unwrap_or_default(), &excerpt))
        .collect::<Result<_, _>>()
        .map_err(decoded)
}

async fn variants(
    db: &Database,
    connection: &mut PoolConnection<Postgres>,
    products: &[Uuid],
) -> Result<HashMap<Uuid, Vec<Variant>>, DatabaseError> {
    let query = sqlx::query(SELECT_VARIANTS).bind(products).try_map(|row: PgRow| {
        let Json(attributes): Json<Attributes> = row.try_get("attributes")?;
        let variant = Variant { sku: row.try_get("sku")?, title: row.try_get("title")?, attributes };
        Ok((row.try_get::<Uuid, _>("product_id")?, variant))
    });
    let rows = db.measure("select_variants", query.fetch_all(&mut **connection)).await?;
    let mut by_product: HashMap<Uuid, Vec<Variant>> = HashMap::with_capacity(products.len());
    for (product, variant) in rows {
        by_product.entry(product).or_default().push(variant);
    }
    Ok(by_product)
}

fn listed(
    row: &PgRow,
    id: Uuid,
    variants: Vec<Variant>,
    excerpt: impl Fn(&str) -> Passage,
) -> Result<Listed, sqlx::Error> {
    let Json(attributes) = row.try_get("attributes")?;
    let passage = excerpt(row.try_get("description")?);
    let summary = ProductSummary {
        id,
        title: row.try_get("title")?,
        brand: row.try_get("brand")?,
        category: category(row)?,
        excerpt: passage.text,
        marks: passage.marks,
        attributes,
        variants,
        updated_at: instant(row, "updated_us")?,
    };
    Ok(Listed { summary, rank: row.try_get("rank")? })
}

fn versioned(row: &PgRow, variants: Vec<Variant>) -> Result<Versioned, sqlx::Error> {
    let Json(attributes) = row.try_get("attributes")?;
    let version: i64 = row.try_get("version")?;
    let product = Product {
        id: row.try_get("id")?,
        title: row.try_get("title")?,
        description: row.try_get("description")?,
        brand: row.try_get("brand")?,
        category: category(row)?,
        attributes,
        variants,
        created_at: instant(row, "created_us")?,
        updated_at: instant(row, "updated_us")?,
    };
    // The column's CHECK keeps it positive.
    Ok(Versioned { product, version: version.unsigned_abs() })
}

fn category(row: &PgRow) -> Result<CategoryRef, sqlx::Error> {
    Ok(CategoryRef { slug: row.try_get("slug")?, name: row.try_get("name")? })
}

fn instant(row: &PgRow, column: &str) -> Result<Timestamp, sqlx::Error> {
    Timestamp::from_microsecond(row.try_get(column)?).map_err(|e| sqlx::Error::Decode(Box::new(e)))
}
