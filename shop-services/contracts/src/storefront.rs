//! What the gateway composes for people who look: everything that the page of a product shows.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::catalog::Product;
use crate::inventory::Level;
use crate::pricing::Price;
use crate::recommendations::Recommendation;

/// The page of a product. What could not be had in time is absent and named, so that nobody takes it for nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StorefrontProduct {
    /// The product.
    pub product: Product,
    /// What its variants cost; those without a price are left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prices: Option<Vec<Price>>,
    /// What can be sold of them; those whose stock is not kept are left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stock: Option<Vec<Level>>,
    /// What goes with it, the best first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recommendations: Option<Vec<Recommendation>>,
    /// What is absent because it could not be had.
    pub missing: Vec<StorefrontPart>,
}

/// A part of the page that can be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StorefrontPart {
    /// What its variants cost.
    Prices,
    /// What can be sold of them.
    Stock,
    /// What goes with it.
    Recommendations,
}
