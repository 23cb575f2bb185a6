//! The names, as they appear on `/metrics`: counters carry `_total`, histograms `_seconds`.

/// Version of the program, as a label; always 1.
pub const BUILD: &str = "presale_build_info";
/// 1 while this process holds the lease.
pub const LEADER: &str = "presale_leader";
/// Replicas in the target's spec, less the warm reserve.
pub const REPLICAS_CURRENT: &str = "presale_replicas_current";
/// Ready pods, less the warm reserve.
pub const REPLICAS_READY: &str = "presale_replicas_ready";
/// Pods created and not Ready yet.
pub const REPLICAS_STARTING: &str = "presale_replicas_starting";
/// Pods of the warm reserve that can be back in service at once; absent where a service has none.
pub const REPLICAS_WARM: &str = "presale_replicas_warm";
/// Pods that the last decision wants in reserve; absent where a service has none.
pub const REPLICAS_WARM_WANTED: &str = "presale_replicas_warm_wanted";
/// Pods whose node has no room for their growth: no capacity; absent where a service has no reserve.
pub const REPLICAS_DEFERRED: &str = "presale_replicas_deferred";
/// Writes to the pods and replicas of a warm reserve; labels `step` (`cut_off`, shrink, grow, `put_in_service`, scale) and
/// `result` (done, failed).
pub const RESERVE_STEPS: &str = "presale_reserve_steps_total";
/// Replicas decided.
pub const REPLICAS_DESIRED: &str = "presale_replicas_desired";
/// Lower bound of the replicas.
pub const REPLICAS_MIN: &str = "presale_replicas_min";
/// Upper bound of the replicas.
pub const REPLICAS_MAX: &str = "presale_replicas_max";
/// Replicas that one term asks for; label `term`: forecast, reactive, promotion. Absent where the term asks for none.
pub const FLOOR: &str = "presale_floor_replicas";
/// Offered load now, in the signal's unit (requests per second); absent where it is unknown.
pub const LOAD: &str = "presale_load";
/// Quantiles of the load that was forecast for now, before now was seen; label `level`.
pub const FORECAST_LOAD: &str = "presale_forecast_load";
/// Quantiles of the highest load that a decision taken now must serve; label `level`.
pub const FORECAST_AHEAD_LOAD: &str = "presale_forecast_ahead_load";
/// Load that one Ready replica serves; label `level`: 0.1 (plans use it) and 0.5.
pub const CAPACITY: &str = "presale_capacity_load_per_replica";
/// Decision → Ready pod, 95 % quantile, seconds.
pub const LEAD_TIME: &str = "presale_lead_time_seconds";
/// Readings of a signal by state; labels `signal` (load, latency) and `state` (Fresh, Zero, Stale, …).
pub const READINGS: &str = "presale_readings_total";
/// Age of the newest sample behind the load, seconds.
pub const SIGNAL_AGE: &str = "presale_signal_age_seconds";
/// Decisions; labels `outcome` and `reason`.
pub const DECISIONS: &str = "presale_decisions_total";
/// Writes of replicas; label `outcome`.
pub const SCALES: &str = "presale_scale_writes_total";
/// 1 where the forecast may act.
pub const FORECAST_TRUSTED: &str = "presale_forecast_trusted";
/// Weighted quantile loss relative to weekly seasonal naive; below 1 is better than it.
pub const FORECAST_WQL: &str = "presale_forecast_relative_wql_ratio";
/// Share of outcomes below the 95 % quantile.
pub const FORECAST_COVERAGE: &str = "presale_forecast_coverage95_ratio";
/// When the model in use was trained, Unix seconds.
pub const TRAINED: &str = "presale_model_trained_timestamp_seconds";
/// Duration of a training; label `result`: trained, `not_enough_history`, failed, overrun.
pub const TRAINING: &str = "presale_training_seconds";
/// 1 for the phase that a promotion is in; label `phase`.
pub const PROMOTION_PHASE: &str = "presale_promotion_phase";
/// Pods that are outliers against their peers.
pub const SICK_PODS: &str = "presale_sick_pods";
/// Pods put away for health, and what became of it; label `result`.
pub const EVICTIONS: &str = "presale_evictions_total";
/// Duration of one stage of a reconciliation; label `stage`.
pub const STAGE: &str = "presale_stage_seconds";
/// Failed reconciliations; labels `kind` and `reason`.
pub const ERRORS: &str = "presale_reconcile_errors_total";
/// Duration of a query to Prometheus; labels `query` (the preset) and `result`.
pub const QUERY: &str = "presale_query_seconds";
/// Bytes that the ledger of decisions takes on disk.
pub const LEDGER: &str = "presale_ledger_bytes";

/// Every name, for checks that panels and alerts ask for what exists.
pub const ALL: [&str; 34] = [
    BUILD,
    LEADER,
    REPLICAS_CURRENT,
    REPLICAS_READY,
    REPLICAS_STARTING,
    REPLICAS_WARM,
    REPLICAS_WARM_WANTED,
    REPLICAS_DEFERRED,
    RESERVE_STEPS,
    REPLICAS_DESIRED,
    REPLICAS_MIN,
    REPLICAS_MAX,
    FLOOR,
    LOAD,
    FORECAST_LOAD,
    FORECAST_AHEAD_LOAD,
    CAPACITY,
    LEAD_TIME,
    READINGS,
    SIGNAL_AGE,
    DECISIONS,
    SCALES,
    FORECAST_TRUSTED,
    FORECAST_WQL,
    FORECAST_COVERAGE,
    TRAINED,
    TRAINING,
    PROMOTION_PHASE,
    SICK_PODS,
    EVICTIONS,
    STAGE,
    ERRORS,
    QUERY,
    LEDGER,
];
