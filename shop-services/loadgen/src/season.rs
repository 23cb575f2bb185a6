//! Hours, weekdays and trend of a shop: the shape that every ordinary week repeats.

use serde::{Deserialize, Serialize};

const DAY: f64 = 86_400.0;
const WEEK: f64 = 7.0 * DAY;

/// Two harmonics of the day through: trough 0.35 at 04:00, 1.2 at 12:00, peak 1.7 at 21:00, both ends level.
///
/// **Source**: solved from those five conditions; retail visits peak at 20–22 h with a trough at 03–05 h (Compete),
/// peak over trough about 5.
const DIURNAL: [f64; 5] = [
    1.063_817_798_482_501,
    -0.008_155_854_761_057,
    -0.353_957_337_087_024,
    0.128_026_346_756_442,
    -0.391_663_628_420_448,
];

/// A level that follows hours, weekdays and a trend.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Season {
    /// Requests per second that the shape multiplies.
    pub base: f64,
    /// Depth of the day: 0 is flat, 1 is the full swing of 0.35 to 1.7.
    #[serde(default = "one")]
    pub daily: f64,
    /// Amplitude of the week, 0..1.
    #[serde(default = "weekly")]
    pub weekly: f64,
    /// Day of the weekly maximum, 0 = Monday.
    #[serde(default = "weekly_peak")]
    pub weekly_peak: f64,
    /// Growth per week, 0.005 = 0.5 %.
    #[serde(default = "trend")]
    pub trend: f64,
    /// Hours that local time is ahead of UTC.
    #[serde(default)]
    pub utc_offset_hours: f64,
}

const fn one() -> f64 {
    1.0
}
const fn weekly() -> f64 {
    0.12
}
const fn weekly_peak() -> f64 {
    6.0
}
const fn trend() -> f64 {
    0.005
}

impl Season {
    /// The recommended shape around `base` requests per second.
    pub fn recommended(base: f64) -> Self {
        Self { base, daily: one(), weekly: weekly(), weekly_peak: weekly_peak(), trend: trend(), utc_offset_hours: 0.0 }
    }

    /// Requests per second at `unix`; the trend is 1 at `anchor`.
    pub fn at(&self, unix: f64, anchor: f64) -> f64 {
        let local = unix + self.utc_offset_hours * 3600.0;
        let day = 1.0 + self.daily * (diurnal(local.rem_euclid(DAY) / 3600.0) - 1.0);
        // 1970-01-01 was a Thursday, day 3 counted from Monday.
        let weekday = (local / DAY + 3.0).rem_euclid(7.0);
        let week = 1.0 + self.weekly * (std::f64::consts::TAU * (weekday - self.weekly_peak) / 7.0).cos();
        let trend = (1.0 + self.trend).powf((unix - anchor) / WEEK);
        (self.base * day * week * trend).max(0.0)
    }
}

fn diurnal(hour: f64) -> f64 {
    let angle = std::f64::consts::TAU * hour / 24.0;
    let [mean, cos1, sin1, cos2, sin2] = DIURNAL;
    mean + cos1 * angle.cos() + sin1 * angle.sin() + cos2 * (2.0 * angle).cos() + sin2 * (2.0 * angle).sin()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_has_its_trough_at_four_and_its_peak_at_twenty_one() {
        let by_hour: Vec<f64> = (0..96).map(|q| diurnal(f64::from(q) / 4.0)).collect();
        let lowest = by_hour.iter().copied().fold(f64::MAX, f64::min);
        let highest = by_hour.iter().copied().fold(f64::MIN, f64::max);
        assert!((lowest - by_hour[16]).abs() < 1e-9 && (lowest - 0.35).abs() < 1e-6);
        assert!((highest - by_hour[84]).abs() < 1e-9 && (highest - 1.7).abs() < 1e-6);
        assert!((by_hour[48] - 1.2).abs() < 1e-6);
    }

    #[test]
    fn weeks_repeat_but_for_the_trend() {
        let season = Season::recommended(10.0);
        let at = 1_790_000_000.0;
        assert!((season.at(at + WEEK, at) / season.at(at, at) - 1.005).abs() < 1e-9);
    }

    #[test]
    fn a_shape_of_zero_depth_is_flat() {
        let season = Season { daily: 0.0, weekly: 0.0, trend: 0.0, ..Season::recommended(10.0) };
        assert!((0..100).all(|i| (season.at(f64::from(i) * 5_000.0, 0.0) - 10.0).abs() < 1e-9));
    }
}
