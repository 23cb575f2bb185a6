//! What becomes of the orders of an account that was erased: they stay, for the books, and belong to nobody.

use shop_kit::{Database, DatabaseError, Identity, idempotency};
use sqlx::PgConnection;
use uuid::Uuid;

/// Locked in the order of their ids, so that nobody waits for somebody who waits for him.
const LOCK_OF_CUSTOMER: &str = "SELECT id FROM orders WHERE customer_id = $1 ORDER BY id FOR UPDATE";

/// An order that is on its way still needs the token of the card; it goes when the order comes to rest.
const UNLINK: &str = "\
UPDATE orders o SET customer_id = nobody, erased = true, method = CASE WHEN o.step IS NULL THEN 'erased' ELSE o.method END
FROM unnest($1::uuid[], $2::uuid[]) AS unlinked (id, nobody) WHERE o.id = unlinked.id";

/// Routes whose answers are kept by customer.
const KEYED: &[&str] = &["POST /v1/orders", "POST /v1/orders/{id}/cancel"];

/// Unlinks a customer's orders from the customer and from each other; returns how many there were.
///
/// # Errors
/// Where the database fails; then the transaction must not be committed.
pub async fn unlink(
    db: &Database,
    tx: &mut PgConnection,
    identity: &Identity,
    customer: Uuid,
) -> Result<usize, DatabaseError> {
    let lock = sqlx::query_scalar::<_, Uuid>(LOCK_OF_CUSTOMER).bind(customer);
    let orders = db.measure("lock_of_customer", lock.fetch_all(&mut *tx)).await?;
    let now = identity.now();
    let nobody: Vec<Uuid> = orders.iter().map(|_| identity.mint(now)).collect();
    db.measure("unlink", sqlx::query(UNLINK).bind(&orders).bind(nobody).execute(&mut *tx)).await?;
    idempotency::forget(db, tx, &format!("customer {customer}"), KEYED).await?;
    Ok(orders.len())
}
