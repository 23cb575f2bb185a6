//! What inventory does with events: it begins to keep the stock of new products.

use futures::future::BoxFuture;
use shop_contracts::event::{PRODUCT_CREATED, ProductCreated};
use shop_kit::Database;
use shop_kit::event::Event;
use shop_kit::inbox::{Handler, Unapplied};
use sqlx::PgConnection;

use crate::stock;

/// Kinds of events that inventory takes.
pub const KINDS: &[&str] = &[PRODUCT_CREATED];

/// Follows the catalog.
#[derive(Debug, Clone)]
pub struct Products(pub Database);

impl Handler for Products {
    fn apply<'a>(&'a self, tx: &'a mut PgConnection, event: &'a Event) -> BoxFuture<'a, Result<(), Unapplied>> {
        Box::pin(async move {
            let ProductCreated { mut skus, .. } = event.read(1).map_err(Unapplied::Poison)?;
            skus.sort();
            for sku in &skus {
                stock::keep(&self.0, tx, sku).await?;
            }
            Ok(())
        })
    }
}
