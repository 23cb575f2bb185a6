//! What inventory says and accepts: levels, reservations and adjustments.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// Most lines of one reservation, and most SKUs of one question.
pub const MAX_LINES: usize = 100;
/// Most units of one line: who wants more talks to us.
pub const MAX_QUANTITY: u32 = 1_000;
/// Largest adjustment, up or down.
pub const MAX_CHANGE: i64 = 1_000_000_000;
/// Longest reason, in characters.
pub const MAX_REASON: usize = 200;

/// What can be sold of one SKU.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Level {
    /// Stock keeping unit.
    pub sku: String,
    /// Units on hand that are not reserved.
    pub available: i64,
}

/// What can be sold of the SKUs asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Levels {
    /// By SKU; those whose stock is not kept are left out.
    pub items: Vec<Level>,
}

/// Sets stock aside for an order: all lines or none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewReservation {
    /// The order; it has one reservation at most.
    pub order_id: Uuid,
    /// The caller's fencing token: grows with every worker that takes the order over, and the older are refused.
    pub fence: u32,
    /// 1..=100, each SKU once.
    pub lines: Vec<ReservationLine>,
}

/// So many of an SKU.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReservationLine {
    /// Stock keeping unit.
    pub sku: String,
    /// 1..=1000.
    pub quantity: u32,
}

/// Settles a reservation one way or the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Settlement {
    /// The caller's fencing token.
    pub fence: u32,
}

/// Where a reservation is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReservationState {
    /// Set aside until it expires.
    Held,
    /// Taken for good.
    Committed,
    /// Given back by the caller.
    Released,
    /// Given back because its time was up.
    Expired,
}

impl ReservationState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Held, Self::Committed, Self::Released, Self::Expired];

    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Committed => "committed",
            Self::Released => "released",
            Self::Expired => "expired",
        }
    }
}

/// Stock set aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reservation {
    /// `UUIDv7`.
    pub id: Uuid,
    /// The order it is for.
    pub order_id: Uuid,
    /// Where it is in its life.
    pub state: ReservationState,
    /// When it is given back unless it is settled before, by the clock of inventory's database.
    pub expires_at: Timestamp,
}

/// Units that came or went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Adjustment {
    /// Units that came, negative for those that went; not 0, at most 10^9 either way.
    pub change: i64,
    /// Why, 1..=200 characters.
    pub reason: String,
}

/// Stock of one SKU as administrators see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Stock {
    /// Stock keeping unit.
    pub sku: String,
    /// Units there are.
    pub on_hand: i64,
    /// Units set aside.
    pub reserved: i64,
}
