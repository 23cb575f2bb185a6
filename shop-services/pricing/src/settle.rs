//! Redemptions: a coupon is taken for an order by one conditional update, given back when the order is cancelled.

use std::time::Duration;

use futures::future::BoxFuture;
use jiff::Timestamp;
use shop_contracts::ErrorCode;
use shop_contracts::event::{COUPON_REDEEMED, CouponRedeemed, ORDER_CANCELLED, ORDER_CONFIRMED, OrderSettled};
use shop_kit::event::Event;
use shop_kit::inbox::{Handler, Unapplied};
use shop_kit::instant::seconds;
use shop_kit::{Database, DatabaseError, Problem};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::error::known;

/// Kinds of events that pricing takes.
pub const KINDS: &[&str] = &[ORDER_CONFIRMED, ORDER_CANCELLED];

const INSERT_REDEMPTION: &str = "\
INSERT INTO redemptions (order_id, code, state, at) VALUES ($1, $2, 'redeemed', to_timestamp($3))
ON CONFLICT (order_id) DO NOTHING";

const SELECT_REDEMPTION: &str = "SELECT code, state FROM redemptions WHERE order_id = $1";

const TAKE_COUPON: &str = "\
UPDATE coupons SET redeemed = redeemed + 1
WHERE code = $1 AND withdrawn_at IS NULL AND redeemed < max_redemptions
    AND starts_at <= to_timestamp($2) AND ends_at > to_timestamp($3)";

const GIVE_BACK_COUPON: &str = "UPDATE coupons SET redeemed = redeemed - 1 WHERE code = $1";

const MAKE_FINAL: &str = "UPDATE redemptions SET state = 'final' WHERE order_id = $1 AND state = 'redeemed'";

const UNDO: &str = "\
UPDATE redemptions SET state = 'undone' WHERE order_id = $1 AND state = 'redeemed' RETURNING code";

const CLOSE: &str = "\
INSERT INTO redemptions (order_id, code, state, at) VALUES ($1, NULL, 'undone', to_timestamp($2))
ON CONFLICT (order_id) DO NOTHING";

/// Takes `code` for an order and tells of it; an order that has redeemed it already has done so once.
///
/// The quote promised the discount, so a coupon that ran out of time less than `grace` ago is still taken.
///
/// # Errors
/// `coupon-used-up`, `order-closed`, or where the database fails; then the transaction must not be committed.
pub async fn redeem(
    db: &Database,
    tx: &mut PgConnection,
    redeemed: &CouponRedeemed,
    event: &Event,
    grace: Duration,
) -> Result<(), Problem> {
    let CouponRedeemed { order_id, code } = redeemed;
    let insert = sqlx::query(INSERT_REDEMPTION).bind(order_id).bind(code).bind(seconds(event.at));
    if db.measure("insert_redemption", insert.execute(&mut *tx)).await?.rows_affected() == 0 {
        return repeated(db, tx, redeemed).await;
    }
    let take =
        sqlx::query(TAKE_COUPON).bind(code).bind(seconds(event.at)).bind(seconds(event.at) - grace.as_secs_f64());
    if db.measure("take_coupon", take.execute(&mut *tx)).await?.rows_affected() == 0 {
        return Err(known(ErrorCode::CouponUsedUp, format!("{code} is used up, over or withdrawn; quote without it")));
    }
    Ok(event.record(db, tx).await?)
}

/// The order has a redemption: the same again changes nothing, another or none is refused.
async fn repeated(db: &Database, tx: &mut PgConnection, redeemed: &CouponRedeemed) -> Result<(), Problem> {
    let select = sqlx::query_as::<_, (Option<String>, String)>(SELECT_REDEMPTION).bind(redeemed.order_id);
    let (code, state) = db.measure("select_redemption", select.fetch_one(tx)).await?;
    if state == "undone" {
        let detail = format!("order {} was cancelled; nothing is redeemed for it", redeemed.order_id);
        return Err(known(ErrorCode::OrderClosed, detail));
    }
    if code.as_deref() == Some(redeemed.code.as_str()) {
        return Ok(());
    }
    Err(known(ErrorCode::CouponUsedUp, format!("order {} redeems another coupon", redeemed.order_id)))
}

/// Follows what becomes of orders.
#[derive(Debug, Clone)]
pub struct Orders(pub Database);

impl Orders {
    async fn confirmed(&self, tx: &mut PgConnection, order_id: Uuid) -> Result<(), DatabaseError> {
        let update = sqlx::query(MAKE_FINAL).bind(order_id);
        self.0.measure("make_final", update.execute(tx)).await.map(drop)
    }

    async fn cancelled(&self, tx: &mut PgConnection, order_id: Uuid, at: Timestamp) -> Result<(), DatabaseError> {
        let undo = sqlx::query_scalar::<_, Option<String>>(UNDO).bind(order_id);
        let undone = self.0.measure("undo", undo.fetch_optional(&mut *tx)).await?.flatten();
        let rest = match undone {
            Some(code) => ("give_back_coupon", sqlx::query(GIVE_BACK_COUPON).bind(code)),
            None => ("close", sqlx::query(CLOSE).bind(order_id).bind(seconds(at))),
        };
        self.0.measure(rest.0, rest.1.execute(tx)).await.map(drop)
    }
}

impl Handler for Orders {
    fn apply<'a>(&'a self, tx: &'a mut PgConnection, event: &'a Event) -> BoxFuture<'a, Result<(), Unapplied>> {
        Box::pin(async move {
            let OrderSettled { order_id } = event.read(1).map_err(Unapplied::Poison)?;
            match event.kind.as_str() {
                ORDER_CONFIRMED => self.confirmed(tx, order_id).await?,
                ORDER_CANCELLED => self.cancelled(tx, order_id, event.at).await?,
                _ => {}
            }
            Ok(())
        })
    }
}

/// The event that tells of a redemption.
///
/// # Errors
/// Never for what callers can send: every code and id is JSON.
pub fn told(id: Uuid, at: Timestamp, redeemed: &CouponRedeemed) -> Result<Event, Problem> {
    Event::new(id, COUPON_REDEEMED, at, redeemed).map_err(|_| Problem::internal())
}
