//! What the gateway composes for people who look: everything that the page of a product shows.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::catalog::Product;
use crate::inventory::Level;
use crate::pricing::Price;

/// The page of a product. What could not be had in time is absent and named, so that nobody takes it for nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StorefrontProduct {
    /// The product.
    pub product: Product,
    /// What its variants cost; those without a price are left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prices: Option<Vec<Price>>,
    /// What can be sold of them; those whose stock is not kept are left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stock: Option<Vec<Level>>,
    /// What others looked at, as recommendations tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Object>>)]
    pub recommendations: Option<Vec<serde_json::Value>>,
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
    /// What others looked at.
    Recommendations,
}
