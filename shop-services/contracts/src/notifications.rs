//! What notifications says: the messages about an order, and each attempt to deliver them; and what a sink is handed.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// Where a message is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NotificationState {
    /// To be delivered, or delivered again.
    Pending,
    /// The sink took it.
    Delivered,
    /// Written down only: no sink is configured.
    Logged,
    /// Nobody took it, and it is not tried any more.
    Dead,
}

impl NotificationState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Delivered, Self::Logged, Self::Dead];

    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Logged => "logged",
            Self::Dead => "dead",
        }
    }
}

/// How an attempt to deliver a message ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AttemptOutcome {
    /// The sink took it.
    Delivered,
    /// It was written down only.
    Logged,
    /// The sink gave no answer, or one that says to come again; it may have taken it all the same.
    Unknown,
    /// The sink will not take it, however often it is asked.
    Refused,
}

impl AttemptOutcome {
    /// Every outcome.
    pub const ALL: [Self; 4] = [Self::Delivered, Self::Logged, Self::Unknown, Self::Refused];

    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Logged => "logged",
            Self::Unknown => "unknown",
            Self::Refused => "refused",
        }
    }
}

/// One attempt to deliver a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Attempt {
    /// The first is 1; one that is absent was begun by a process that ended before its answer came.
    pub number: u32,
    /// How it ended.
    pub outcome: AttemptOutcome,
    /// What went wrong, where something did, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// When it ended.
    pub at: Timestamp,
}

/// A message about an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Notification {
    /// `UUIDv7`.
    pub id: Uuid,
    /// The order.
    pub order_id: Uuid,
    /// The kind of event that it tells of.
    pub kind: String,
    /// Its first line.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// Where it is in its life.
    pub state: NotificationState,
    /// The oldest first.
    pub attempts: Vec<Attempt>,
    /// When it was written.
    pub created_at: Timestamp,
}

/// Messages, the youngest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Notifications {
    /// At most 100.
    pub items: Vec<Notification>,
}

/// A message as the sink is handed it. Whoever runs the sink knows how to reach a customer; here nobody does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Delivery {
    /// The message; the same at every attempt, as the `Idempotency-Key` is.
    pub id: Uuid,
    /// For whom.
    pub customer_id: Uuid,
    /// The order.
    pub order_id: Uuid,
    /// The kind of event that it tells of.
    pub kind: String,
    /// Its first line.
    pub subject: String,
    /// Plain text.
    pub text: String,
}
