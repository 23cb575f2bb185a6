//! What people took, as the shop's events tell it: products and their SKUs, carts as they are now, orders for good.

use jiff::Timestamp;
use shop_kit::instant::{from_micros, seconds};
use shop_kit::{Database, DatabaseError};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::model::Basket;

/// Retired stays retired, in whichever order it is told.
const KNOW_PRODUCT: &str = "\
INSERT INTO products (product_id, retired) VALUES ($1, $2)
ON CONFLICT (product_id) DO UPDATE SET retired = products.retired OR excluded.retired";

const KNOW_SKUS: &str = "\
INSERT INTO skus (sku, product_id) SELECT sku, $1 FROM unnest($2::text[]) AS s (sku)
ON CONFLICT (sku) DO UPDATE SET product_id = excluded.product_id";

/// Whoever writes about a customer waits for whoever forgets them, and the other way round.
const LOCK_CUSTOMER: &str = "SELECT pg_advisory_xact_lock(hashtextextended($1::text, 0))";

const IS_FORGOTTEN: &str = "SELECT EXISTS (SELECT FROM forgotten WHERE customer_id = $1)";

/// Nothing where it is told of later what was before.
const SET_BASKET: &str = "\
INSERT INTO baskets AS b (id, bought, customer_id, at) VALUES ($1, $2, $3, to_timestamp($4))
ON CONFLICT (id) DO UPDATE SET at = excluded.at, customer_id = excluded.customer_id WHERE b.at <= excluded.at";

const EMPTY_BASKET: &str = "DELETE FROM basket_items WHERE basket_id = $1";

const FILL_BASKET: &str = "\
INSERT INTO basket_items (basket_id, sku) SELECT DISTINCT $1::uuid, sku FROM unnest($2::text[]) AS s (sku)";

const DELETE_OF_CUSTOMER: &str = "DELETE FROM baskets WHERE customer_id = $1";

const FORGET: &str = "INSERT INTO forgotten (customer_id) VALUES ($1) ON CONFLICT DO NOTHING";

const COUNT_FORGOTTEN: &str = "SELECT count(*) FROM forgotten";

/// The youngest lines; a basket's lines stand together.
const SELECT_LINES: &str = "\
SELECT b.id, coalesce(b.customer_id, b.id), b.bought, (extract(epoch FROM b.at) * 1000000)::bigint, s.product_id
FROM baskets b JOIN basket_items i ON i.basket_id = b.id JOIN skus s USING (sku) JOIN products p USING (product_id)
WHERE NOT p.retired AND b.at > to_timestamp($1)
ORDER BY b.at DESC, b.id LIMIT $2";

const DELETE_OLD: &str = "\
DELETE FROM baskets WHERE id IN (SELECT id FROM baskets WHERE at <= to_timestamp($1) LIMIT 5000 FOR UPDATE SKIP LOCKED)";

/// What is told of a cart or an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The cart or the order.
    pub id: Uuid,
    /// It is an order.
    pub bought: bool,
    /// Whose it is; `None` where it is a guest's.
    pub customer: Option<Uuid>,
    /// When it was so.
    pub at: Timestamp,
    /// What is in it.
    pub skus: Vec<String>,
}

/// A product is sold, or is not any more.
///
/// # Errors
/// Where the database fails; then the transaction must not be committed.
pub async fn know(
    db: &Database,
    tx: &mut PgConnection,
    product: Uuid,
    mut skus: Vec<String>,
    retired: bool,
) -> Result<(), DatabaseError> {
    skus.sort_unstable();
    skus.dedup();
    db.measure("know_product", sqlx::query(KNOW_PRODUCT).bind(product).bind(retired).execute(&mut *tx)).await?;
    db.measure("know_skus", sqlx::query(KNOW_SKUS).bind(product).bind(skus).execute(tx)).await.map(drop)
}

/// Remembers a cart as it is now, or an order; nothing of who was forgotten.
///
/// # Errors
/// Where the database fails; then the transaction must not be committed.
pub async fn remember(db: &Database, tx: &mut PgConnection, told: Told) -> Result<(), DatabaseError> {
    let Told { id, bought, customer, at, skus } = told;
    if let Some(customer) = customer {
        lock(db, tx, customer).await?;
        let forgotten = sqlx::query_scalar::<_, bool>(IS_FORGOTTEN).bind(customer).fetch_one(&mut *tx);
        if db.measure("is_forgotten", forgotten).await? {
            return Ok(());
        }
    }
    let set = sqlx::query(SET_BASKET).bind(id).bind(bought).bind(customer).bind(seconds(at));
    if db.measure("set_basket", set.execute(&mut *tx)).await?.rows_affected() == 0 {
        return Ok(());
    }
    db.measure("empty_basket", sqlx::query(EMPTY_BASKET).bind(id).execute(&mut *tx)).await?;
    db.measure("fill_basket", sqlx::query(FILL_BASKET).bind(id).bind(skus).execute(tx)).await.map(drop)
}

/// Forgets a customer, now and for what is told of them later.
///
/// # Errors
/// Where the database fails; then the transaction must not be committed.
pub async fn forget(db: &Database, tx: &mut PgConnection, customer: Uuid) -> Result<(), DatabaseError> {
    lock(db, tx, customer).await?;
    db.measure("forget", sqlx::query(FORGET).bind(customer).execute(&mut *tx)).await?;
    db.measure("delete_of_customer", sqlx::query(DELETE_OF_CUSTOMER).bind(customer).execute(tx)).await.map(drop)
}

/// How many customers were forgotten.
///
/// # Errors
/// Where the database fails.
pub async fn forgotten(db: &Database, connection: &mut PgConnection) -> Result<i64, DatabaseError> {
    db.measure("count_forgotten", sqlx::query_scalar::<_, i64>(COUNT_FORGOTTEN).fetch_one(connection)).await
}

/// What was taken after `since`, the youngest first, up to so many lines; retired products are left out.
///
/// # Errors
/// Where the database fails.
pub async fn baskets(
    db: &Database,
    connection: &mut PgConnection,
    since: Timestamp,
    lines: u32,
) -> Result<Vec<Basket>, DatabaseError> {
    let select =
        sqlx::query_as::<_, (Uuid, Uuid, bool, i64, Uuid)>(SELECT_LINES).bind(seconds(since)).bind(i64::from(lines));
    let rows = db.measure("select_lines", select.fetch_all(connection)).await?;
    let mut baskets: Vec<Basket> = Vec::new();
    let mut last = None;
    for (id, person, bought, micros, product) in rows {
        let at =
            from_micros(micros).map_err(|source| DatabaseError::Operation { operation: "select_lines", source })?;
        if last != Some(id) {
            last = Some(id);
            baskets.push(Basket { person, bought, at, products: Vec::new() });
        }
        // Two variants of a product are one product.
        if let Some(basket) = baskets.last_mut().filter(|basket| !basket.products.contains(&product)) {
            basket.products.push(product);
        }
    }
    Ok(baskets)
}

/// Deletes what was taken until `since`, up to 5000 baskets.
///
/// # Errors
/// Where the database fails.
pub async fn delete_old(db: &Database, since: Timestamp) -> Result<(), DatabaseError> {
    let mut connection = db.connection().await?;
    let delete = sqlx::query(DELETE_OLD).bind(seconds(since)).execute(&mut *connection);
    db.measure("delete_old", delete).await.map(drop)
}

async fn lock(db: &Database, tx: &mut PgConnection, customer: Uuid) -> Result<(), DatabaseError> {
    db.measure("lock_customer", sqlx::query(LOCK_CUSTOMER).bind(customer).execute(tx)).await.map(drop)
}
