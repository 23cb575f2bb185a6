//! The families themselves, registered once per process under their names with help for people.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry};

use crate::labels::{
    DecisionLabels, ErrorLabels, EvictionLabels, FloorLabels, LevelLabels, PhaseLabels, QueryLabels, ReadingLabels,
    ServiceLabels, StageLabels, StepLabels, TrainingLabels,
};
use crate::names;

/// A gauge of a real number.
pub type Real = Gauge<f64, AtomicU64>;
/// Buckets for a kind of duration.
pub type Durations<L> = Family<L, Histogram, fn() -> Histogram>;

/// Every family of the operator. Clones share what they count.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// See [`names::LEADER`].
    pub leader: Gauge,
    /// See [`names::REPLICAS_CURRENT`].
    pub current: Family<ServiceLabels, Gauge>,
    /// See [`names::REPLICAS_READY`].
    pub ready: Family<ServiceLabels, Gauge>,
    /// See [`names::REPLICAS_STARTING`].
    pub starting: Family<ServiceLabels, Gauge>,
    /// See [`names::REPLICAS_WARM`].
    pub warm: Family<ServiceLabels, Gauge>,
    /// See [`names::REPLICAS_WARM_WANTED`].
    pub warm_wanted: Family<ServiceLabels, Gauge>,
    /// See [`names::REPLICAS_DEFERRED`].
    pub deferred: Family<ServiceLabels, Gauge>,
    /// See [`names::RESERVE_STEPS`].
    pub reserve_steps: Family<StepLabels, Counter>,
    /// See [`names::REPLICAS_DESIRED`].
    pub desired: Family<ServiceLabels, Gauge>,
    /// See [`names::REPLICAS_MIN`].
    pub min: Family<ServiceLabels, Gauge>,
    /// See [`names::REPLICAS_MAX`].
    pub max: Family<ServiceLabels, Gauge>,
    /// See [`names::FLOOR`].
    pub floor: Family<FloorLabels, Gauge>,
    /// See [`names::LOAD`].
    pub load: Family<ServiceLabels, Real>,
    /// See [`names::FORECAST_LOAD`].
    pub forecast_load: Family<LevelLabels, Real>,
    /// See [`names::FORECAST_AHEAD_LOAD`].
    pub forecast_ahead_load: Family<LevelLabels, Real>,
    /// See [`names::CAPACITY`].
    pub capacity: Family<LevelLabels, Real>,
    /// See [`names::LEAD_TIME`].
    pub lead_time: Family<ServiceLabels, Real>,
    /// See [`names::READINGS`].
    pub readings: Family<ReadingLabels, Counter>,
    /// See [`names::SIGNAL_AGE`].
    pub signal_age: Family<ServiceLabels, Real>,
    /// See [`names::DECISIONS`].
    pub decisions: Family<DecisionLabels, Counter>,
    /// See [`names::SCALES`].
    pub scales: Family<DecisionLabels, Counter>,
    /// See [`names::FORECAST_TRUSTED`].
    pub forecast_trusted: Family<ServiceLabels, Gauge>,
    /// See [`names::FORECAST_WQL`].
    pub forecast_wql: Family<ServiceLabels, Real>,
    /// See [`names::FORECAST_COVERAGE`].
    pub forecast_coverage: Family<ServiceLabels, Real>,
    /// See [`names::TRAINED`].
    pub trained: Family<ServiceLabels, Gauge>,
    /// See [`names::TRAINING`].
    pub training: Durations<TrainingLabels>,
    /// See [`names::PROMOTION_PHASE`].
    pub promotion_phase: Family<PhaseLabels, Gauge>,
    /// See [`names::SICK_PODS`].
    pub sick_pods: Family<ServiceLabels, Gauge>,
    /// See [`names::EVICTIONS`].
    pub evictions: Family<EvictionLabels, Counter>,
    /// See [`names::STAGE`].
    pub stage: Durations<StageLabels>,
    /// See [`names::ERRORS`].
    pub errors: Family<ErrorLabels, Counter>,
    /// See [`names::QUERY`].
    pub query: Durations<QueryLabels>,
    /// See [`names::LEDGER`].
    pub ledger: Gauge,
}

