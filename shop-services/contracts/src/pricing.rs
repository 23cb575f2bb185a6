//! What pricing says and accepts: prices, promotions, coupons, rates, and the signed quote that orders rely on.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::money::{Currency, Money};

/// The type of a signed quote.
pub const QUOTE_TYPE: &str = "quote+jwt";
/// Most lines of one quote, and most SKUs of one promotion or one question for prices.
pub const MAX_LINES: usize = 100;
/// Most units of one line.
pub const MAX_QUANTITY: u32 = 10_000;
/// Longest code of a coupon.
pub const MAX_CODE: usize = 40;
/// All of it, in ten-thousandths.
pub const WHOLE: u32 = 10_000;

/// What a basket would cost; pricing answers with a [`SignedQuote`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QuoteRequest {
    /// 1..=100, each SKU once.
    pub lines: Vec<QuoteLine>,
    /// Currency of all prices.
    pub currency: Currency,
    /// Country of delivery, two letters of ISO 3166-1.
    pub country: String,
    /// Code of a coupon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coupon: Option<String>,
}

/// So many of an SKU.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QuoteLine {
    /// Stock keeping unit.
    pub sku: String,
    /// 1..=10000.
    pub quantity: u32,
}

/// What a basket costs until the quote expires. All sums are exact: lines, delivery and tax add up to the total.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Quote {
    /// `UUIDv7`.
    pub id: Uuid,
    /// In the order of the request.
    pub lines: Vec<QuotedLine>,
    /// The coupon that was counted in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coupon: Option<String>,
    /// Country of delivery.
    pub country: String,
    /// List prices of all lines.
    pub subtotal: Money,
    /// What promotions and the coupon take off, not negative.
    pub discount: Money,
    /// Delivery.
    pub shipping: Money,
    /// Tax on goods and delivery.
    pub tax: Money,
    /// `subtotal - discount + shipping + tax`.
    pub total: Money,
    /// When it was made, in seconds since 1970 (RFC 7519).
    pub iat: i64,
    /// From when on it no longer binds, in seconds since 1970 (RFC 7519).
    pub exp: i64,
}

/// One line of a quote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QuotedLine {
    /// Stock keeping unit.
    pub sku: String,
    /// Units.
    pub quantity: u32,
    /// List price of one.
    pub unit_price: Money,
    /// What promotions and the line's part of the coupon take off.
    pub discount: Money,
    /// Units times list price, less the discount.
    pub net: Money,
    /// The line's part of the tax on goods.
    pub tax: Money,
}

/// A quote and its signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SignedQuote {
    /// For people and clients.
    pub quote: Quote,
    /// The same, signed: what orders accept.
    pub token: String,
}

/// A price of one SKU; the latest that is valid counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPrice {
    /// Stock keeping unit.
    pub sku: String,
    /// What one costs without tax, not negative.
    pub price: Money,
    /// From when on; now where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<Timestamp>,
}

/// What one unit costs now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Price {
    /// Stock keeping unit.
    pub sku: String,
    /// List price without tax.
    pub list: Money,
    /// List price less the best promotion that runs.
    pub now: Money,
}

/// Delivery and tax of one country; the latest that is valid counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Two letters of ISO 3166-1.
    pub country: String,
    /// Delivery of one order, not negative.
    pub shipping: Money,
    /// Goods of this value and more, in minor units, are delivered for nothing; never where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub free_from: Option<i64>,
    /// Tax in ten-thousandths: 1900 is 19 %.
    pub tax_per_10k: u32,
}

/// A promotion to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPromotion {
    /// 1..=100 characters.
    pub name: String,
    /// What it takes off, in ten-thousandths, 1..=10000.
    pub off_per_10k: u32,
    /// The SKUs it is for, at most 100; all where empty.
    #[serde(default)]
    pub skus: Vec<String>,
    /// First moment.
    pub starts_at: Timestamp,
    /// First moment after it.
    pub ends_at: Timestamp,
}

/// A promotion; the `ETag` header carries its version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Promotion {
    /// `UUIDv7`.
    pub id: Uuid,
    /// For people.
    pub name: String,
    /// What it takes off, in ten-thousandths.
    pub off_per_10k: u32,
    /// The SKUs it is for; all where empty.
    pub skus: Vec<String>,
    /// First moment.
    pub starts_at: Timestamp,
    /// First moment after it.
    pub ends_at: Timestamp,
}

/// A change of a promotion: what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PromotionPatch {
    /// 1..=100 characters.
    pub name: Option<String>,
    /// 1..=10000.
    pub off_per_10k: Option<u32>,
    /// First moment.
    pub starts_at: Option<Timestamp>,
    /// First moment after it.
    pub ends_at: Option<Timestamp>,
}

/// What a coupon takes off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum CouponValue {
    /// Ten-thousandths of the goods, 1..=10000.
    OffPer10k(u32),
    /// An amount, at most the value of the goods.
    Off(Money),
}

/// A coupon to hand out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCoupon {
    /// 4..=40 of `A-Z 0-9 -`.
    pub code: String,
    /// What it takes off, after promotions.
    pub value: CouponValue,
    /// Orders that may redeem it, at least 1.
    pub max_redemptions: u32,
    /// First moment.
    pub starts_at: Timestamp,
    /// First moment after it.
    pub ends_at: Timestamp,
}

/// A coupon as administrators see it; the `ETag` header carries its version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Coupon {
    /// Its code.
    pub code: String,
    /// What it takes off.
    pub value: CouponValue,
    /// Orders that may redeem it.
    pub max_redemptions: u32,
    /// Orders that have redeemed it.
    pub redeemed: u32,
    /// First moment.
    pub starts_at: Timestamp,
    /// First moment after it.
    pub ends_at: Timestamp,
}

/// Redeems the coupon of a quote for an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RedemptionRequest {
    /// The order.
    pub order_id: Uuid,
    /// The signed quote.
    pub quote: String,
}

/// What was redeemed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Redemption {
    /// The order.
    pub order_id: Uuid,
    /// The coupon; absent where the quote has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}
