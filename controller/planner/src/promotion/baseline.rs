//! The load that a service would have without the promotion.

use jiff::{SignedDuration, Timestamp};
use presale_models::{LEVELS, QuantileForecast, Series};

const DAY: SignedDuration = SignedDuration::from_hours(24);
/// How many weeks, and then days, it looks back.
const BACK: i32 = 4;

/// Normal load by time: the forecast where it reaches, else the same time of earlier weeks, else of earlier days.
#[derive(Debug, Clone, Copy, Default)]
pub struct Baseline<'a> {
    /// Forecast of the load itself ([`presale_models::Target::Point`]), without the promotion.
    pub forecast: Option<&'a QuantileForecast>,
    /// Past load, days to weeks.
    pub past: Option<&'a Series>,
}

impl Baseline<'_> {
    /// Median normal load at `t`. A forecast made after `clean_until` (the promotion's start) has seen the promotion and
    /// is left out, since its uplift would count twice. `None` where nothing is known.
    pub fn at(&self, t: Timestamp, clean_until: Timestamp) -> Option<f64> {
        let expected = self
            .forecast
            .filter(|f| f.origin() <= clean_until)
            .and_then(|f| f.value(f.index_of(t)?, LEVELS[2]))
            .filter(|v| v.is_finite() && *v >= 0.0);
        expected.or_else(|| self.same_time_before(t, clean_until))
    }

    fn same_time_before(&self, t: Timestamp, clean_until: Timestamp) -> Option<f64> {
        let past = self.past?;
        let weeks = (1..=BACK).map(|w| DAY * (7 * w));
        let days = (1..=BACK).map(|d| DAY * d);
        weeks
            .chain(days)
            .filter_map(|back| t.saturating_sub(back).ok())
            .filter(|then| *then < clean_until)
            .find_map(|then| past.at(then).value().filter(|v| v.is_finite() && *v >= 0.0))
    }
}
