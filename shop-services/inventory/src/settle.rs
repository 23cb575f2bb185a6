//! Settling a reservation: committed, released, expired, each at most once and never by an overtaken caller.

use shop_contracts::ErrorCode;
use shop_contracts::event::{STOCK_COMMITTED, STOCK_RELEASED, StockMoved};
use shop_contracts::inventory::{Reservation, ReservationState};
use shop_kit::instant::from_micros;
use shop_kit::{Database, DatabaseError, Problem};
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use crate::error::known;
use crate::stock::{Entry, Kind, Teller, apply};

const LOCK_RESERVATION: &str = "\
SELECT order_id, state, fence, expires_at <= clock_timestamp() AS overdue,
       (extract(epoch FROM expires_at) * 1000000)::bigint AS expires_us
FROM reservations WHERE id = $1 FOR UPDATE";

const RAISE_FENCE: &str = "UPDATE reservations SET fence = $2 WHERE id = $1 AND fence < $2";

const SELECT_LINES: &str = "SELECT sku, quantity FROM reservation_lines WHERE reservation_id = $1 ORDER BY sku";

const SETTLE: &str = "UPDATE reservations SET state = $2, settled_at = clock_timestamp() WHERE id = $1";

const LOCK_OVERDUE: &str = "\
SELECT id FROM reservations WHERE state = 'held' AND expires_at <= clock_timestamp()
ORDER BY expires_at LIMIT 1 FOR UPDATE SKIP LOCKED";

/// A reservation whose row is locked until the end of the transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locked {
    /// The reservation.
    pub reservation: Reservation,
    /// Its time is up, whether or not it has been swept.
    pub overdue: bool,
}

/// Takes what is set aside, for good; a reservation that is committed stays so.
///
/// # Errors
/// `reservation-not-found`, `reservation-closed`, `stale-fence`, or where the database fails; then the transaction
/// must not be committed.
pub async fn commit(
    db: &Database,
    tx: &mut PgConnection,
    id: Uuid,
    fence: u32,
    teller: &Teller,
) -> Result<Reservation, Problem> {
    let locked = lock(db, tx, id, fence).await?;
    match locked.reservation.state {
        ReservationState::Committed => Ok(locked.reservation),
        ReservationState::Held if !locked.overdue => turn(db, tx, locked.reservation, Kind::Committed, teller).await,
        state => {
            let state = if state == ReservationState::Held { ReservationState::Expired } else { state };
            Err(known(ErrorCode::ReservationClosed, format!("reservation {id} is {}; reserve again", state.name())))
        }
    }
}

/// Gives back what is set aside, or what was committed; a reservation that was given back stays so.
///
/// # Errors
/// `reservation-not-found`, `stale-fence`, or where the database fails; then the transaction must not be committed.
pub async fn release(
    db: &Database,
    tx: &mut PgConnection,
    id: Uuid,
    fence: u32,
    teller: &Teller,
) -> Result<Reservation, Problem> {
    let Locked { reservation, .. } = lock(db, tx, id, fence).await?;
    match reservation.state {
        ReservationState::Released | ReservationState::Expired => Ok(reservation),
        ReservationState::Held => turn(db, tx, reservation, Kind::Released, teller).await,
        ReservationState::Committed => turn(db, tx, reservation, Kind::Restocked, teller).await,
    }
}

/// Gives back one reservation whose time is up, if there is one that no other replica is at.
///
/// # Errors
/// Where the database fails; then the transaction must not be committed.
pub async fn expire_one(db: &Database, tx: &mut PgConnection, teller: &Teller) -> Result<Option<Reservation>, Problem> {
    let select = sqlx::query_scalar::<_, Uuid>(LOCK_OVERDUE);
    let Some(id) = db.measure("lock_overdue", select.fetch_optional(&mut *tx)).await? else { return Ok(None) };
    let Locked { reservation, .. } = read(db, tx, id).await?.0;
    turn(db, tx, reservation, Kind::Expired, teller).await.map(Some)
}

/// Locks a reservation for a caller with this fencing token, which becomes the least that is accepted.
///
/// # Errors
/// `reservation-not-found`, `stale-fence`, or where the database fails.
pub async fn lock(db: &Database, tx: &mut PgConnection, id: Uuid, fence: u32) -> Result<Locked, Problem> {
    let (locked, seen) = read(db, tx, id).await?;
    if i64::from(fence) < seen {
        let detail = format!("fence is {fence}, and {seen} was here before: another worker has this order now");
        return Err(known(ErrorCode::StaleFence, detail));
    }
    let raise = sqlx::query(RAISE_FENCE).bind(id).bind(i64::from(fence));
    db.measure("raise_fence", raise.execute(tx)).await?;
    Ok(locked)
}

/// The lines of a reservation by SKU.
///
/// # Errors
/// Where the database fails.
pub async fn lines(db: &Database, tx: &mut PgConnection, id: Uuid) -> Result<Vec<(String, i64)>, DatabaseError> {
    let select = sqlx::query_as::<_, (String, i64)>(SELECT_LINES).bind(id);
    db.measure("select_lines", select.fetch_all(tx)).await
}

async fn turn(
    db: &Database,
    tx: &mut PgConnection,
    reservation: Reservation,
    kind: Kind,
    teller: &Teller,
) -> Result<Reservation, Problem> {
    let Reservation { id, order_id, .. } = reservation;
    let (state, told) = match kind {
        Kind::Committed => (ReservationState::Committed, STOCK_COMMITTED),
        Kind::Expired => (ReservationState::Expired, STOCK_RELEASED),
        _ => (ReservationState::Released, STOCK_RELEASED),
    };
    db.measure("settle", sqlx::query(SETTLE).bind(id).bind(state.name()).execute(&mut *tx)).await?;
    let lines = lines(db, tx, id).await?;
    teller.event(told, &StockMoved { reservation_id: id, order_id })?.record(db, tx).await?;
    for (sku, units) in &lines {
        let entry = Entry { kind, sku, units: *units, reservation: Some(id), reason: None };
        apply(db, tx, entry).await?.ok_or_else(|| contradiction(&entry))?;
    }
    Ok(Reservation { state, ..reservation })
}

/// Only a defect of ours gets here: what is set aside can always be taken or given back.
fn contradiction(entry: &Entry<'_>) -> Problem {
    tracing::error!(?entry, "the stock contradicts a reservation");
    Problem::internal()
}

async fn read(db: &Database, tx: &mut PgConnection, id: Uuid) -> Result<(Locked, i64), Problem> {
    let select = sqlx::query(LOCK_RESERVATION).bind(id);
    let row = db.measure("lock_reservation", select.fetch_optional(tx)).await?;
    let row = row.ok_or_else(|| known(ErrorCode::ReservationNotFound, format!("no reservation has the id {id}")))?;
    let decode = || {
        let name: String = row.try_get("state")?;
        let state = ReservationState::ALL.into_iter().find(|s| s.name() == name);
        let state = state.ok_or_else(|| sqlx::Error::Decode(format!("{name} is no state").into()))?;
        let expires_at = from_micros(row.try_get("expires_us")?)?;
        let reservation = Reservation { id, order_id: row.try_get("order_id")?, state, expires_at };
        Ok((Locked { reservation, overdue: row.try_get("overdue")? }, row.try_get("fence")?))
    };
    Ok(decode().map_err(|source| DatabaseError::Operation { operation: "lock_reservation", source })?)
}
