//! What recommendations says: products that go with one, or with what a customer bought.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// Products where no limit is asked for.
pub const DEFAULT_LIMIT: u32 = 10;
/// Products at most.
pub const MAX_LIMIT: u32 = 50;

/// A product to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Recommendation {
    /// The catalog's id of it.
    pub product_id: Uuid,
}

/// Where recommendations come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecommendationSource {
    /// From what people bought together; where that is too little, filled up with what many buy.
    Model,
    /// From what many buy.
    Popular,
    /// Nothing is known yet.
    Empty,
}

impl RecommendationSource {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Popular => "popular",
            Self::Empty => "empty",
        }
    }
}

/// Products to look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Recommendations {
    /// Where they come from.
    pub source: RecommendationSource,
    /// Version of the model that was asked; absent before the first was trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<i64>,
    /// The best first.
    pub items: Vec<Recommendation>,
}
