//! Names, units and families of the operator's own metrics, once: code registers them here, dashboards read them here.
//!
//! Base units and suffixes as Prometheus names them. Nothing else in the workspace spells a metric of the operator.

pub mod families;
pub mod labels;
pub mod names;
pub mod timer;

pub use families::Metrics;
pub use labels::{
    DecisionLabels, ErrorLabels, EvictionLabels, FloorLabels, LevelLabels, PhaseLabels, QueryLabels, ReadingLabels,
    ServiceLabels, StageLabels, StepLabels, TrainingLabels,
};
pub use timer::Timer;
