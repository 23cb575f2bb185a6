//! What recommendations does with events: it remembers what people take, and forgets who is erased.

use futures::future::BoxFuture;
use shop_contracts::event::{
    ACCOUNT_ERASED, AccountChanged, CART_UPDATED, CartChanged, ORDER_CONFIRMED, OrderChanged, PRODUCT_CREATED,
    PRODUCT_RETIRED, PRODUCT_UPDATED, ProductCreated, ProductRetired, ProductUpdated,
};
use shop_kit::Database;
use shop_kit::event::Event;
use shop_kit::inbox::{Handler, Unapplied};
use sqlx::PgConnection;

use crate::history::{Told, forget, know, remember};

/// Kinds of events that recommendations takes.
pub const KINDS: &[&str] = &["product.*", CART_UPDATED, ORDER_CONFIRMED, ACCOUNT_ERASED];

/// Follows the catalog, carts, orders and accounts.
#[derive(Debug, Clone)]
pub struct Memory(pub Database);

impl Handler for Memory {
    fn apply<'a>(&'a self, tx: &'a mut PgConnection, event: &'a Event) -> BoxFuture<'a, Result<(), Unapplied>> {
        let db = &self.0;
        Box::pin(async move {
            match event.kind.as_str() {
                PRODUCT_CREATED => {
                    let ProductCreated { product_id, skus } = event.read(1).map_err(Unapplied::Poison)?;
                    know(db, tx, product_id, skus, false).await?;
                }
                PRODUCT_UPDATED => {
                    let ProductUpdated { product_id, skus } = event.read(1).map_err(Unapplied::Poison)?;
                    know(db, tx, product_id, skus, false).await?;
                }
                PRODUCT_RETIRED => {
                    let ProductRetired { product_id, skus } = event.read(1).map_err(Unapplied::Poison)?;
                    know(db, tx, product_id, skus, true).await?;
                }
                CART_UPDATED => {
                    let CartChanged { cart_id, customer_id, lines } = event.read(1).map_err(Unapplied::Poison)?;
                    let skus = lines.into_iter().map(|line| line.sku).collect();
                    let told = Told { id: cart_id, bought: false, customer: customer_id, at: event.at, skus };
                    remember(db, tx, told).await?;
                }
                ORDER_CONFIRMED => {
                    let OrderChanged { order_id, customer_id, lines, .. } = event.read(1).map_err(Unapplied::Poison)?;
                    let skus = lines.into_iter().map(|line| line.sku).collect();
                    let told = Told { id: order_id, bought: true, customer: Some(customer_id), at: event.at, skus };
                    remember(db, tx, told).await?;
                }
                ACCOUNT_ERASED => {
                    let AccountChanged { account_id } = event.read(1).map_err(Unapplied::Poison)?;
                    forget(db, tx, account_id).await?;
                }
                // Another kind about products, which tells nothing that is needed here.
                _ => {}
            }
            Ok(())
        })
    }
}
