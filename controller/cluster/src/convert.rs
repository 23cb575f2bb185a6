//! What a person wrote in a `ShopService`, parsed once into plain values; absent fields take the operator's defaults.

use jiff::SignedDuration;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use kube::ResourceExt;
use presale_crds::{
    DurationText, Mode, PAUSED, PAUSED_SCALE_IN, PAUSED_SCALE_OUT, Quantity, Remediation, Scaling, ShopService,
    SignalSource, Tier, Trust, WorkloadRef,
};
use presale_models::Level;
use presale_planner::Policy;

use crate::Error;

mod behavior;
mod promotion;
mod reserve;
mod signal;

pub use promotion::promotion;
pub use reserve::ReserveSpec;
pub use signal::SignalSpec;

/// The operator's own configuration for fields that a `ShopService` leaves out.
#[derive(Debug, Clone, PartialEq)]
pub struct Defaults {
    /// For `scaling.mode`.
    pub mode: Mode,
    /// For `scaling.tier`.
    pub tier: Tier,
    /// For `scaling.signal.source`.
    pub source: SignalSource,
    /// For `scaling.forecast.trust`.
    pub trust: Trust,
    /// For `scaling.forecast.horizon`.
    pub horizon: SignedDuration,
    /// For `scaling.forecast.lookback`.
    pub lookback: SignedDuration,
    /// For `scaling.calendar.timeZone`.
    pub time_zone: String,
    /// How long a hand-set count is held where `behavior.scaleDown` states no window.
    pub hand_hold: SignedDuration,
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            mode: Mode::Auto,
            tier: Tier::Standard,
            source: SignalSource::OpenTelemetry,
            trust: Trust::Earned,
            horizon: SignedDuration::from_hours(24),
            lookback: SignedDuration::from_hours(28 * 24),
            time_zone: "UTC".to_owned(),
            hand_hold: SignedDuration::from_mins(5),
        }
    }
}

/// One service as the operator acts on it.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceSpec {
    /// For `planner::decide`.
    pub policy: Policy,
    /// Where the load is read.
    pub signal: SignalSpec,
    /// Declared load per ready replica, the prior of what is learned. Unit: the signal's. > 0.
    pub requests_per_replica: Option<f64>,
    /// Latency that the service promises.
    pub latency: Option<Latency>,
    /// How far ahead the forecast reaches.
    pub horizon: SignedDuration,
    /// How much of the past is learned from.
    pub lookback: SignedDuration,
    /// Clock of the customers.
    pub time_zone: TimeZone,
    /// Country whose public holidays they keep, ISO 3166-1 alpha-2.
    pub country: Option<String>,
    /// Declared lead time; `None` = learned.
    pub lead_time: Option<SignedDuration>,
    /// Treatment of sick pods.
    pub health: HealthSpec,
    /// The warm reserve; `None` = there is none.
    pub reserve: Option<ReserveSpec>,
    /// Workload to adopt; `None` = we own a Deployment.
    pub workload: Option<WorkloadRef>,
}

/// A latency target.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Latency {
    /// Share of requests that keep it.
    pub quantile: Level,
    /// Longest time.
    pub max: SignedDuration,
}

/// Treatment of sick pods.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HealthSpec {
    /// Evict, show, or do not look.
    pub remediation: Remediation,
    /// Share of the desired replicas that must stay Ready and well, 0..1.
    pub min_healthy: f64,
    /// Most evictions for health within an hour.
    pub per_hour: u32,
}

