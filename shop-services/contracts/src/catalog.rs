//! What the catalog says and accepts: products with their variants, categories, pages.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// Largest page.
pub const MAX_LIMIT: u32 = 100;
/// Page size where none is asked for.
pub const DEFAULT_LIMIT: u32 = 24;
/// Longest title, in characters.
pub const MAX_TITLE: usize = 200;
/// Longest description, in characters.
pub const MAX_DESCRIPTION: usize = 10_000;
/// Longest brand, variant title, attribute name and attribute value, in characters.
pub const MAX_SHORT: usize = 100;
/// Most variants of one product, and most attributes of one product or variant.
pub const MAX_PARTS: usize = 50;
/// Longest SKU.
pub const MAX_SKU: usize = 64;
/// Longest search text, in characters.
pub const MAX_QUERY: usize = 100;

/// Names and values such as `material: oak`.
pub type Attributes = BTreeMap<String, String>;

/// A product with everything its page shows; the `ETag` header carries its version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Product {
    /// UUIDv7.
    pub id: Uuid,
    /// Name of the product.
    pub title: String,
    /// Plain text.
    pub description: String,
    /// Maker.
    pub brand: String,
    /// Where it is listed.
    pub category: CategoryRef,
    /// Properties shared by all variants.
    pub attributes: Attributes,
    /// What can be bought, at least one.
    pub variants: Vec<Variant>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What can be bought: one stock keeping unit. Readers ignore what a newer catalog says more of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Variant {
    /// Stock keeping unit: 1..=64 of `A-Z 0-9 -`, unique in the shop.
    pub sku: String,
    /// Name of the variant, for example `180 cm, oiled`.
    pub title: String,
    /// Properties of this variant alone.
    #[serde(default)]
    pub attributes: Attributes,
}

/// A category as products name it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CategoryRef {
    /// Stable name in URLs.
    pub slug: String,
    /// Name for people.
    pub name: String,
}

/// A category as the list of categories shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Category {
    /// Stable name in URLs.
    pub slug: String,
    /// Name for people.
    pub name: String,
    /// Slug of the department it belongs to; absent for departments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
}

/// A product as listings show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProductSummary {
    /// UUIDv7.
    pub id: Uuid,
    /// Name of the product.
    pub title: String,
    /// Maker.
    pub brand: String,
    /// Where it is listed.
    pub category: CategoryRef,
    /// Passage of the description: its beginning, or where it answers the search best.
    pub excerpt: String,
    /// Where search words stand in the excerpt; empty in plain listings.
    pub marks: Vec<Mark>,
    /// Properties shared by all variants.
    pub attributes: Attributes,
    /// What can be bought.
    pub variants: Vec<Variant>,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A marked word: byte offsets into the excerpt, at character borders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Mark {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

/// One page of a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProductPage {
    /// Newest first, or best match first in a search.
    pub items: Vec<ProductSummary>,
    /// Pass it as `cursor` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// A product to create.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProduct {
    /// 1..=200 characters.
    pub title: String,
    /// At most 10,000 characters.
    pub description: String,
    /// 1..=100 characters.
    pub brand: String,
    /// Slug of an existing category.
    pub category: String,
    /// At most 50.
    #[serde(default)]
    pub attributes: Attributes,
    /// 1..=50.
    pub variants: Vec<NewVariant>,
}

/// A variant as administrators write it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewVariant {
    /// Stock keeping unit: 1..=64 of `A-Z 0-9 -`, unique in the shop.
    pub sku: String,
    /// Name of the variant, for example `180 cm, oiled`.
    pub title: String,
    /// Properties of this variant alone.
    #[serde(default)]
    pub attributes: Attributes,
}

/// A change: what is absent stays, what is given replaces (RFC 7396 without nulls, for no field may be absent).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProductPatch {
    /// 1..=200 characters.
    pub title: Option<String>,
    /// At most 10,000 characters.
    pub description: Option<String>,
    /// 1..=100 characters.
    pub brand: Option<String>,
    /// Slug of an existing category.
    pub category: Option<String>,
    /// At most 50; replaces all.
    pub attributes: Option<Attributes>,
    /// 1..=50; replaces all.
    pub variants: Option<Vec<NewVariant>>,
}
