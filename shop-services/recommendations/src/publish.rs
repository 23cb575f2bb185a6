//! Models as the database holds them: written whole or not at all, the latest in use, some older kept.

use jiff::Timestamp;
use shop_kit::instant::{from_micros, seconds};
use shop_kit::{Database, DatabaseError};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::holdout::HitRates;
use crate::model::{Model, Scored};

/// Rows of one statement.
const BATCH: usize = 5_000;
/// Models that are kept besides the latest.
const OLDER: i64 = 2;

const SELECT_LATEST: &str = "\
SELECT version, (extract(epoch FROM trained_at) * 1000000)::bigint, forgotten FROM models ORDER BY version DESC LIMIT 1";

const INSERT_MODEL: &str = "\
INSERT INTO models (trained_at, forgotten, baskets, held_out, hit_rate, popular_hit_rate)
VALUES (to_timestamp($1), $2, $3, $4, $5, $6) RETURNING version";

const INSERT_NEIGHBOURS: &str = "\
INSERT INTO neighbours (version, product_id, neighbour_id, score)
SELECT $1, product_id, neighbour_id, score
FROM unnest($2::uuid[], $3::uuid[], $4::real[]) AS n (product_id, neighbour_id, score)";

const INSERT_POPULAR: &str = "\
INSERT INTO popular (version, product_id, score)
SELECT $1, product_id, score FROM unnest($2::uuid[], $3::real[]) AS p (product_id, score)";

/// Those that know of somebody who was forgotten go at once.
const DELETE_OLDER: &str = "DELETE FROM models WHERE version < $1 AND (forgotten < $2 OR version < $1 - $3)";

/// The latest model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Latest {
    /// Its version.
    pub version: i64,
    /// When it was trained.
    pub trained_at: Timestamp,
    /// How many customers were forgotten when its history was read.
    pub forgotten: i64,
}

/// A model to write, and what it was trained from.
#[derive(Debug, Clone, PartialEq)]
pub struct Trained {
    /// What was learned.
    pub model: Model,
    /// How good it is, where that could be measured.
    pub rates: Option<HitRates>,
    /// When it was trained.
    pub at: Timestamp,
    /// How many customers were forgotten when its history was read.
    pub forgotten: i64,
    /// Baskets it was trained from.
    pub baskets: usize,
}

/// The model in use, where there is one.
///
/// # Errors
/// Where the database fails.
pub async fn latest(db: &Database, connection: &mut PgConnection) -> Result<Option<Latest>, DatabaseError> {
    let select = sqlx::query_as::<_, (i64, i64, i64)>(SELECT_LATEST).fetch_optional(connection);
    let Some((version, micros, forgotten)) = db.measure("select_latest", select).await? else { return Ok(None) };
    let trained_at =
        from_micros(micros).map_err(|source| DatabaseError::Operation { operation: "select_latest", source })?;
    Ok(Some(Latest { version, trained_at, forgotten }))
}

/// Writes a model, and deletes those that are too old; returns its version.
///
/// # Errors
/// Where the database fails; then the transaction must not be committed.
pub async fn publish(db: &Database, tx: &mut PgConnection, trained: &Trained) -> Result<i64, DatabaseError> {
    let Trained { model, rates, at, forgotten, baskets } = trained;
    let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    let insert = sqlx::query_scalar::<_, i64>(INSERT_MODEL)
        .bind(seconds(*at))
        .bind(forgotten)
        .bind(count(*baskets))
        .bind(count(rates.map_or(0, |rates| rates.orders)))
        .bind(rates.map(|rates| rates.model))
        .bind(rates.map(|rates| rates.popular));
    let version = db.measure("insert_model", insert.fetch_one(&mut *tx)).await?;
    let rows: Vec<(Uuid, Scored)> =
        model.neighbours.iter().flat_map(|(product, all)| all.iter().map(|one| (*product, *one))).collect();
    for batch in rows.chunks(BATCH) {
        let insert = sqlx::query(INSERT_NEIGHBOURS)
            .bind(version)
            .bind(batch.iter().map(|(product, _)| *product).collect::<Vec<_>>())
            .bind(batch.iter().map(|(_, (neighbour, _))| *neighbour).collect::<Vec<_>>())
            .bind(batch.iter().map(|(_, (_, score))| *score).collect::<Vec<_>>());
        db.measure("insert_neighbours", insert.execute(&mut *tx)).await?;
    }
    let insert = sqlx::query(INSERT_POPULAR)
        .bind(version)
        .bind(model.popular.iter().map(|(product, _)| *product).collect::<Vec<_>>())
        .bind(model.popular.iter().map(|(_, score)| *score).collect::<Vec<_>>());
    db.measure("insert_popular", insert.execute(&mut *tx)).await?;
    let delete = sqlx::query(DELETE_OLDER).bind(version).bind(forgotten).bind(OLDER);
    db.measure("delete_older", delete.execute(tx)).await?;
    Ok(version)
}
