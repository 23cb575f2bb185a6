//! A series in log space on its grid: what every expert computes on.
//!
//! Inside of this crate's arithmetic a missing step is NaN (every sum skips it); it never leaves as a number.

use jiff::Timestamp;

use crate::{Sample, Series};

/// Log-space image of a series: `z = ln(1 + y/scale)`, NaN where missing or censored.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Grid {
    /// Start of step 0, seconds since the epoch.
    pub(crate) start: i64,
    /// Seconds per step.
    pub(crate) step: i64,
    /// Level below which the image is linear.
    pub(crate) scale: f64,
    /// The image.
    pub(crate) z: Vec<f64>,
}

impl Grid {
    /// Takes the last `most` steps of a series; `scale` is a tenth of its mean level.
    pub(crate) fn of(series: &Series, most: usize) -> Self {
        let mean = mean_level(series.samples());
        let scale = if mean > 0.0 { mean * 0.1 } else { 1.0 };
        Self::scaled(series, most, scale)
    }

    /// The same with a given scale, to compare with another grid.
    pub(crate) fn scaled(series: &Series, most: usize, scale: f64) -> Self {
        let skip = series.len().saturating_sub(most);
        let step = series.step().as_secs().max(1);
        let start = series.start().as_second() + step * i64::try_from(skip).unwrap_or(0);
        let z = series.samples().iter().skip(skip).map(|s| s.value().map_or(f64::NAN, |y| log(y, scale))).collect();
        Self { start, step, scale, z }
    }

    /// Number of steps.
    pub(crate) fn len(&self) -> usize {
        self.z.len()
    }

    /// Seconds since the epoch at the start of a step, also beyond the end.
    pub(crate) fn second_of(&self, index: usize) -> i64 {
        self.start + self.step * i64::try_from(index).unwrap_or(i64::MAX / self.step.max(1))
    }

    /// Step that contains a time, negative before the start.
    pub(crate) fn index_of(&self, second: i64) -> i64 {
        (second - self.start).div_euclid(self.step)
    }

    /// First time that is not covered.
    pub(crate) fn end(&self) -> Timestamp {
        Timestamp::from_second(self.second_of(self.len())).unwrap_or(Timestamp::MAX)
    }

    /// Steps that hold a value.
    pub(crate) fn observed(&self) -> usize {
        self.z.iter().filter(|z| z.is_finite()).count()
    }
}

/// Into log space.
pub(crate) fn log(y: f64, scale: f64) -> f64 {
    libm::log1p(y.max(0.0) / scale)
}

/// Back from log space, capped so that no forecast leaves the finite numbers.
pub(crate) fn exp(z: f64, scale: f64) -> f64 {
    (scale * libm::expm1(z.clamp(0.0, 60.0))).max(0.0)
}

fn mean_level(samples: &[Sample]) -> f64 {
    let (sum, n) = samples.iter().filter_map(|s| s.value()).fold((0.0, 0_u32), |(s, n), v| (s + v, n + 1));
    if n == 0 { 0.0 } else { sum / f64::from(n) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    #[test]
    fn the_log_image_survives_a_round_trip_from_zero_to_a_trillion() {
        for y in [0.0, 1e-6, 0.5, 47.0, 1e6, 1e12] {
            for scale in [1e-3, 1.0, 1e11] {
                let back = exp(log(y, scale), scale);
                assert!((back - y).abs() <= 1e-9 * y.max(scale), "{y} at {scale} came back as {back}");
            }
        }
    }

    #[test]
    fn missing_and_censored_steps_carry_no_number() {
        let samples = vec![Sample::Value(2.0), Sample::Missing, Sample::Censored(9.0)];
        let series = Series::new(Timestamp::UNIX_EPOCH, SignedDuration::from_mins(5), samples).unwrap();
        let grid = Grid::of(&series, 100);
        assert!(grid.z[0].is_finite() && grid.z[1].is_nan() && grid.z[2].is_nan());
        assert_eq!(grid.observed(), 1);
    }
}
