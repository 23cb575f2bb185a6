//! The load that a service would have without the promotion.

use jiff::{SignedDuration, Timestamp};
use presale_models::{LEVELS, QuantileForecast, Series};

const DAY: SignedDuration = SignedDuration::from_hours(24);
/// How many weeks, and then days, it looks back.
const BACK: i32 = 4;

/// Normal load by time: the forecast where it reaches, else the same time of earlier weeks, else of earlier days.
#[derive(Debug, Clone, Copy, Default)]
pub struct Baseline<'a> {
    /// Forecast of the load itself ([`presale_models::Target::Point`]) as if there were no promotion:
    /// [`presale_models::ServiceModel::predict_normal`] of a model that was told of this one.
    pub forecast: Option<&'a QuantileForecast>,
    /// Past load, days to weeks, earlier promotions left out ([`Series::without`]).
    pub past: Option<&'a Series>,
}

impl Baseline<'_> {
    /// Median normal load at `t`; the past from `clean_until` (the promotion's start) on is the promotion's own. `None` where
    /// nothing is known.
    pub fn at(&self, t: Timestamp, clean_until: Timestamp) -> Option<f64> {
        let expected =
            self.forecast.and_then(|f| f.value(f.index_of(t)?, LEVELS[2])).filter(|v| v.is_finite() && *v >= 0.0);
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
