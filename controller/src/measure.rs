//! The operator's own figures about each round.

use std::future::Future;

use presale_crds::ReserveStatus;
use presale_metrics::{DecisionLabels, FloorLabels, LevelLabels, ReadingLabels, ServiceLabels, StageLabels, Timer};
use presale_models::{LEVELS, Level, Reading};
use presale_planner::{Decision, ForecastInput, PlanInput};
use presale_prometheus::ServiceKey;

use crate::operator::Operator;

/// Levels that are exported, with their labels.
const SHOWN: [(Level, &str); 4] = [(LEVELS[0], "0.025"), (LEVELS[2], "0.5"), (LEVELS[5], "0.95"), (LEVELS[6], "0.975")];

/// Times one stage.
pub(crate) fn stage<T>(operator: &Operator, stage: &'static str, job: impl FnOnce() -> T) -> T {
    let timer = Timer::start();
    let done = job();
    operator.metrics.stage.get_or_create(&StageLabels { stage }).observe(timer.seconds());
    done
}

/// Times one stage that waits.
pub(crate) async fn timed<T>(operator: &Operator, stage: &'static str, job: impl Future<Output = T>) -> T {
    let timer = Timer::start();
    let done = job.await;
    operator.metrics.stage.get_or_create(&StageLabels { stage }).observe(timer.seconds());
    done
}

/// Exports a decision and what it rested on.
pub(crate) fn decision(operator: &Operator, key: &ServiceKey, input: &PlanInput, decision: &Decision) {
    let metrics = &operator.metrics;
    let labels = labels(key);
    let gauge = |family: &prometheus_client::metrics::family::Family<ServiceLabels, _>, value: u32| {
        let gauge: prometheus_client::metrics::gauge::Gauge = family.get_or_create_owned(&labels);
        gauge.set(i64::from(value));
    };
    gauge(&metrics.current, input.replicas.current);
    gauge(&metrics.ready, input.replicas.ready);
    gauge(&metrics.starting, input.replicas.starting);
    gauge(&metrics.desired, decision.desired);
    gauge(&metrics.min, input.policy.min);
    gauge(&metrics.max, input.policy.max);
    metrics.lead_time.get_or_create(&labels).set(input.lead_time.as_secs_f64());
    for (term, floor) in [
        ("forecast", decision.forecast_floor),
        ("reactive", decision.reactive_floor),
        ("promotion", decision.promotion_floor),
    ] {
        let labels = FloorLabels { namespace: key.namespace.clone(), service: key.service.clone(), term };
        match floor {
            Some(floor) => drop(metrics.floor.get_or_create(&labels).set(i64::from(floor))),
            None => drop(metrics.floor.remove(&labels)),
        }
    }
    for (level, value) in [("0.1", input.capacity_p10), ("0.5", input.capacity_p50)] {
        level_gauge(&metrics.capacity, key, level, value);
    }
    readings(operator, key, input);
    ahead(operator, key, input);
    let decided = DecisionLabels {
        namespace: key.namespace.clone(),
        service: key.service.clone(),
        outcome: decision.outcome.as_str(),
        reason: decision.reason.as_str(),
    };
    metrics.decisions.get_or_create(&decided).inc();
    if decision.write && decision.desired != decision.current {
        metrics.scales.get_or_create(&decided).inc();
    }
}

/// Exports the pods of a warm reserve; absent where there is none.
pub(crate) fn reserve(operator: &Operator, key: &ServiceKey, reserve: Option<ReserveStatus>) {
    let metrics = &operator.metrics;
    let labels = labels(key);
    let counts = [
        (&metrics.warm, reserve.map(|r| r.warm)),
        (&metrics.warm_wanted, reserve.map(|r| r.wanted)),
        (&metrics.deferred, reserve.map(|r| r.deferred)),
    ];
    for (family, count) in counts {
        match count {
            Some(count) => drop(family.get_or_create(&labels).set(i64::from(count))),
            None => drop(family.remove(&labels)),
        }
    }
}