/// Parses `shop`. `learned` is the median load per replica learned so far: with `prices` the accepted risk depends on it.
///
/// # Errors
/// [`Error::Field`] names the field and the cure. The schema refuses such objects, so this happens only with objects
/// that were stored under an older schema, or zones that this build does not know.
pub fn service(shop: &ShopService, defaults: &Defaults, learned: Option<f64>) -> Result<ServiceSpec, Error> {
    let scaling = shop.spec.scaling.clone().unwrap_or_default();
    let forecast = scaling.forecast.clone().unwrap_or_default();
    let calendar = scaling.calendar.as_ref();
    let capacity = scaling.capacity.clone().unwrap_or_default();
    let declared = capacity.requests_per_replica.as_ref();
    let declared = declared.map(|q| number("spec.scaling.capacity.requestsPerReplica", q)).transpose()?;
    let signal = signal::of(scaling.signal.as_ref(), defaults)?;
    let declared = signal.per_replica().or(declared);
    let latency = capacity.latency.map(|target| {
        let quantile = number("spec.scaling.capacity.latency.quantile", &target.quantile)?;
        let max = duration("spec.scaling.capacity.latency.max", &target.max)?;
        Ok(Latency { quantile: level("spec.scaling.capacity.latency.quantile", quantile)?, max })
    });
    let length = |field: &str, text: Option<&DurationText>, default| {
        text.map_or(Ok(default), |text| duration(&format!("spec.scaling.{field}"), text))
    };
    let lead_time = scaling.lead_time.as_ref().map(|text| duration("spec.scaling.leadTime", text)).transpose()?;
    Ok(ServiceSpec {
        policy: policy(shop, &scaling, defaults, learned.or(declared))?,
        signal,
        requests_per_replica: declared,
        latency: latency.transpose()?,
        horizon: length("forecast.horizon", forecast.horizon.as_ref(), defaults.horizon)?,
        lookback: length("forecast.lookback", forecast.lookback.as_ref(), defaults.lookback)?,
        time_zone: zone(
            "spec.scaling.calendar.timeZone",
            calendar.and_then(|c| c.time_zone.as_deref()).unwrap_or(&defaults.time_zone),
        )?,
        country: calendar.and_then(|c| c.country.clone()),
        lead_time,
        health: health(shop)?,
        reserve: reserve::of(shop, scaling.reserve.as_ref())?,
        workload: shop.spec.workload_ref.clone(),
    })
}

/// The mode in force: pause annotation, then field, then default.
pub fn mode(shop: &ShopService, defaults: &Defaults) -> Mode {
    let stated = shop.spec.scaling.as_ref().and_then(|scaling| scaling.mode).unwrap_or(defaults.mode);
    if is_set(shop, PAUSED) { Mode::Paused } else { stated }
}

fn policy(
    shop: &ShopService,
    scaling: &Scaling,
    defaults: &Defaults,
    requests_per_replica: Option<f64>,
) -> Result<Policy, Error> {
    let (up, down) = behavior::both(scaling.behavior.as_ref());
    let paused = is_set(shop, PAUSED);
    let stated_trust = scaling.forecast.as_ref().and_then(|forecast| forecast.trust).unwrap_or(defaults.trust);
    Ok(Policy {
        min: shop.spec.replicas.min,
        max: shop.spec.replicas.max,
        fixed: shop.spec.replicas.fixed,
        mode: match mode(shop, defaults) {
            Mode::Auto => presale_planner::Mode::Auto,
            Mode::Recommend => presale_planner::Mode::Recommend,
            Mode::Shadow => presale_planner::Mode::Shadow,
            Mode::Paused => presale_planner::Mode::Paused,
        },
        level: covered(scaling, defaults, requests_per_replica)?,
        trust: match stated_trust {
            Trust::Earned => presale_planner::Trust::Earned,
            Trust::Always => presale_planner::Trust::Always,
            Trust::Never => presale_planner::Trust::Never,
        },
        hand_hold: down.stabilization.filter(SignedDuration::is_positive).unwrap_or(defaults.hand_hold),
        up,
        down,
        paused_out: paused || is_set(shop, PAUSED_SCALE_OUT),
        paused_in: paused || is_set(shop, PAUSED_SCALE_IN),
    })
}

