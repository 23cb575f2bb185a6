//! Metrics of recommendations: where they come from, and how old the model is.

use super::{Kind, Metric, metric};

/// Requests by where their answer comes from.
pub const RECOMMENDATION_REQUESTS: Metric = metric(
    "shop_recommendation_requests_total",
    Kind::Counter,
    "requests",
    &["source"],
    "Recommendations answered, by source: model, popular (the model knows nothing) or empty (nobody does)",
);
/// A model that is not trained any more recommends what was bought once.
pub const RECOMMENDATION_MODEL_TRAINED: Metric = metric(
    "shop_recommendation_model_trained_timestamp_seconds",
    Kind::Gauge,
    "seconds",
    &[],
    "When the model in use was trained, since 1970; absent before the first",
);

/// What recommendations exports besides [`ALL`](super::ALL), [`EVENTS`](super::EVENTS) and [`BACKLOG`](super::BACKLOG).
pub const RECOMMENDING: &[Metric] =
    &[super::HTTP_CLIENT_DURATION, RECOMMENDATION_REQUESTS, RECOMMENDATION_MODEL_TRAINED];
