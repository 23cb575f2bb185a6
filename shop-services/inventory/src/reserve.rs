//! Setting stock aside: all lines or none, in the order of SKUs, once per order.

use std::time::Duration;

use shop_contracts::ErrorCode;
use shop_contracts::event::{STOCK_RESERVED, StockMoved};
use shop_contracts::inventory::{NewReservation, Reservation, ReservationLine, ReservationState};
use shop_kit::instant::from_micros;
use shop_kit::{Database, DatabaseError, Problem};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::error::known;
use crate::settle;
use crate::stock::{Entry, Kind, Teller, apply, unknown};

/// Times are the database's: one clock for all replicas, so that skew between them expires nothing early.
const INSERT_RESERVATION: &str = "\
INSERT INTO reservations (id, order_id, state, fence, expires_at)
VALUES ($1, $2, 'held', $3, clock_timestamp() + make_interval(secs => $4))
ON CONFLICT ON CONSTRAINT reservations_one_per_order DO NOTHING
RETURNING (extract(epoch FROM expires_at) * 1000000)::bigint";

const INSERT_LINES: &str = "\
INSERT INTO reservation_lines (reservation_id, sku, quantity)
SELECT $1, sku, quantity FROM unnest($2::text[], $3::bigint[]) AS line (sku, quantity)";

const SELECT_MISSING: &str = "\
SELECT sku FROM unnest($1::text[]) AS wanted (sku) WHERE NOT EXISTS (SELECT FROM stock s WHERE s.sku = wanted.sku)";

const SELECT_OF_ORDER: &str = "SELECT id FROM reservations WHERE order_id = $1";

/// Under which id, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// `UUIDv7`.
    pub id: Uuid,
    /// Until it expires.
    pub ttl: Duration,
}

/// Sets the lines aside and tells of it; an order that has a reservation of the same lines has it once.
///
/// # Errors
/// `out-of-stock`, `sku-unknown`, `stale-fence`, `reservation-closed`, or where the database fails; then the
/// transaction must not be committed.
pub async fn reserve(
    db: &Database,
    tx: &mut PgConnection,
    new: &NewReservation,
    terms: Terms,
    teller: &Teller,
) -> Result<Reservation, Problem> {
    let Terms { id, ttl } = terms;
    // Every transaction takes stock in this order, so none waits for another that waits for it.
    let mut lines = new.lines.clone();
    lines.sort_by(|a, b| a.sku.cmp(&b.sku));
    let insert = sqlx::query_scalar::<_, i64>(INSERT_RESERVATION)
        .bind(id)
        .bind(new.order_id)
        .bind(i64::from(new.fence))
        .bind(ttl.as_secs_f64());
    let Some(expires_us) = db.measure("insert_reservation", insert.fetch_optional(&mut *tx)).await? else {
        return repeated(db, tx, new, &lines).await;
    };
    insert_lines(db, tx, id, &lines).await?;
    let moved = StockMoved { reservation_id: id, order_id: new.order_id };
    teller.event(STOCK_RESERVED, &moved)?.record(db, tx).await?;
    // Last, so that the rows everybody wants are locked for the shortest time.
    for line in &lines {
        let units = i64::from(line.quantity);
        let entry = Entry { kind: Kind::Reserved, sku: &line.sku, units, reservation: Some(id), reason: None };
        let stock = apply(db, tx, entry)
            .await?
            .ok_or_else(|| known(ErrorCode::OutOfStock, format!("fewer than {units} of {} can be sold", line.sku)))?;
        teller.tell(db, tx, &stock, units).await?;
    }
    let expires_at = from_micros(expires_us)
        .map_err(|source| DatabaseError::Operation { operation: "insert_reservation", source })?;
    Ok(Reservation { id, order_id: new.order_id, state: ReservationState::Held, expires_at })
}

async fn insert_lines(
    db: &Database,
    tx: &mut PgConnection,
    id: Uuid,
    lines: &[ReservationLine],
) -> Result<(), Problem> {
    let skus: Vec<&str> = lines.iter().map(|l| l.sku.as_str()).collect();
    let missing = sqlx::query_scalar::<_, String>(SELECT_MISSING).bind(&skus);
    if let Some(sku) = db.measure("select_missing", missing.fetch_optional(&mut *tx)).await? {
        return Err(unknown(&sku));
    }
    let quantities: Vec<i64> = lines.iter().map(|l| i64::from(l.quantity)).collect();
    let insert = sqlx::query(INSERT_LINES).bind(id).bind(&skus).bind(&quantities);
    Ok(db.measure("insert_lines", insert.execute(tx)).await.map(drop)?)
}

/// The order has a reservation: the same again answers with it, anything else is refused.
async fn repeated(
    db: &Database,
    tx: &mut PgConnection,
    new: &NewReservation,
    lines: &[ReservationLine],
) -> Result<Reservation, Problem> {
    let select = sqlx::query_scalar::<_, Uuid>(SELECT_OF_ORDER).bind(new.order_id);
    let id = db.measure("select_of_order", select.fetch_one(&mut *tx)).await?;
    let held = settle::lock(db, tx, id, new.fence).await?;
    let same = settle::lines(db, tx, id).await?
        == lines.iter().map(|l| (l.sku.clone(), i64::from(l.quantity))).collect::<Vec<_>>();
    if same && held.reservation.state == ReservationState::Held && !held.overdue {
        return Ok(held.reservation);
    }
    let (order, state) = (new.order_id, held.reservation.state.name());
    Err(known(
        ErrorCode::ReservationClosed,
        format!("order {order} has a reservation that is {state} or of other lines"),
    ))
}