/// The level of the load's maximum that capacity must cover: by price (the newsvendor's ratio of the cost of lacking one
/// replica for an hour to both costs), else by tier. Kept within 0.5..0.99, beyond which no forecast is calibrated.
fn covered(scaling: &Scaling, defaults: &Defaults, requests_per_replica: Option<f64>) -> Result<Level, Error> {
    let by_tier = 1.0 - scaling.tier.unwrap_or(defaults.tier).risk();
    let ratio = match (&scaling.prices, requests_per_replica) {
        (Some(prices), Some(rate)) => {
            let request = number("spec.scaling.prices.lostRequest", &prices.lost_request)?;
            let idle = number("spec.scaling.prices.replicaHour", &prices.replica_hour)?;
            let lost = request * rate * 3_600.0;
            lost / (lost + idle)
        }
        _ => by_tier,
    };
    level("spec.scaling.prices", ratio.clamp(0.5, 0.99))
}

fn health(shop: &ShopService) -> Result<HealthSpec, Error> {
    let health = shop.spec.health.clone().unwrap_or_default();
    let text = health.min_healthy.as_deref().unwrap_or("60%");
    let percent = text.strip_suffix('%').and_then(|number| number.parse::<u32>().ok()).filter(|p| *p <= 100);
    let percent = percent.ok_or_else(|| {
        Error::field("spec.health.minHealthy", text, "is not a percentage", "write \"0%\" to \"100%\"")
    })?;
    Ok(HealthSpec {
        remediation: health.remediation.unwrap_or_default(),
        min_healthy: f64::from(percent) / 100.0,
        per_hour: health.restart_budget.map_or(6, |budget| budget.per_hour),
    })
}

fn is_set(shop: &ShopService, annotation: &str) -> bool {
    shop.annotations().get(annotation).is_some_and(|value| value == "true")
}

pub(crate) fn duration(field: &str, text: &DurationText) -> Result<SignedDuration, Error> {
    text.parse().map_err(|error| Error::field(field, &text.0, error.to_string(), "write for example \"90s\""))
}

pub(crate) fn number(field: &str, quantity: &Quantity) -> Result<f64, Error> {
    let value = quantity.parse().ok().filter(|value| *value > 0.0);
    value.ok_or_else(|| Error::field(field, &quantity.0, "is not a quantity above 0", "write for example \"0.5\""))
}

pub(crate) fn zone(field: &str, name: &str) -> Result<TimeZone, Error> {
    TimeZoneDatabase::bundled().get(name).map_err(|_| {
        Error::field(
            field,
            name,
            "is in no time zone database of this build",
            "write an IANA name, such as Europe/Berlin",
        )
    })
}

