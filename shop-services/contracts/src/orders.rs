//! What orders says and accepts: an order per quote, from its creation to one of its ends.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::money::Money;
use crate::pricing::QuotedLine;

/// Longest token of a quote, in bytes.
pub const MAX_QUOTE: usize = 60_000;
/// Rows of a page where no limit is asked for.
pub const DEFAULT_LIMIT: u32 = 20;
/// Rows of a page at most.
pub const MAX_LIMIT: u32 = 100;

/// An order to place. What it costs is what the quote says, and nothing that the client could add.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOrder {
    /// The signed quote, as pricing made it.
    pub quote: String,
    /// The provider's token of the card, 1..=100 visible characters; never a card number.
    pub payment_method: String,
}

/// Where an order is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    /// Written down; pricing has not confirmed the quote yet.
    Created,
    /// Pricing has confirmed the quote and taken its coupon.
    Quoted,
    /// The stock is set aside.
    Reserved,
    /// The money is set aside.
    Authorized,
    /// The stock is taken.
    StockCommitted,
    /// The money is taken.
    Captured,
    /// Paid, and its stock taken: to be shipped.
    Confirmed,
    /// On its way to the customer.
    Shipped,
    /// What was done for it is being undone.
    Cancelling,
    /// Nothing came of it, and everything done for it is undone.
    Cancelled,
    /// Its money is being given back.
    Refunding,
    /// Its money was given back.
    Refunded,
    /// What others answered does not add up, or they do not answer: a person looks. It may still go on by itself.
    NeedsReview,
}

impl OrderState {
    /// Every state.
    pub const ALL: [Self; 13] = [
        Self::Created,
        Self::Quoted,
        Self::Reserved,
        Self::Authorized,
        Self::StockCommitted,
        Self::Captured,
        Self::Confirmed,
        Self::Shipped,
        Self::Cancelling,
        Self::Cancelled,
        Self::Refunding,
        Self::Refunded,
        Self::NeedsReview,
    ];

    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Quoted => "quoted",
            Self::Reserved => "reserved",
            Self::Authorized => "authorized",
            Self::StockCommitted => "stock_committed",
            Self::Captured => "captured",
            Self::Confirmed => "confirmed",
            Self::Shipped => "shipped",
            Self::Cancelling => "cancelling",
            Self::Cancelled => "cancelled",
            Self::Refunding => "refunding",
            Self::Refunded => "refunded",
            Self::NeedsReview => "needs_review",
        }
    }
}

/// An order as its customer sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Order {
    /// `UUIDv7`.
    pub id: Uuid,
    /// Where it is in its life.
    pub state: OrderState,
    /// Why it came to nothing, where it did; the stable name of the refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What was ordered, at the prices of the quote.
    pub lines: Vec<QuotedLine>,
    /// The coupon that was counted in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coupon: Option<String>,
    /// Country of delivery.
    pub country: String,
    /// Delivery.
    pub shipping: Money,
    /// Tax on goods and delivery.
    pub tax: Money,
    /// What is paid.
    pub total: Money,
    /// When it was placed.
    pub created_at: Timestamp,
}

/// One page of a customer's orders, the youngest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderPage {
    /// Orders.
    pub items: Vec<Order>,
    /// Pass it as `cursor` for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// An order that a person should look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Review {
    /// The order.
    pub order_id: Uuid,
    /// The step that has no good answer.
    pub step: String,
    /// How often it was tried.
    pub attempts: u32,
    /// What is odd about it, in words.
    pub finding: String,
    /// The order's payment at payments, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_id: Option<Uuid>,
    /// The order's reservation at inventory, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reservation_id: Option<Uuid>,
    /// What is at stake.
    pub total: Money,
}

/// Orders that a person should look at, the oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reviews {
    /// At most 100.
    pub items: Vec<Review>,
}

/// What a person decides about an order that needs review.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Decision {
    /// Try the step again, from the beginning of its attempts.
    Retry,
    /// Try the step again, and then undo everything, where the money is not taken yet.
    Cancel,
}

/// A person's decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReviewDecision {
    /// What shall happen.
    pub decision: Decision,
}