impl Metrics {
    /// Registers every family.
    pub fn register(registry: &mut Registry, version: &'static str) -> Self {
        let info = Info::new(vec![("version", version)]);
        registry.register(stem(names::BUILD), "Version of the program", info);
        Self {
            leader: family(registry, names::LEADER, "1 while this process holds the lease", Gauge::default()),
            current: of(registry, names::REPLICAS_CURRENT, "Replicas in the target's spec, less the warm reserve"),
            ready: of(registry, names::REPLICAS_READY, "Ready pods, less the warm reserve"),
            starting: of(registry, names::REPLICAS_STARTING, "Pods created and not Ready yet"),
            warm: of(registry, names::REPLICAS_WARM, "Pods of the warm reserve that can be back in service at once"),
            warm_wanted: of(registry, names::REPLICAS_WARM_WANTED, "Pods that the last decision wants in reserve"),
            deferred: of(registry, names::REPLICAS_DEFERRED, "Pods whose node has no room for their growth"),
            reserve_steps: of(registry, names::RESERVE_STEPS, "Writes to pods and replicas of a warm reserve"),
            desired: of(registry, names::REPLICAS_DESIRED, "Replicas decided"),
            min: of(registry, names::REPLICAS_MIN, "Lower bound of the replicas"),
            max: of(registry, names::REPLICAS_MAX, "Upper bound of the replicas"),
            floor: of(registry, names::FLOOR, "Replicas that one term of the decision asks for"),
            load: of(registry, names::LOAD, "Offered load now, in the signal's unit (requests per second)"),
            forecast_load: of(registry, names::FORECAST_LOAD, "Quantiles of the load that was forecast for now"),
            forecast_ahead_load: of(
                registry,
                names::FORECAST_AHEAD_LOAD,
                "Quantiles of the highest load that a decision taken now must serve",
            ),
            capacity: of(registry, names::CAPACITY, "Load that one Ready replica serves, by level of caution"),
            lead_time: of(registry, names::LEAD_TIME, "Decision to Ready pod, 95 % quantile"),
            readings: of(registry, names::READINGS, "Readings of a signal by state"),
            signal_age: of(registry, names::SIGNAL_AGE, "Age of the newest sample behind the load"),
            decisions: of(registry, names::DECISIONS, "Decisions by outcome and reason"),
            scales: of(registry, names::SCALES, "Writes of replicas by outcome and reason"),
            forecast_trusted: of(registry, names::FORECAST_TRUSTED, "1 where the forecast may act"),
            forecast_wql: of(registry, names::FORECAST_WQL, "Quantile loss relative to weekly seasonal naive"),
            forecast_coverage: of(registry, names::FORECAST_COVERAGE, "Share of outcomes below the 95 % quantile"),
            trained: of(registry, names::TRAINED, "When the model in use was trained"),
            training: family(
                registry,
                names::TRAINING,
                "Duration of a training",
                Durations::new_with_constructor(durations),
            ),
            promotion_phase: of(registry, names::PROMOTION_PHASE, "1 for the phase that a promotion is in"),
            sick_pods: of(registry, names::SICK_PODS, "Pods that are outliers against their peers"),
            evictions: of(registry, names::EVICTIONS, "Pods put away for health, by what became of it"),
            stage: family(
                registry,
                names::STAGE,
                "Duration of one stage of a reconciliation",
                Durations::new_with_constructor(durations),
            ),
            errors: of(registry, names::ERRORS, "Failed reconciliations by reason"),
            query: family(
                registry,
                names::QUERY,
                "Duration of a query to Prometheus",
                Durations::new_with_constructor(durations),
            ),
            ledger: family(registry, names::LEDGER, "Bytes of the ledger of decisions on disk", Gauge::default()),
        }
    }
}

/// Registers a family that starts empty.
fn of<M: Metric + Default + Clone>(registry: &mut Registry, name: &str, help: &str) -> M {
    family(registry, name, help, M::default())
}

fn family<M: Metric + Clone>(registry: &mut Registry, name: &str, help: &str, metric: M) -> M {
    registry.register(stem(name), help, metric.clone());
    metric
}

/// The name without what the text format appends by itself.
fn stem(name: &str) -> &str {
    name.strip_suffix("_total").or_else(|| name.strip_suffix("_info")).unwrap_or(name)
}

/// 1 ms … 33 s.
fn durations() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 2.0, 16))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_exposed_has_the_names_that_are_stated() {
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry, "1.2.3");
        let service = ServiceLabels { namespace: "shop".into(), service: "catalog".into() };
        let labels = DecisionLabels {
            namespace: "shop".into(),
            service: "catalog".into(),
            outcome: "ScaledUp",
            reason: "Forecast",
        };
        metrics.decisions.get_or_create(&labels).inc();
        metrics.load.get_or_create(&service).set(12.5);
        metrics.stage.get_or_create(&StageLabels { stage: "decide" }).observe(0.002);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        for line in [
            "presale_build_info{version=\"1.2.3\"} 1",
            "presale_decisions_total{namespace=\"shop\",service=\"catalog\",outcome=\"ScaledUp\",reason=\"Forecast\"} 1",
            "presale_load{namespace=\"shop\",service=\"catalog\"} 12.5",
            "presale_stage_seconds_count{stage=\"decide\"} 1",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
        }
        let registered = format!("{registry:?}");
        for name in names::ALL {
            assert!(registered.contains(&format!("\"{}\"", stem(name))), "{name} is not registered");
        }
    }
}
