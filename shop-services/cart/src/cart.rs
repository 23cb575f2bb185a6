//! Carts as the database holds them.

use shop_contracts::cart::{Cart, CartLine};
use shop_kit::precondition::EntityTag;
use shop_kit::{Database, DatabaseError};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::owner::Owner;

const SELECT_CART: &str = "SELECT id, version FROM carts WHERE customer_id = $1 OR guest_digest = $2";

const INSERT_CART: &str = "\
INSERT INTO carts (id, customer_id, guest_digest) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";

const LOCK_CART: &str = "SELECT id, version FROM carts WHERE customer_id = $1 OR guest_digest = $2 FOR UPDATE";

/// In the order of ids, so that nobody waits for somebody who waits for him.
const LOCK_BOTH: &str = "\
SELECT id, customer_id IS NOT NULL FROM carts WHERE customer_id = $1 OR guest_digest = $2 ORDER BY id FOR UPDATE";

const SELECT_LINES: &str = "SELECT sku, quantity FROM cart_lines WHERE cart_id = $1 ORDER BY position";

/// A cart and the version it has, 0 where it is not stored because nothing was ever put into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned {
    /// What is in it.
    pub cart: Cart,
    /// Changes with everything that is in it.
    pub version: u64,
}

impl Versioned {
    /// Its entity tag.
    pub fn tag(&self) -> EntityTag {
        EntityTag::of_version(self.version)
    }
}

/// A cart whose row is locked until the end of the transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Locked {
    /// Its id.
    pub id: Uuid,
    /// Its version, 0 where it was made just now.
    pub version: u64,
}

/// What is in an owner's cart.
///
/// # Errors
/// Where the database fails.
pub async fn find(db: &Database, owner: &Owner) -> Result<Versioned, DatabaseError> {
    let mut connection = db.connection().await?;
    let select = sqlx::query_as::<_, (Uuid, i64)>(SELECT_CART).bind(owner.customer()).bind(owner.guest());
    let found = db.measure("select_cart", select.fetch_optional(&mut *connection)).await?;
    let Some((id, version)) = found else { return Ok(Versioned { cart: Cart { lines: Vec::new() }, version: 0 }) };
    let lines = lines(db, &mut connection, id).await?;
    Ok(Versioned { cart: Cart { lines }, version: version.unsigned_abs() })
}

/// An owner's cart, locked, and made where there is none.
///
/// # Errors
/// Where the database fails; then the transaction must not be committed.
pub async fn lock(db: &Database, tx: &mut PgConnection, owner: &Owner, id: Uuid) -> Result<Locked, DatabaseError> {
    let insert = sqlx::query(INSERT_CART).bind(id).bind(owner.customer()).bind(owner.guest());
    let made = db.measure("insert_cart", insert.execute(&mut *tx)).await?.rows_affected() == 1;
    let select = sqlx::query_as::<_, (Uuid, i64)>(LOCK_CART).bind(owner.customer()).bind(owner.guest());
    let (id, version) = db.measure("lock_cart", select.fetch_one(tx)).await?;
    Ok(Locked { id, version: if made { 0 } else { version.unsigned_abs() } })
}

/// An owner's cart, locked, where there is one.
///
/// # Errors
/// Where the database fails; then the transaction must not be committed.
pub async fn lock_existing(db: &Database, tx: &mut PgConnection, owner: &Owner) -> Result<Option<Uuid>, DatabaseError> {
    let select = sqlx::query_as::<_, (Uuid, i64)>(LOCK_CART).bind(owner.customer()).bind(owner.guest());
    Ok(db.measure("lock_cart", select.fetch_optional(tx)).await?.map(|(id, _)| id))
}

/// A customer's cart, made where there is none, and a guest's where there is one, both locked.
///
/// # Errors
/// Where the database fails; then the transaction must not be committed.
pub async fn lock_both(
    db: &Database,
    tx: &mut PgConnection,
    customer: Uuid,
    guest: &Owner,
    id: Uuid,
) -> Result<(Uuid, Option<Uuid>), DatabaseError> {
    let insert = sqlx::query(INSERT_CART).bind(id).bind(customer).bind(None::<&[u8]>);
    db.measure("insert_cart", insert.execute(&mut *tx)).await?;
    let select = sqlx::query_as::<_, (Uuid, bool)>(LOCK_BOTH).bind(customer).bind(guest.guest());
    let carts = db.measure("lock_both", select.fetch_all(tx)).await?;
    let of = |customers: bool| carts.iter().find(|(_, is)| *is == customers).map(|(id, _)| *id);
    Ok((of(true).unwrap_or(id), of(false)))
}

/// The lines of a cart, as they were put into it.
///
/// # Errors
/// Where the database fails.
pub async fn lines(db: &Database, connection: &mut PgConnection, id: Uuid) -> Result<Vec<CartLine>, DatabaseError> {
    let select = sqlx::query_as::<_, (String, i32)>(SELECT_LINES).bind(id);
    let rows = db.measure("select_lines", select.fetch_all(connection)).await?;
    Ok(rows.into_iter().map(|(sku, quantity)| CartLine { sku, quantity: quantity.unsigned_abs() }).collect())
}
