//! The input as the stages read it: what is not finite, not live or not in range counts as unknown, never as zero.

use jiff::{SignedDuration, Timestamp};
use presale_models::{Level, QuantileForecast, Reading};

use crate::{ForecastInput, Mode, PlanInput, Trust};

/// A reading whose sample is older than this, or as far in the future, is not live, whatever its state says.
const LIVE: SignedDuration = SignedDuration::from_mins(15);
/// Longest lead time that a decision looks ahead; anything longer is a broken measurement.
const LONGEST_LEAD: SignedDuration = SignedDuration::from_hours(6);

/// What the stages of one decision share.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts<'a> {
    /// Where it all comes from.
    pub(crate) input: &'a PlanInput,
    /// The one clock reading.
    pub(crate) now: Timestamp,
    /// Replicas in service; where all of a service with a reserve are planned, those that can return as well.
    pub(crate) current: u32,
    /// Level of the load's maximum that capacity must cover.
    pub(crate) level: Level,
    /// Load now, fresh and complete: may lower.
    pub(crate) load: Option<f64>,
    /// Load now, at least: may raise.
    pub(crate) load_at_least: Option<f64>,
    /// Load per replica that plans may count on, > 0.
    pub(crate) capacity: Option<f64>,
    /// The forecast that may act.
    pub(crate) forecast: Option<&'a QuantileForecast>,
    /// Decision → ready pod, within 0 … 6 h.
    pub(crate) lead: SignedDuration,
}

impl<'a> Facts<'a> {
    /// Reads an input.
    pub(crate) fn of(input: &'a PlanInput) -> Self {
        let live = |value: Option<f64>| {
            let near = input.load.age(input.now).is_some_and(|age| age.abs() <= LIVE);
            value.filter(|v| near && v.is_finite() && *v >= 0.0)
        };
        Self {
            input,
            now: input.now,
            current: input.replicas.current,
            level: input.policy.level,
            load: live(input.load.complete()),
            load_at_least: live(input.load.at_least()),
            capacity: input.capacity_p10.filter(|c| c.is_finite() && *c > 0.0),
            forecast: acting_forecast(input),
            lead: input.lead_time.clamp(SignedDuration::ZERO, LONGEST_LEAD),
        }
    }

    /// The forecast whether or not it may act, for display.
    pub(crate) fn shown_forecast(&self) -> Option<&'a QuantileForecast> {
        match &self.input.forecast {
            ForecastInput::Available { maximum, .. } => Some(maximum),
            ForecastInput::Unavailable { .. } => None,
        }
    }

    /// Replicas that serve `load`, if a capacity is known.
    pub(crate) fn replicas_for(&self, load: f64) -> Option<u32> {
        self.capacity.map(|c| replicas(load, c))
    }

    /// Time at `offset` from now, saturating at the ends of time.
    pub(crate) fn at(&self, offset: SignedDuration) -> Timestamp {
        self.now.saturating_add(offset).unwrap_or(self.now)
    }

    /// Whether latency has been over its limit for `long`.
    pub(crate) fn saturated_for(&self, long: SignedDuration) -> bool {
        let saturation = &self.input.saturation;
        let over = match (saturation.latency, saturation.latency_limit) {
            (Reading::Fresh { value, .. }, Some(limit)) => value > limit,
            _ => false,
        };
        over && saturation.over_since.is_some_and(|since| self.now.duration_since(since) >= long)
    }
}

fn acting_forecast(input: &PlanInput) -> Option<&QuantileForecast> {
    match &input.forecast {
        ForecastInput::Available { maximum, trusted, .. } => {
            let may = match input.policy.trust {
                Trust::Always => true,
                Trust::Earned => *trusted,
                Trust::Never => false,
            };
            (may && input.policy.mode != Mode::Shadow).then_some(maximum)
        }
        ForecastInput::Unavailable { .. } => None,
    }
}

/// ⌈`load` / `per_replica`⌉, tolerant of rounding noise; saturates at `u32::MAX`. NaN gives 0.
pub(crate) fn replicas(load: f64, per_replica: f64) -> u32 {
    count((load / per_replica * (1.0 - 1e-12)).ceil())
}

/// A whole number of replicas; saturates, NaN gives 0.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the range of u32 first")]
pub(crate) fn count(x: f64) -> u32 {
    x.max(0.0).min(f64::from(u32::MAX)) as u32
}
