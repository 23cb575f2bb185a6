//! Label sets, one type per family, so that no family can be written with another's labels.

use prometheus_client::encoding::EncodeLabelSet;

/// One service.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ServiceLabels {
    /// Namespace of the `ShopService`.
    pub namespace: String,
    /// Its name.
    pub service: String,
}

/// One term of a service's decision.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct FloorLabels {
    /// Namespace of the `ShopService`.
    pub namespace: String,
    /// Its name.
    pub service: String,
    /// forecast, reactive or promotion.
    pub term: &'static str,
}

/// One quantile of a service's figure.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct LevelLabels {
    /// Namespace of the `ShopService`.
    pub namespace: String,
    /// Its name.
    pub service: String,
    /// The probability, such as 0.95.
    pub level: &'static str,
}

/// A reading of one signal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ReadingLabels {
    /// Namespace of the `ShopService`.
    pub namespace: String,
    /// Its name.
    pub service: String,
    /// load or latency.
    pub signal: &'static str,
    /// Fresh, Zero, Stale, Partial, Empty, `NaN` or Error.
    pub state: &'static str,
}

/// A decision.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct DecisionLabels {
    /// Namespace of the `ShopService`.
    pub namespace: String,
    /// Its name.
    pub service: String,
    /// What it came to.
    pub outcome: &'static str,
    /// The term that won.
    pub reason: &'static str,
}

/// The phase of a promotion.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct PhaseLabels {
    /// Namespace of the `PromotionEvent`.
    pub namespace: String,
    /// Its name.
    pub promotion: String,
    /// The phase.
    pub phase: &'static str,
}

/// An eviction for health.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct EvictionLabels {
    /// Namespace of the `ShopService`.
    pub namespace: String,
    /// Its name.
    pub service: String,
    /// What became of it.
    pub result: &'static str,
}

/// A training.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct TrainingLabels {
    /// trained, `not_enough_history`, failed or overrun.
    pub result: &'static str,
}

/// A stage of a reconciliation.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct StageLabels {
    /// observe, own, read, forecast, decide, apply, report or record.
    pub stage: &'static str,
}

/// A failed reconciliation.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ErrorLabels {
    /// `ShopService` or `PromotionEvent`.
    pub kind: &'static str,
    /// A stable word.
    pub reason: &'static str,
}

/// A query to Prometheus.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct QueryLabels {
    /// The preset, or custom or history.
    pub query: &'static str,
    /// ok or error.
    pub result: &'static str,
}

/// A write to a warm reserve.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct StepLabels {
    /// Namespace of the `ShopService`.
    pub namespace: String,
    /// Its name.
    pub service: String,
    /// `cut_off`, shrink, grow, `put_in_service` or scale.
    pub step: &'static str,
    /// done or failed.
    pub result: &'static str,
}
