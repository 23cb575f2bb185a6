//! What administrators change: create, change and retire, each one transaction that checks the version it saw, and
//! tells of it.

use jiff::Timestamp;
use serde::Serialize;
use shop_contracts::ErrorCode;
use shop_contracts::catalog::{NewProduct, NewVariant, ProductPatch};
use shop_contracts::event::{
    PRODUCT_CREATED, PRODUCT_RETIRED, PRODUCT_UPDATED, ProductCreated, ProductRetired, ProductUpdated,
};
use shop_kit::event::Event;
use shop_kit::instant::seconds;
use shop_kit::precondition::{EntityTag, IfMatch};
use shop_kit::{Database, DatabaseError, Identity, Problem};
use sqlx::PgConnection;
use sqlx::types::Json;
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

const SELECT_SKUS: &str = "SELECT sku FROM variants WHERE product_id = $1 ORDER BY position";

const DELETE_VARIANTS: &str = "DELETE FROM variants WHERE product_id = $1";

const RETIRE_PRODUCT: &str = "\
UPDATE products SET retired_at = to_timestamp($2), updated_at = to_timestamp($2), version = version + 1 WHERE id = $1";

/// Changes products.
#[derive(Debug, Clone)]
pub struct Changer {
    /// Where.
    pub db: Database,
    /// Ids and times.
    pub identity: Identity,
}

impl Changer {
    /// Creates a product at version 1; returns its id.
    ///
    /// # Errors
    /// `unknown-category`, `sku-taken`, or where the database fails; then nothing is written.
    pub async fn create(&self, product: &NewProduct) -> Result<Uuid, Refusal> {
        let at = self.identity.now();
        let id = self.identity.mint(at);
        let mut tx = self.db.begin().await?;
        let insert = sqlx::query(INSERT_PRODUCT)
            .bind(id)
            .bind(&product.title)
            .bind(&product.description)
            .bind(&product.brand)
            .bind(&product.category)
            .bind(Json(&product.attributes))
            .bind(seconds(at));
        let inserted = self.db.measure("insert_product", insert.execute(&mut *tx)).await?.rows_affected();
        if inserted == 0 {
            return Err(unknown_category(&product.category));
        }
        insert_variants(&self.db, &mut tx, id, &product.variants).await?;
        let skus = product.variants.iter().map(|v| v.sku.clone()).collect();
        self.tell(&mut tx, PRODUCT_CREATED, at, &ProductCreated { product_id: id, skus }).await?;
        self.db.measure("commit", tx.commit()).await?;
        Ok(id)
    }

    /// Changes a product that is still in the state the client saw.
    ///
    /// # Errors
    /// 404, 412, `unknown-category`, `sku-taken`, or where the database fails; then nothing is written.
    pub async fn update(&self, id: Uuid, seen: &IfMatch, patch: &ProductPatch) -> Result<(), Refusal> {
        let at = self.identity.now();
        let mut tx = self.db.begin().await?;
        lock(&self.db, &mut tx, id, seen).await?;
        let category = match &patch.category {
            None => None,
            Some(slug) => Some(category(&self.db, &mut tx, slug).await?),
        };
        let update = sqlx::query(UPDATE_PRODUCT)
            .bind(id)
            .bind(&patch.title)
            .bind(&patch.description)
            .bind(&patch.brand)
            .bind(category)
            .bind(patch.attributes.as_ref().map(Json))
            .bind(seconds(at));
        self.db.measure("update_product", update.execute(&mut *tx)).await?;
        if let Some(variants) = &patch.variants {
            self.db.measure("delete_variants", sqlx::query(DELETE_VARIANTS).bind(id).execute(&mut *tx)).await?;
            insert_variants(&self.db, &mut tx, id, variants).await?;
        }
        let skus = self.skus(&mut tx, id).await?;
        self.tell(&mut tx, PRODUCT_UPDATED, at, &ProductUpdated { product_id: id, skus }).await?;
        Ok(self.db.measure("commit", tx.commit()).await?)
    }

    /// Retires a product that is still in the state the client saw; its SKUs stay taken.
    ///
    /// # Errors
    /// 404, 412, or where the database fails; then nothing is written.
    pub async fn retire(&self, id: Uuid, seen: &IfMatch) -> Result<(), Refusal> {
        let at = self.identity.now();
        let mut tx = self.db.begin().await?;
        lock(&self.db, &mut tx, id, seen).await?;
        let retire = sqlx::query(RETIRE_PRODUCT).bind(id).bind(seconds(at));
        self.db.measure("retire_product", retire.execute(&mut *tx)).await?;
        let skus = self.skus(&mut tx, id).await?;
        self.tell(&mut tx, PRODUCT_RETIRED, at, &ProductRetired { product_id: id, skus }).await?;
        Ok(self.db.measure("commit", tx.commit()).await?)
    }

    async fn skus(&self, tx: &mut PgConnection, id: Uuid) -> Result<Vec<String>, DatabaseError> {
        let select = sqlx::query_scalar::<_, String>(SELECT_SKUS).bind(id);
        self.db.measure("select_skus", select.fetch_all(tx)).await
    }

    async fn tell(
        &self,
        tx: &mut PgConnection,
        kind: &str,
        at: Timestamp,
        data: &(impl Serialize + Sync),
    ) -> Result<(), Refusal> {
        let event = Event::new(self.identity.mint(at), kind, at, data).map_err(|_| Problem::internal())?;
        Ok(event.record(&self.db, tx).await?)
    }
}

/// The refusal of an id that no product has.
pub fn not_found(id: Uuid) -> Refusal {
    Refusal::Known(ErrorCode::ProductNotFound, format!("no product has the id {id}"))
}

/// The refusal of a slug that no category has.
pub fn unknown_category(slug: &str) -> Refusal {
    Refusal::Known(ErrorCode::UnknownCategory, format!("no category has the slug {slug:?}; see /v1/categories"))
}

async fn lock(db: &Database, tx: &mut PgConnection, id: Uuid, seen: &IfMatch) -> Result<(), Refusal> {
    let query = sqlx::query_scalar::<_, i64>(LOCK_VERSION).bind(id);
    let version = db.measure("lock_version", query.fetch_optional(tx)).await?.ok_or_else(|| not_found(id))?;
    Ok(seen.check(&EntityTag::of_version(version.unsigned_abs()))?)
}

async fn category(db: &Database, tx: &mut PgConnection, slug: &str) -> Result<Uuid, Refusal> {
    let query = sqlx::query_scalar::<_, Uuid>(SELECT_CATEGORY).bind(slug);
    db.measure("select_category", query.fetch_optional(tx)).await?.ok_or_else(|| unknown_category(slug))
}

async fn insert_variants(
    db: &Database,
    tx: &mut PgConnection,
    product: Uuid,
    variants: &[NewVariant],
) -> Result<(), DatabaseError> {
    let skus: Vec<&str> = variants.iter().map(|v| v.sku.as_str()).collect();
    let titles: Vec<&str> = variants.iter().map(|v| v.title.as_str()).collect();
    let attributes: Vec<Json<_>> = variants.iter().map(|v| Json(&v.attributes)).collect();
    let insert = sqlx::query(INSERT_VARIANTS).bind(product).bind(skus).bind(titles).bind(attributes);
    db.measure("insert_variants", insert.execute(tx)).await.map(drop)
}
