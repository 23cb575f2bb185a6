//! Promotions as the decision sees them: a floor that is already planned and needs no live signal.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The replicas that one promotion asks of one service during a span of time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PromotionFloor {
    /// Name of the `PromotionEvent`.
    pub name: String,
    /// From when the floor holds (pre-scaling included).
    pub from: Timestamp,
    /// Until when (cooling down included).
    pub until: Timestamp,
    /// Start of the promotion itself.
    pub starts: Timestamp,
    /// End of the promotion itself.
    pub ends: Timestamp,
    /// Floor per time, ascending by `at`; each holds until the next. Empty = no floor, only a ceiling.
    pub floors: Vec<crate::Recommendation>,
    /// Most replicas allowed by this promotion.
    pub ceiling: Option<u32>,
}
