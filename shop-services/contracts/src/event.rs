//! What services tell each other through the broker: the kinds of events, and what each says.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::cart::CartLine;
use crate::money::Money;

/// Somebody opened an account: [`AccountChanged`].
pub const ACCOUNT_CREATED: &str = "account.created";
/// An account and everything about its person were erased: [`AccountChanged`].
pub const ACCOUNT_ERASED: &str = "account.erased";
/// A product came into the catalog: [`ProductCreated`].
pub const PRODUCT_CREATED: &str = "product.created";
/// What is told of a product, or its variants, changed: [`ProductUpdated`].
pub const PRODUCT_UPDATED: &str = "product.updated";
/// A product is not sold any more: [`ProductRetired`].
pub const PRODUCT_RETIRED: &str = "product.retired";
/// A price was set: [`PriceChanged`].
pub const PRICE_CHANGED: &str = "price.changed";
/// A coupon was redeemed for an order: [`CouponRedeemed`].
pub const COUPON_REDEEMED: &str = "coupon.redeemed";
/// An order was placed: [`OrderChanged`].
pub const ORDER_CREATED: &str = "order.created";
/// An order is paid and its stock taken: [`OrderChanged`].
pub const ORDER_CONFIRMED: &str = "order.confirmed";
/// An order came to nothing: [`OrderChanged`].
pub const ORDER_CANCELLED: &str = "order.cancelled";
/// An order is on its way to the customer: [`OrderChanged`].
pub const ORDER_SHIPPED: &str = "order.shipped";
/// The money of an order was given back: [`OrderChanged`].
pub const ORDER_REFUNDED: &str = "order.refunded";
/// What is in a cart changed: [`CartChanged`].
pub const CART_UPDATED: &str = "cart.updated";
/// A cart was left with something in it: [`CartChanged`].
pub const CART_ABANDONED: &str = "cart.abandoned";
/// Stock was set aside for an order: [`StockMoved`].
pub const STOCK_RESERVED: &str = "stock.reserved";
/// Stock set aside was given back, by the order or because its time was up: [`StockMoved`].
pub const STOCK_RELEASED: &str = "stock.released";
/// Stock set aside left for good: [`StockMoved`].
pub const STOCK_COMMITTED: &str = "stock.committed";
/// What can be sold of an SKU fell to its threshold or below: [`StockLevel`].
pub const STOCK_LOW: &str = "stock.low";
/// Nothing can be sold of an SKU any more: [`StockLevel`].
pub const STOCK_DEPLETED: &str = "stock.depleted";

/// Money was set aside: [`PaymentChanged`].
pub const PAYMENT_AUTHORIZED: &str = "payment.authorized";
/// Money was taken: [`PaymentChanged`].
pub const PAYMENT_CAPTURED: &str = "payment.captured";
/// The provider declined: [`PaymentChanged`].
pub const PAYMENT_FAILED: &str = "payment.failed";
/// What was set aside was given up: [`PaymentChanged`].
pub const PAYMENT_VOIDED: &str = "payment.voided";
/// Money was given back: [`PaymentChanged`].
pub const PAYMENT_REFUNDED: &str = "payment.refunded";

/// An account was opened or erased; nothing else is told of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountChanged {
    /// The account: the `customer_id` of other services.
    pub account_id: Uuid,
}

/// A product came into the catalog.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductCreated {
    /// The product.
    pub product_id: Uuid,
    /// Its variants.
    pub skus: Vec<String>,
}

/// A product changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductUpdated {
    /// The product.
    pub product_id: Uuid,
    /// Its variants from now on.
    pub skus: Vec<String>,
}

/// A product is not sold any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductRetired {
    /// The product.
    pub product_id: Uuid,
    /// Its variants.
    pub skus: Vec<String>,
}

/// What is in a cart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CartChanged {
    /// The cart.
    pub cart_id: Uuid,
    /// Whose it is; absent where it is a guest's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<Uuid>,
    /// What is in it.
    pub lines: Vec<CartLine>,
}