fn level(field: &str, value: f64) -> Result<Level, Error> {
    Level::new(value).map_err(|error| Error::field(field, value.to_string(), error.to_string(), "write such as 0.99"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shop(spec: serde_json::Value) -> ShopService {
        let mut object = json!({"apiVersion": "presale.dev/v1alpha1", "kind": "ShopService",
            "metadata": {"name": "orders", "namespace": "shop"},
            "spec": {"image": "orders:1", "replicas": {"min": 2, "max": 40}}});
        crate::merge::merge(&mut object, spec);
        serde_json::from_value(object).expect("a ShopService")
    }

    fn parsed(spec: serde_json::Value) -> ServiceSpec {
        service(&shop(spec), &Defaults::default(), None).expect("parses")
    }

    #[test]
    fn a_bare_service_takes_the_operators_defaults() {
        let spec = parsed(json!({}));
        assert_eq!((spec.policy.min, spec.policy.max, spec.policy.fixed), (2, 40, None));
        assert_eq!(spec.policy.mode, presale_planner::Mode::Auto);
        assert!((spec.policy.level.get() - 0.95).abs() < 1e-12);
        assert_eq!(spec.signal, SignalSpec::Preset(SignalSource::OpenTelemetry));
        assert_eq!(spec.health, HealthSpec { remediation: Remediation::Auto, min_healthy: 0.6, per_hour: 6 });
        assert_eq!((spec.horizon.as_hours(), spec.lookback.as_hours()), (24, 672));
        assert_eq!((spec.policy.down.stabilization, spec.policy.hand_hold.as_mins()), (None, 5));
        assert_eq!(spec.time_zone.iana_name(), Some("UTC"));
    }

    #[test]
    fn prices_override_the_tier_once_the_load_per_replica_is_known() {
        let prices = json!({"spec": {"scaling": {"tier": "BestEffort",
            "prices": {"lostRequest": "0.0001", "replicaHour": "3.6"}}}});
        let level =
            |learned| service(&shop(prices.clone()), &Defaults::default(), learned).map(|s| s.policy.level.get());
        assert!((level(None).expect("by tier") - 0.90).abs() < 1e-12);
        // 0.0001 x 100/s x 3600 s = 36 lost per hour against 3.6 for the replica: 36 / 39.6.
        assert!((level(Some(100.0)).expect("by price") - 36.0 / 39.6).abs() < 1e-12);
        assert!((level(Some(1e9)).expect("clamped") - 0.99).abs() < 1e-12);
    }

    #[test]
    fn annotations_pause_one_direction_or_all() {
        let annotated = |name: &str| parsed(json!({"metadata": {"annotations": {name: "true"}}})).policy;
        let all = annotated(PAUSED);
        assert_eq!((all.mode, all.paused_in, all.paused_out), (presale_planner::Mode::Paused, true, true));
        let down = annotated(PAUSED_SCALE_IN);
        assert_eq!((down.mode, down.paused_in, down.paused_out), (presale_planner::Mode::Auto, true, false));
        let no = parsed(json!({"metadata": {"annotations": {PAUSED: "false"}}})).policy;
        assert!(!no.paused_in && !no.paused_out);
    }

    #[test]
    fn every_scaling_field_reaches_its_place() {
        let spec = parsed(json!({"spec": {
            "scaling": {"mode": "Shadow", "tier": "Critical", "leadTime": "45s",
                "signal": {"type": "Prometheus", "query": "q", "errorsQuery": "e", "latencyQuery": "l"},
                "capacity": {"requestsPerReplica": "120", "latency": {"quantile": "0.99", "max": "250ms"}},
                "forecast": {"trust": "Always", "horizon": "6h", "lookback": "14d"},
                "calendar": {"timeZone": "Europe/Berlin", "country": "DE"},
                "behavior": {"scaleDown": {"stabilizationWindowSeconds": 120}}},
            "health": {"remediation": "Recommend", "minHealthy": "75%", "restartBudget": {"perHour": 2}}}}));
        assert_eq!(spec.policy.mode, presale_planner::Mode::Shadow);
        assert_eq!(spec.policy.trust, presale_planner::Trust::Always);
        assert!((spec.policy.level.get() - 0.99).abs() < 1e-12);
        assert_eq!(spec.policy.hand_hold.as_secs(), 120);
        assert_eq!(spec.lead_time.map(|d| d.as_secs()), Some(45));
        let query = SignalSpec::Query { load: "q".into(), errors: Some("e".into()), latency: Some("l".into()) };
        assert_eq!(spec.signal, query);
        assert_eq!(spec.requests_per_replica, Some(120.0));
        assert_eq!(
            spec.latency.map(|l| (l.quantile.get().to_bits(), l.max.as_millis())),
            Some((0.99_f64.to_bits(), 250))
        );
        assert_eq!((spec.horizon.as_hours(), spec.lookback.as_hours()), (6, 336));
        assert_eq!((spec.time_zone.iana_name(), spec.country.as_deref()), (Some("Europe/Berlin"), Some("DE")));
        assert_eq!(spec.health, HealthSpec { remediation: Remediation::Recommend, min_healthy: 0.75, per_hour: 2 });
    }

    #[test]
    fn an_error_names_the_field_and_the_cure() {
        let bad = shop(json!({"spec": {"scaling": {"calendar": {"timeZone": "Mars/Olympus"}}}}));
        let error = service(&bad, &Defaults::default(), None).expect_err("no such zone").to_string();
        assert!(error.contains("spec.scaling.calendar.timeZone") && error.contains("Europe/Berlin"), "{error}");
    }
}
