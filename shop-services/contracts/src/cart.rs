//! What cart says and accepts: lines of an SKU each, and the terms of a quote for them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::money::Currency;

/// Most lines of one cart.
pub const MAX_LINES: usize = 100;
/// Most units of one line, as inventory sets aside at once.
pub const MAX_QUANTITY: u32 = crate::inventory::MAX_QUANTITY;

/// A cart; the `ETag` header carries its version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Cart {
    /// As they were put in.
    pub lines: Vec<CartLine>,
}

/// So many of an SKU.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CartLine {
    /// Stock keeping unit.
    pub sku: String,
    /// Units, at least 1.
    pub quantity: u32,
}

/// How many there shall be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Quantity {
    /// 1..=1000, whatever was in the cart before.
    pub quantity: u32,
}

/// A guest's cart to put into the customer's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Merge {
    /// The guest's token.
    pub cart_token: String,
}

/// The terms of a quote: what the cart does not know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QuoteTerms {
    /// Currency of all prices.
    pub currency: Currency,
    /// Country of delivery, two letters of ISO 3166-1.
    pub country: String,
    /// Code of a coupon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coupon: Option<String>,
}
