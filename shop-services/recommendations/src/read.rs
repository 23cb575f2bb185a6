//! What a request needs of the latest model: the neighbours of some products, and what many take.

use std::collections::BTreeSet;

use shop_contracts::recommendations::{Recommendation, Recommendations};
use shop_kit::{Database, DatabaseError};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::model::Scored;
use crate::rank::rank;

/// Products of a history that count at most, the youngest.
const HISTORY: i64 = 50;

const SELECT_VERSION: &str = "SELECT max(version) FROM models";

const SELECT_VOTES: &str = "\
SELECT n.neighbour_id, n.score FROM neighbours n JOIN products p ON p.product_id = n.neighbour_id AND NOT p.retired
WHERE n.version = $1 AND n.product_id = ANY($2) ORDER BY n.product_id, n.neighbour_id";

const SELECT_POPULAR: &str = "\
SELECT b.product_id FROM popular b JOIN products p ON p.product_id = b.product_id AND NOT p.retired
WHERE b.version = $1 ORDER BY b.score DESC, b.product_id LIMIT $2";

const SELECT_HISTORY: &str = "\
SELECT s.product_id FROM baskets b JOIN basket_items i ON i.basket_id = b.id JOIN skus s USING (sku)
WHERE b.customer_id = $1 GROUP BY s.product_id ORDER BY max(b.at) DESC, s.product_id LIMIT $2";

/// What goes with a product.
///
/// # Errors
/// Where the database fails.
pub async fn beside(db: &Database, product: Uuid, limit: u32) -> Result<Recommendations, DatabaseError> {
    let mut connection = db.connection().await?;
    recommend(db, &mut connection, BTreeSet::from([product]), limit).await
}

/// What goes with that which a customer collected and bought.
///
/// # Errors
/// Where the database fails.
pub async fn for_customer(db: &Database, customer: Uuid, limit: u32) -> Result<Recommendations, DatabaseError> {
    let mut connection = db.connection().await?;
    let select = sqlx::query_scalar::<_, Uuid>(SELECT_HISTORY).bind(customer).bind(HISTORY);
    let history = db.measure("select_history", select.fetch_all(&mut *connection)).await?;
    recommend(db, &mut connection, history.into_iter().collect(), limit).await
}

async fn recommend(
    db: &Database,
    connection: &mut PgConnection,
    seen: BTreeSet<Uuid>,
    limit: u32,
) -> Result<Recommendations, DatabaseError> {
    let version = sqlx::query_scalar::<_, Option<i64>>(SELECT_VERSION).fetch_one(&mut *connection);
    let model = db.measure("select_version", version).await?;
    let products: Vec<Uuid> = seen.iter().copied().collect();
    let votes = sqlx::query_as::<_, Scored>(SELECT_VOTES).bind(model).bind(products);
    let votes = db.measure("select_votes", votes.fetch_all(&mut *connection)).await?;
    // So many that enough are left when what was seen is taken out.
    let enough = i64::from(limit) + i64::try_from(seen.len()).unwrap_or(HISTORY);
    let popular = sqlx::query_scalar::<_, Uuid>(SELECT_POPULAR).bind(model).bind(enough);
    let popular = db.measure("select_popular", popular.fetch_all(connection)).await?;
    let (source, ranked) = rank(votes, popular, &seen, limit as usize);
    let items = ranked.into_iter().map(|product_id| Recommendation { product_id }).collect();
    Ok(Recommendations { source, model, items })
}
