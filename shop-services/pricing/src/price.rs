//! Prices and rates in the database: append-only lists, of which the latest valid row counts.

use std::collections::BTreeMap;

use jiff::Timestamp;
use shop_contracts::event::{PRICE_CHANGED, PriceChanged};
use shop_contracts::money::{Currency, Money};
use shop_contracts::pricing::{NewPrice, Rate};
use shop_kit::event::Event;
use shop_kit::instant::seconds;
use shop_kit::{Database, DatabaseError, Problem};
use sqlx::PgConnection;
use uuid::Uuid;

const INSERT_PRICE: &str = "\
INSERT INTO prices (sku, currency, valid_from, amount) VALUES ($1, $2, to_timestamp($3), $4)
ON CONFLICT (sku, currency, valid_from) DO UPDATE SET amount = excluded.amount";

const SELECT_PRICES: &str = "\
SELECT DISTINCT ON (sku) sku, amount FROM prices
WHERE sku = ANY($1) AND currency = $2 AND valid_from <= to_timestamp($3) ORDER BY sku, valid_from DESC";

const INSERT_RATE: &str = "\
INSERT INTO rates (country, currency, valid_from, shipping, free_from, tax_per_10k)
VALUES ($1, $2, to_timestamp($3), $4, $5, $6)
ON CONFLICT (country, currency, valid_from)
DO UPDATE SET shipping = excluded.shipping, free_from = excluded.free_from, tax_per_10k = excluded.tax_per_10k";

const SELECT_RATE: &str = "\
SELECT shipping, free_from, tax_per_10k FROM rates
WHERE country = $1 AND currency = $2 AND valid_from <= to_timestamp($3) ORDER BY valid_from DESC LIMIT 1";

/// Sets a price from some moment on and tells of it.
///
/// # Errors
/// Where the database fails; then nothing is written.
pub async fn set(db: &Database, event_id: Uuid, now: Timestamp, price: &NewPrice) -> Result<PriceChanged, Problem> {
    let valid_from = price.valid_from.unwrap_or(now);
    let changed = PriceChanged { sku: price.sku.clone(), price: price.price, valid_from };
    let event = Event::new(event_id, PRICE_CHANGED, now, &changed).map_err(|_| Problem::internal())?;
    let mut tx = db.begin().await?;
    let insert = sqlx::query(INSERT_PRICE)
        .bind(&price.sku)
        .bind(price.price.currency.code())
        .bind(seconds(valid_from))
        .bind(price.price.amount);
    db.measure("insert_price", insert.execute(&mut *tx)).await?;
    event.record(db, &mut tx).await?;
    db.measure("commit", tx.commit()).await?;
    Ok(changed)
}

/// List prices valid at `at`, by SKU; those without a price are absent.
///
/// # Errors
/// Where the database fails.
pub async fn list(
    db: &Database,
    connection: &mut PgConnection,
    skus: &[String],
    currency: Currency,
    at: Timestamp,
) -> Result<BTreeMap<String, Money>, DatabaseError> {
    let select = sqlx::query_as::<_, (String, i64)>(SELECT_PRICES).bind(skus).bind(currency.code()).bind(seconds(at));
    let rows = db.measure("select_prices", select.fetch_all(connection)).await?;
    Ok(rows.into_iter().map(|(sku, amount)| (sku, Money::new(amount, currency))).collect())
}

/// Sets delivery and tax of a country from now on.
///
/// # Errors
/// Where the database fails.
pub async fn set_rate(db: &Database, now: Timestamp, rate: &Rate) -> Result<(), DatabaseError> {
    let mut connection = db.connection().await?;
    let insert = sqlx::query(INSERT_RATE)
        .bind(&rate.country)
        .bind(rate.shipping.currency.code())
        .bind(seconds(now))
        .bind(rate.shipping.amount)
        .bind(rate.free_from)
        .bind(i32::try_from(rate.tax_per_10k).unwrap_or(i32::MAX));
    db.measure("insert_rate", insert.execute(&mut *connection)).await.map(drop)
}

/// Delivery and tax valid at `at`, if the country is delivered to.
///
/// # Errors
/// Where the database fails.
pub async fn rate(
    db: &Database,
    connection: &mut PgConnection,
    country: &str,
    currency: Currency,
    at: Timestamp,
) -> Result<Option<Rate>, DatabaseError> {
    let select =
        sqlx::query_as::<_, (i64, Option<i64>, i32)>(SELECT_RATE).bind(country).bind(currency.code()).bind(seconds(at));
    let row = db.measure("select_rate", select.fetch_optional(connection)).await?;
    Ok(row.map(|(shipping, free_from, tax)| Rate {
        country: country.to_owned(),
        shipping: Money::new(shipping, currency),
        free_from,
        tax_per_10k: tax.unsigned_abs(),
    }))
}