/// A price was set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceChanged {
    /// Stock keeping unit.
    pub sku: String,
    /// What one costs, without tax.
    pub price: Money,
    /// From when on.
    pub valid_from: Timestamp,
}

/// A coupon was redeemed for an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CouponRedeemed {
    /// The order.
    pub order_id: Uuid,
    /// The coupon's code.
    pub code: String,
}

/// An order began, or reached one of its ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderChanged {
    /// The order.
    pub order_id: Uuid,
    /// Whose it is.
    pub customer_id: Uuid,
    /// What was ordered.
    pub lines: Vec<OrderedLine>,
    /// What it costs.
    pub total: Money,
    /// Why it came to nothing, where it did; the stable name of the refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// So many of an SKU.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderedLine {
    /// Stock keeping unit.
    pub sku: String,
    /// Units.
    pub quantity: u32,
}

/// The part of [`OrderChanged`] that is enough for whoever settles what it did for an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderSettled {
    /// The order.
    pub order_id: Uuid,
}

/// Stock was set aside, given back or taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockMoved {
    /// The reservation.
    pub reservation_id: Uuid,
    /// The order it is for.
    pub order_id: Uuid,
}

/// How much of an SKU can be sold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockLevel {
    /// Stock keeping unit.
    pub sku: String,
    /// Units on hand that are not reserved.
    pub available: i64,
}

/// A payment reached another state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentChanged {
    /// The payment.
    pub payment_id: Uuid,
    /// The order it is for.
    pub order_id: Uuid,
    /// How much was set aside, taken, given up or given back.
    pub amount: Money,
}

#[cfg(test)]
mod tests {
    use serde::de::DeserializeOwned;
    use serde_json::{Value, json};

    use super::*;
    use crate::pricing::Quote;

    /// Reads what a service of the next version says, which has one more field at every level.
    fn understood<T: DeserializeOwned>(mut said: Value) -> bool {
        said["of_the_next_version"] = json!({"more": 1});
        for line in said["lines"].as_array_mut().into_iter().flatten() {
            line["of_the_next_version"] = json!("more");
        }
        serde_json::from_value::<T>(said).is_ok()
    }

    #[test]
    fn what_a_newer_version_tells_in_addition_is_no_reason_to_refuse_it() {
        let (id, money) = (Uuid::nil(), json!({"amount": 1, "currency": "EUR"}));
        let order = json!({"order_id": id, "customer_id": id, "lines": [{"sku": "S", "quantity": 1}], "total": money});
        let cart = json!({"cart_id": id, "lines": [{"sku": "S", "quantity": 1}]});
        let product = json!({"product_id": id, "skus": ["S"]});
        let quote = json!({"id": id, "country": "DE", "subtotal": money, "discount": money, "shipping": money,
            "tax": money, "total": money, "iat": 0, "exp": 1,
            "lines": [{"sku": "S", "quantity": 1, "unit_price": money, "discount": money, "net": money, "tax": money}]});
        assert!(understood::<AccountChanged>(json!({"account_id": id})));
        assert!(understood::<OrderChanged>(order.clone()) && understood::<OrderSettled>(order));
        assert!(understood::<CartChanged>(cart));
        assert!(understood::<ProductCreated>(product.clone()) && understood::<ProductUpdated>(product.clone()));
        assert!(understood::<ProductRetired>(product));
        assert!(understood::<StockMoved>(json!({"reservation_id": id, "order_id": id})));
        assert!(understood::<StockLevel>(json!({"sku": "S", "available": 1})));
        assert!(understood::<PaymentChanged>(json!({"payment_id": id, "order_id": id, "amount": money})));
        assert!(understood::<CouponRedeemed>(json!({"order_id": id, "code": "C"})));
        assert!(understood::<Quote>(quote));
    }
}
