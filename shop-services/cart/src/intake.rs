//! What cart does with events: what was ordered or is not sold any more leaves the carts, and the cart of an erased
//! account is deleted.

use futures::future::BoxFuture;
use shop_contracts::cart::CartLine;
use shop_contracts::event::{
    ACCOUNT_ERASED, AccountChanged, ORDER_CONFIRMED, OrderChanged, PRODUCT_RETIRED, ProductRetired,
};
use shop_kit::event::Event;
use shop_kit::idempotency;
use shop_kit::inbox::{Handler, Unapplied};
use shop_kit::{DatabaseError, Problem};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::change::Changer;

/// Kinds of events that cart takes.
pub const KINDS: &[&str] = &[ORDER_CONFIRMED, PRODUCT_RETIRED, ACCOUNT_ERASED];

/// Carts are locked in the order of their ids, so that nobody waits for somebody who waits for him.
const LOCK_WITH_SKUS: &str = "\
SELECT id, customer_id FROM carts WHERE id IN (SELECT cart_id FROM cart_lines WHERE sku = ANY($1))
ORDER BY id FOR UPDATE";

const TAKE_OUT: &str = "DELETE FROM cart_lines WHERE cart_id = ANY($1) AND sku = ANY($2)";

const DELETE_OF_CUSTOMER: &str = "DELETE FROM carts WHERE customer_id = $1";

/// Routes whose answers are kept by customer.
const KEYED: &[&str] = &["POST /v1/cart/merge"];

/// Follows orders, the catalog and accounts.
#[derive(Debug, Clone)]
pub struct Follower(pub Changer);

impl Follower {
    async fn retired(&self, tx: &mut PgConnection, skus: &[String]) -> Result<(), Unapplied> {
        let db = &self.0.db;
        let lock = sqlx::query_as::<_, (Uuid, Option<Uuid>)>(LOCK_WITH_SKUS).bind(skus);
        let carts = db.measure("lock_with_skus", lock.fetch_all(&mut *tx)).await?;
        let ids: Vec<Uuid> = carts.iter().map(|(id, _)| *id).collect();
        let take_out = sqlx::query(TAKE_OUT).bind(&ids).bind(skus);
        db.measure("take_out", take_out.execute(&mut *tx)).await?;
        for (id, customer) in carts {
            self.0.touched(tx, id, customer).await.map_err(|problem| unwritten(&problem))?;
        }
        Ok(())
    }

    async fn erased(&self, tx: &mut PgConnection, customer: Uuid) -> Result<(), Unapplied> {
        let db = &self.0.db;
        let delete = sqlx::query(DELETE_OF_CUSTOMER).bind(customer);
        db.measure("delete_of_customer", delete.execute(&mut *tx)).await?;
        Ok(idempotency::forget(db, tx, &format!("customer {customer}"), KEYED).await?)
    }
}

impl Handler for Follower {
    fn apply<'a>(&'a self, tx: &'a mut PgConnection, event: &'a Event) -> BoxFuture<'a, Result<(), Unapplied>> {
        Box::pin(async move {
            if event.kind == PRODUCT_RETIRED {
                let ProductRetired { skus, .. } = event.read(1).map_err(Unapplied::Poison)?;
                return self.retired(tx, &skus).await;
            }
            if event.kind == ACCOUNT_ERASED {
                let AccountChanged { account_id } = event.read(1).map_err(Unapplied::Poison)?;
                return self.erased(tx, account_id).await;
            }
            let OrderChanged { customer_id, lines, .. } = event.read(1).map_err(Unapplied::Poison)?;
            let lines: Vec<CartLine> =
                lines.into_iter().map(|l| CartLine { sku: l.sku, quantity: l.quantity }).collect();
            self.0.ordered(tx, customer_id, &lines).await.map_err(|problem| unwritten(&problem))
        })
    }
}

/// The effect is not there, and the event comes again.
fn unwritten(problem: &Problem) -> Unapplied {
    let source = sqlx::Error::Protocol(problem.detail().to_owned());
    Unapplied::Database(DatabaseError::Operation { operation: "follow", source })
}