/// Forgets a service that is gone, so that its last figures do not stand for ever.
pub(crate) fn forget(operator: &Operator, key: &ServiceKey) {
    let metrics = &operator.metrics;
    let labels = labels(key);
    for family in [&metrics.current, &metrics.ready, &metrics.starting, &metrics.desired, &metrics.min, &metrics.max] {
        family.remove(&labels);
    }
    for family in [&metrics.forecast_trusted, &metrics.trained, &metrics.sick_pods] {
        family.remove(&labels);
    }
    for family in
        [&metrics.load, &metrics.lead_time, &metrics.signal_age, &metrics.forecast_wql, &metrics.forecast_coverage]
    {
        family.remove(&labels);
    }
    reserve(operator, key, None);
    for term in ["forecast", "reactive", "promotion"] {
        metrics.floor.remove(&FloorLabels { namespace: key.namespace.clone(), service: key.service.clone(), term });
    }
    for (_, level) in SHOWN {
        level_gauge(&metrics.forecast_load, key, level, None);
        level_gauge(&metrics.forecast_ahead_load, key, level, None);
    }
    for level in ["0.1", "0.5"] {
        level_gauge(&metrics.capacity, key, level, None);
    }
}

fn readings(operator: &Operator, key: &ServiceKey, input: &PlanInput) {
    let metrics = &operator.metrics;
    for (signal, reading) in [("load", &input.load), ("latency", &input.saturation.latency)] {
        let labels = ReadingLabels {
            namespace: key.namespace.clone(),
            service: key.service.clone(),
            signal,
            state: reading.state(),
        };
        metrics.readings.get_or_create(&labels).inc();
    }
    let value = match input.load {
        Reading::Stale { .. } => None,
        live => live.at_least(),
    };
    real(&metrics.load, key, value);
    real(&metrics.signal_age, key, input.load.age(input.now).map(|age| age.as_secs_f64()));
}

fn ahead(operator: &Operator, key: &ServiceKey, input: &PlanInput) {
    let metrics = &operator.metrics;
    let ForecastInput::Available { maximum, trusted, .. } = &input.forecast else {
        for (_, label) in SHOWN {
            level_gauge(&metrics.forecast_ahead_load, key, label, None);
            level_gauge(&metrics.forecast_load, key, label, None);
        }
        return;
    };
    let expected = operator.forecasts.expected(key, input.now, operator.config.prometheus.rate_window);
    for (level, label) in SHOWN {
        let now = maximum.index_of(input.now).and_then(|row| maximum.value(row, level));
        level_gauge(&metrics.forecast_ahead_load, key, label, now);
        let value = expected.zip(LEVELS.iter().position(|l| *l == level)).map(|(row, at)| row[at]);
        level_gauge(&metrics.forecast_load, key, label, value);
    }
    metrics.forecast_trusted.get_or_create(&labels(key)).set(i64::from(*trusted));
    if let Some(facts) = operator.forecasts.facts(key) {
        real(&metrics.forecast_wql, key, facts.scores.relative_wql);
        real(&metrics.forecast_coverage, key, facts.scores.coverage95);
    }
}

type Real = prometheus_client::metrics::family::Family<ServiceLabels, presale_metrics::families::Real>;
type RealByLevel = prometheus_client::metrics::family::Family<LevelLabels, presale_metrics::families::Real>;

/// A figure that is unknown is absent, not zero.
fn real(family: &Real, key: &ServiceKey, value: Option<f64>) {
    let labels = labels(key);
    match value {
        Some(value) => drop(family.get_or_create(&labels).set(value)),
        None => drop(family.remove(&labels)),
    }
}

fn level_gauge(family: &RealByLevel, key: &ServiceKey, level: &'static str, value: Option<f64>) {
    let labels = LevelLabels { namespace: key.namespace.clone(), service: key.service.clone(), level };
    match value {
        Some(value) => drop(family.get_or_create(&labels).set(value)),
        None => drop(family.remove(&labels)),
    }
}

/// The labels of one service.
pub(crate) fn labels(key: &ServiceKey) -> ServiceLabels {
    ServiceLabels { namespace: key.namespace.clone(), service: key.service.clone() }
}
