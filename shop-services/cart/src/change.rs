//! What changes carts: quantities set, lines taken out, a guest's cart merged into a customer's.

use shop_contracts::ErrorCode;
use shop_contracts::cart::{Cart, CartLine, MAX_LINES, MAX_QUANTITY};
use shop_contracts::event::{CART_UPDATED, CartChanged};
use shop_kit::event::Event;
use shop_kit::precondition::IfMatch;
use shop_kit::{Database, Identity, Problem};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::cart::{Versioned, lines, lock, lock_both, lock_existing};
use crate::error::known;
use crate::owner::Owner;

/// Nothing is returned where the quantity is what it was.
const SET_QUANTITY: &str = "\
INSERT INTO cart_lines (cart_id, sku, quantity) VALUES ($1, $2, $3)
ON CONFLICT (cart_id, sku) DO UPDATE SET quantity = excluded.quantity
WHERE cart_lines.quantity <> excluded.quantity";

const TAKE_OUT: &str = "DELETE FROM cart_lines WHERE cart_id = $1 AND sku = $2";

/// Of a line that is in both, both quantities count, up to the most that a line may have.
const MERGE: &str = "\
INSERT INTO cart_lines AS mine (cart_id, sku, quantity)
SELECT $1, sku, quantity FROM cart_lines WHERE cart_id = $2 ORDER BY position
ON CONFLICT (cart_id, sku) DO UPDATE SET quantity = least(mine.quantity + excluded.quantity, $3)";

const DELETE_CART: &str = "DELETE FROM carts WHERE id = $1";

const TOUCH: &str = "\
UPDATE carts SET version = version + 1, changed_at = clock_timestamp(), abandoned_at = NULL WHERE id = $1
RETURNING version";

const REDUCE: &str = "UPDATE cart_lines SET quantity = quantity - $3 WHERE cart_id = $1 AND sku = $2 AND quantity > $3";

const TAKE_OUT_AT_MOST: &str = "DELETE FROM cart_lines WHERE cart_id = $1 AND sku = $2 AND quantity <= $3";

/// Changes carts, each within a transaction of the caller.
#[derive(Debug, Clone)]
pub struct Changer {
    /// Where.
    pub db: Database,
    /// Ids and times.
    pub identity: Identity,
}

impl Changer {
    /// Sets the quantity of a line, where the cart is still as the client saw it; 0 takes the line out.
    ///
    /// # Errors
    /// 412, `cart-full`, or where the database fails; then the transaction must not be committed.
    pub async fn set(
        &self,
        tx: &mut PgConnection,
        owner: &Owner,
        seen: &IfMatch,
        line: &CartLine,
    ) -> Result<Versioned, Problem> {
        let locked = lock(&self.db, tx, owner, self.identity.mint(self.identity.now())).await?;
        seen.check(&shop_kit::precondition::EntityTag::of_version(locked.version))?;
        let changed = if line.quantity == 0 {
            let take_out = sqlx::query(TAKE_OUT).bind(locked.id).bind(&line.sku);
            self.db.measure("take_out", take_out.execute(&mut *tx)).await?
        } else {
            let quantity = i32::try_from(line.quantity).unwrap_or(i32::MAX);
            let set = sqlx::query(SET_QUANTITY).bind(locked.id).bind(&line.sku).bind(quantity);
            self.db.measure("set_quantity", set.execute(&mut *tx)).await?
        };
        if changed.rows_affected() == 0 {
            let lines = lines(&self.db, tx, locked.id).await?;
            return Ok(Versioned { cart: Cart { lines }, version: locked.version });
        }
        self.touched(tx, locked.id, owner.customer()).await
    }

    /// Puts everything of a guest's cart into a customer's, and deletes the guest's; without one nothing changes.
    ///
    /// # Errors
    /// `cart-full`, or where the database fails; then the transaction must not be committed.
    pub async fn merge(&self, tx: &mut PgConnection, customer: Uuid, guest: &Owner) -> Result<Cart, Problem> {
        let id = self.identity.mint(self.identity.now());
        let (mine, theirs) = lock_both(&self.db, tx, customer, guest, id).await?;
        let Some(theirs) = theirs else { return Ok(Cart { lines: lines(&self.db, tx, mine).await? }) };
        let most = i32::try_from(MAX_QUANTITY).unwrap_or(i32::MAX);
        let merge = sqlx::query(MERGE).bind(mine).bind(theirs).bind(most);
        self.db.measure("merge", merge.execute(&mut *tx)).await?;
        self.db.measure("delete_cart", sqlx::query(DELETE_CART).bind(theirs).execute(&mut *tx)).await?;
        self.touched(tx, mine, Some(customer)).await.map(|versioned| versioned.cart)
    }

    /// Takes out what was ordered.
    ///
    /// # Errors
    /// Where the database fails; then the transaction must not be committed.
    pub async fn ordered(&self, tx: &mut PgConnection, customer: Uuid, ordered: &[CartLine]) -> Result<(), Problem> {
        let Some(id) = lock_existing(&self.db, tx, &Owner::Customer(customer)).await? else { return Ok(()) };
        let mut changed = 0;
        for line in ordered {
            let quantity = i32::try_from(line.quantity).unwrap_or(i32::MAX);
            for (operation, statement) in [("take_out_at_most", TAKE_OUT_AT_MOST), ("reduce", REDUCE)] {
                let less = sqlx::query(statement).bind(id).bind(&line.sku).bind(quantity);
                let rows = self.db.measure(operation, less.execute(&mut *tx)).await?.rows_affected();
                changed += rows;
                if rows > 0 {
                    break;
                }
            }
        }
        if changed > 0 {
            self.touched(tx, id, Some(customer)).await?;
        }
        Ok(())
    }

    /// Gives a changed cart its next version and tells of it.
    ///
    /// # Errors
    /// `cart-full`, or where the database fails; then the transaction must not be committed.
    pub async fn touched(&self, tx: &mut PgConnection, id: Uuid, customer: Option<Uuid>) -> Result<Versioned, Problem> {
        let touch = sqlx::query_scalar::<_, i64>(TOUCH).bind(id);
        let version = self.db.measure("touch", touch.fetch_one(&mut *tx)).await?.unsigned_abs();
        let lines = lines(&self.db, tx, id).await?;
        if lines.len() > MAX_LINES {
            return Err(known(ErrorCode::CartFull, format!("a cart has at most {MAX_LINES} lines")));
        }
        let changed = CartChanged { cart_id: id, customer_id: customer, lines: lines.clone() };
        self.tell(tx, CART_UPDATED, &changed).await?;
        Ok(Versioned { cart: Cart { lines }, version })
    }

    /// Tells of a cart.
    ///
    /// # Errors
    /// Where the database fails; then the transaction must not be committed.
    pub async fn tell(&self, tx: &mut PgConnection, told: &str, changed: &CartChanged) -> Result<(), Problem> {
        let now = self.identity.now();
        let event = Event::new(self.identity.mint(now), told, now, changed).map_err(|_| Problem::internal())?;
        Ok(event.record(&self.db, tx).await?)
    }
}
