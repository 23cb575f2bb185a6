//! Stock: levels, adjustments, and the one way in which a line changes it.

use jiff::Timestamp;
use shop_contracts::ErrorCode;
use shop_contracts::event::{STOCK_DEPLETED, STOCK_LOW, StockLevel};
use shop_contracts::inventory::{Adjustment, Level, Stock};
use shop_kit::event::Event;
use shop_kit::{Database, DatabaseError, Identity, Problem};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::error::known;

const SELECT_LEVELS: &str = "SELECT sku, on_hand - reserved FROM stock WHERE sku = ANY($1) ORDER BY sku";

/// The one conditional update: it takes effect only where the stock is not oversold by it.
const MOVE: &str = "\
UPDATE stock SET on_hand = on_hand + $2, reserved = reserved + $3
WHERE sku = $1 AND 0 <= reserved + $3 AND reserved + $3 <= on_hand + $2 RETURNING on_hand, reserved";

const KEEP_STOCK: &str = "INSERT INTO stock (sku) VALUES ($1) ON CONFLICT (sku) DO NOTHING";

const EXISTS: &str = "SELECT EXISTS (SELECT FROM stock WHERE sku = $1)";

const WRITE_LEDGER: &str = "\
INSERT INTO stock_ledger (sku, kind, on_hand_change, reserved_change, reservation_id, reason)
VALUES ($1, $2, $3, $4, $5, $6)";

/// What happens to the stock of an SKU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Units came or went.
    Adjusted,
    /// Units were set aside.
    Reserved,
    /// Units set aside left.
    Committed,
    /// Units set aside were given back.
    Released,
    /// Units set aside were given back because their time was up.
    Expired,
    /// Units that had left came back.
    Restocked,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Adjusted => "adjusted",
            Self::Reserved => "reserved",
            Self::Committed => "committed",
            Self::Released => "released",
            Self::Expired => "expired",
            Self::Restocked => "restocked",
        }
    }

    /// Change of units on hand and of units set aside, for so many units.
    const fn changes(self, units: i64) -> (i64, i64) {
        match self {
            Self::Adjusted | Self::Restocked => (units, 0),
            Self::Reserved => (0, units),
            Self::Committed => (-units, -units),
            Self::Released | Self::Expired => (0, -units),
        }
    }
}

/// One entry of the ledger, with what it changes.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// What happens.
    pub kind: Kind,
    /// To which SKU.
    pub sku: &'a str,
    /// Units; negative only for adjustments.
    pub units: i64,
    /// For which reservation, if any.
    pub reservation: Option<Uuid>,
    /// Why, for adjustments.
    pub reason: Option<&'a str>,
}

/// Who tells of low stock, and when.
#[derive(Debug, Clone)]
pub struct Teller {
    /// Ids and times of events.
    pub identity: Identity,
    /// Units at which stock is low.
    pub low: i64,
}

/// Changes the stock and writes it into the ledger; `None` where it would be oversold or is not kept.
///
/// # Errors
/// Where the database fails.
pub async fn apply(db: &Database, tx: &mut PgConnection, entry: Entry<'_>) -> Result<Option<Stock>, DatabaseError> {
    let (on_hand_change, reserved_change) = entry.kind.changes(entry.units);
    let update = sqlx::query_as::<_, (i64, i64)>(MOVE).bind(entry.sku).bind(on_hand_change).bind(reserved_change);
    let Some((on_hand, reserved)) = db.measure("move_stock", update.fetch_optional(&mut *tx)).await? else {
        return Ok(None);
    };
    let write = sqlx::query(WRITE_LEDGER)
        .bind(entry.sku)
        .bind(entry.kind.name())
        .bind(on_hand_change)
        .bind(reserved_change)
        .bind(entry.reservation)
        .bind(entry.reason);
    db.measure("write_ledger", write.execute(tx)).await?;
    Ok(Some(Stock { sku: entry.sku.to_owned(), on_hand, reserved }))
}

/// Units come or go; a SKU that is new gets a stock of its own.
///
/// # Errors
/// `sku-unknown` or `stock-committed` where units go that are not there, or where the database fails; then the
/// transaction must not be committed.
pub async fn adjust(
    db: &Database,
    tx: &mut PgConnection,
    sku: &str,
    adjustment: &Adjustment,
    teller: &Teller,
) -> Result<Stock, Problem> {
    if adjustment.change > 0 {
        keep(db, tx, sku).await?;
    }
    let reason = Some(adjustment.reason.as_str());
    let entry = Entry { kind: Kind::Adjusted, sku, units: adjustment.change, reservation: None, reason };
    let Some(stock) = apply(db, tx, entry).await? else {
        let exists = sqlx::query_scalar::<_, bool>(EXISTS).bind(sku);
        return Err(if db.measure("exists", exists.fetch_one(tx)).await? {
            known(ErrorCode::StockCommitted, format!("less of {sku} is free; release reservations first"))
        } else {
            unknown(sku)
        });
    };
    if adjustment.change < 0 {
        teller.tell(db, tx, &stock, -adjustment.change).await?;
    }
    Ok(stock)
}

/// Begins to keep the stock of an SKU, with none on hand, unless it is kept already.
///
/// # Errors
/// Where the database fails.
pub async fn keep(db: &Database, tx: &mut PgConnection, sku: &str) -> Result<(), DatabaseError> {
    let insert = sqlx::query(KEEP_STOCK).bind(sku);
    db.measure("keep_stock", insert.execute(tx)).await.map(drop)
}

/// What can be sold of these SKUs; those that are not kept are absent.
///
/// # Errors
/// Where the database fails.
pub async fn levels(db: &Database, skus: &[String]) -> Result<Vec<Level>, DatabaseError> {
    let mut connection = db.connection().await?;
    let select = sqlx::query_as::<_, (String, i64)>(SELECT_LEVELS).bind(skus);
    let rows = db.measure("select_levels", select.fetch_all(&mut *connection)).await?;
    Ok(rows.into_iter().map(|(sku, available)| Level { sku, available }).collect())
}

/// The refusal of an SKU whose stock is not kept.
pub fn unknown(sku: &str) -> Problem {
    known(ErrorCode::SkuUnknown, format!("no stock of {sku} is kept"))
}

impl Teller {
    /// Tells that stock fell to the threshold, or to nothing, by `taken` units; silent where it was there before.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn tell(&self, db: &Database, tx: &mut PgConnection, stock: &Stock, taken: i64) -> Result<(), Problem> {
        let available = stock.on_hand - stock.reserved;
        let before = available + taken;
        let kind = if available == 0 && before > 0 {
            STOCK_DEPLETED
        } else if available <= self.low && before > self.low {
            STOCK_LOW
        } else {
            return Ok(());
        };
        let level = StockLevel { sku: stock.sku.clone(), available };
        Ok(self.event(kind, &level)?.record(db, tx).await?)
    }

    /// An event of now.
    ///
    /// # Errors
    /// Never for the wire types of inventory.
    pub fn event(&self, kind: &str, data: &impl serde::Serialize) -> Result<Event, Problem> {
        let now: Timestamp = self.identity.now();
        Event::new(self.identity.mint(now), kind, now, data).map_err(|_| Problem::internal())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_reserved_and_then_settled_leaves_nothing_set_aside() {
        for end in [Kind::Committed, Kind::Released, Kind::Expired] {
            assert_eq!(Kind::Reserved.changes(3).1 + end.changes(3).1, 0, "{end:?}");
        }
        assert_eq!(Kind::Committed.changes(3).0 + Kind::Restocked.changes(3).0, 0);
    }
}
