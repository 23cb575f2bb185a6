//! Quantile forecasts: one row per step, one column per level, never crossing.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// A probability level, strictly between 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Level(f64);

/// A level outside of (0, 1).
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("level {0} is not a probability: a number strictly between 0 and 1 would pass")]
pub struct LevelError(pub f64);

impl Level {
    /// Checks and wraps a probability.
    ///
    /// # Errors
    /// [`LevelError`] unless 0 < `p` < 1 (NaN fails too).
    pub fn new(p: f64) -> Result<Self, LevelError> {
        if p > 0.0 && p < 1.0 { Ok(Self(p)) } else { Err(LevelError(p)) }
    }

    /// The probability, 0..1.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Level {
    type Error = LevelError;
    fn try_from(p: f64) -> Result<Self, LevelError> {
        Self::new(p)
    }
}

impl From<Level> for f64 {
    fn from(level: Level) -> Self {
        level.0
    }
}

/// The levels that every model forecasts, ascending.
///
/// .025 and .975 bound the 95 % band that is shown, .1–.95 are scored, .8–.99 carry decisions by tier.
pub const LEVELS: [Level; 8] =
    [Level(0.025), Level(0.1), Level(0.5), Level(0.8), Level(0.9), Level(0.95), Level(0.975), Level(0.99)];

/// Quantiles of the load for consecutive steps.
///
/// **Shape**: `rows[i]` belongs to the step `[origin + i·step, origin + (i+1)·step)` and holds one value per entry of
/// [`LEVELS`]. **Unit**: the signal's. **Range**: finite, ≥ 0, non-decreasing along each row; enforced on construction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct QuantileForecast {
    origin: Timestamp,
    step: SignedDuration,
    rows: Vec<[f64; LEVELS.len()]>,
}

/// A forecast as it is read: what is stored passes the same checks as what is built.
#[derive(Deserialize)]
#[serde(rename = "QuantileForecast")]
struct Unchecked {
    origin: Timestamp,
    step: SignedDuration,
    rows: Vec<[f64; LEVELS.len()]>,
}

impl TryFrom<Unchecked> for QuantileForecast {
    type Error = QuantileError;
    fn try_from(read: Unchecked) -> Result<Self, QuantileError> {
        Self::new(read.origin, read.step, read.rows)
    }
}

/// Why a set of rows is no forecast.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum QuantileError {
    /// The step is zero or negative.
    #[error("forecast step is {0:?}: a step longer than zero would pass")]
    Step(SignedDuration),
    /// A value is NaN, infinite or negative.
    #[error("forecast row {row} holds {value}: finite values from 0 up would pass")]
    Value {
        /// Index of the offending row.
        row: usize,
        /// The offending value.
        value: f64,
    },
}

impl QuantileForecast {
    /// Builds a forecast; crossing quantiles are mended by the running maximum along the levels.
    ///
    /// # Errors
    /// [`QuantileError`] for a step ≤ 0 or a value that is not finite and ≥ 0.
    pub fn new(
        origin: Timestamp,
        step: SignedDuration,
        mut rows: Vec<[f64; LEVELS.len()]>,
    ) -> Result<Self, QuantileError> {
        if step <= SignedDuration::ZERO {
            return Err(QuantileError::Step(step));
        }
        for (index, row) in rows.iter_mut().enumerate() {
            let mut floor = 0.0_f64;
            for value in row.iter_mut() {
                if !value.is_finite() || *value < 0.0 {
                    return Err(QuantileError::Value { row: index, value: *value });
                }
                floor = floor.max(*value);
                *value = floor;
            }
        }
        Ok(Self { origin, step, rows })
    }

    /// Start of the first forecast step.
    pub fn origin(&self) -> Timestamp {
        self.origin
    }

    /// Length of a step.
    pub fn step(&self) -> SignedDuration {
        self.step
    }

    /// All rows, in time order.
    pub fn rows(&self) -> &[[f64; LEVELS.len()]] {
        &self.rows
    }

    /// Start of row `i`.
    pub fn time_of(&self, i: usize) -> Timestamp {
        let n = i32::try_from(i).unwrap_or(i32::MAX);
        self.origin.saturating_add(self.step.saturating_mul(n)).unwrap_or(Timestamp::MAX)
    }

    /// Value of row `i` at any level, linear between the neighbouring [`LEVELS`] and flat beyond the outer ones;
    /// `None` past the horizon.
    pub fn value(&self, i: usize, level: Level) -> Option<f64> {
        self.rows.get(i).map(|row| interpolate(row, level.get()))
    }

    /// Value of row `i` at any level as [`Self::value`] says, but beyond the highest of [`LEVELS`] loads thin out exponentially,
    /// as [`Self::shortage`] has it. `None` past the horizon. **Unit**: the signal's. **Range**: ≥ the value at the highest level.
    pub fn far_value(&self, i: usize, level: Level) -> Option<f64> {
        let row = self.rows.get(i)?;
        let exceeds = |level: Level| 1.0 - level.get();
        let farther = libm::log(exceeds(LEVELS[LEVELS.len() - 1]) / exceeds(level)).max(0.0);
        Some(interpolate(row, level.get()) + thinning(row) * farther)
    }

    /// Load of row `i` that is expected to find no supply, E[(load − supply)⁺]. Loads are spread evenly between neighbouring
    /// [`LEVELS`], none lie below the lowest, and beyond the highest they thin out exponentially. `None` past the horizon.
    /// **Unit**: the signal's, both. **Range**: ≥ 0, falls as the supply grows.
    ///
    /// **Source**: the loss function of the newsvendor (Arrow, Harris and Marschak 1951).
    pub fn shortage(&self, i: usize, supply: f64) -> Option<f64> {
        self.rows.get(i).map(|row| beyond(row, supply))
    }

    /// Mean load of row `i`, spread as [`Self::shortage`] says; `None` past the horizon.
    pub fn mean(&self, i: usize) -> Option<f64> {
        let row = self.rows.get(i)?;
        let below = LEVELS.windows(2).zip(row.windows(2));
        let inner: f64 = below.map(|(p, q)| (p[1].get() - p[0].get()) * f64::midpoint(q[0], q[1])).sum();
        let last = LEVELS.len() - 1;
        Some(LEVELS[0].get() * row[0] + inner + (1.0 - LEVELS[last].get()) * (row[last] + thinning(row)))
    }

    /// Index of the row whose step contains `t`; `None` outside of the horizon.
    pub fn index_of(&self, t: Timestamp) -> Option<usize> {
        let offset = t.duration_since(self.origin).as_nanos();
        if offset < 0 {
            return None;
        }
        usize::try_from(offset / self.step.as_nanos()).ok().filter(|i| *i < self.rows.len())
    }

    /// Highest value at `level` among the steps that touch `[from, to)`; `None` if none does.
    pub fn highest(&self, from: Timestamp, to: Timestamp, level: Level) -> Option<f64> {
        (0..self.rows.len())
            .filter(|i| {
                let start = self.time_of(*i);
                start < to && start.saturating_add(self.step).is_ok_and(|end| end > from)
            })
            .filter_map(|i| self.value(i, level))
            .reduce(f64::max)
    }
}

/// Distance over which loads beyond the highest level thin out by e, as between the two highest levels.
fn thinning(row: &[f64; LEVELS.len()]) -> f64 {
    let last = LEVELS.len() - 1;
    (row[last] - row[last - 1]) / libm::log((1.0 - LEVELS[last - 1].get()) / (1.0 - LEVELS[last].get()))
}

/// ∫ P(load > y) dy over y > x.
fn beyond(row: &[f64; LEVELS.len()], x: f64) -> f64 {
    let exceeds = |level: usize| 1.0 - LEVELS[level].get();
    let (last, thinning) = (LEVELS.len() - 1, thinning(row));
    if x >= row[last] {
        let far = if thinning > 0.0 { libm::exp((row[last] - x) / thinning) } else { 0.0 };
        return exceeds(last) * thinning * far;
    }
    let mut sum = exceeds(last) * thinning + (row[0] - x).max(0.0);
    for level in 0..last {
        let (from, to) = (row[level], row[level + 1]);
        let start = from.max(x);
        if to <= start {
            continue;
        }
        let (width, after) = (to - start, exceeds(level + 1));
        let before = after + (exceeds(level) - after) * width / (to - from);
        sum += width * f64::midpoint(before, after);
    }
    sum
}

fn interpolate(row: &[f64; LEVELS.len()], p: f64) -> f64 {
    let mut below = (LEVELS[0].get(), row[0]);
    for (level, value) in LEVELS.iter().zip(row) {
        let here = (level.get(), *value);
        if p <= here.0 {
            let span = here.0 - below.0;
            return if span <= f64::EPSILON { here.1 } else { below.1 + (here.1 - below.1) * (p - below.0) / span };
        }
        below = here;
    }
    below.1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crossing_quantiles_are_mended_upwards() {
        let forecast = QuantileForecast::new(
            Timestamp::UNIX_EPOCH,
            SignedDuration::from_mins(5),
            vec![[1.0, 3.0, 2.0, 4.0, 4.0, 5.0, 5.0, 6.0]],
        )
        .unwrap();
        assert!((forecast.value(0, LEVELS[2]).unwrap() - 3.0).abs() < 1e-12);
        assert!((forecast.value(0, Level::new(0.85).unwrap()).unwrap() - 4.0).abs() < 1e-12);
        assert!((forecast.value(0, Level::new(0.999).unwrap()).unwrap() - 6.0).abs() < 1e-12);
        assert_eq!(forecast.value(1, LEVELS[2]), None);
        let far = |p| forecast.far_value(0, Level::new(p).unwrap()).unwrap();
        assert!((far(0.99) - 6.0).abs() < 1e-12 && (far(0.5) - 3.0).abs() < 1e-12);
        assert!((far(0.999) - (6.0 + 10.0_f64.ln() / 2.5_f64.ln())).abs() < 1e-9);
    }

    /// E[(load − x)⁺] by adding up the very distribution in small steps.
    fn by_steps(row: &[f64; 8], x: f64) -> f64 {
        let thinning = (row[7] - row[6]) / 2.5_f64.ln();
        let exceeds = |y: f64| match row.iter().rposition(|q| *q <= y) {
            None => 1.0,
            Some(7) => 0.01 * (-(y - row[7]) / thinning).exp(),
            Some(i) => {
                let (a, b) = (LEVELS[i].get(), LEVELS[i + 1].get());
                1.0 - a - (b - a) * (y - row[i]) / (row[i + 1] - row[i])
            }
        };
        let h = 1e-3;
        (0..160_000).map(|i| exceeds(x + h * (f64::from(i) + 0.5)) * h).sum()
    }

    #[test]
    fn a_shortage_is_what_the_distribution_leaves_above_the_supply() {
        let row = [80.0, 90.0, 100.0, 104.0, 107.0, 109.0, 111.0, 114.0];
        let forecast = QuantileForecast::new(Timestamp::UNIX_EPOCH, SignedDuration::from_mins(1), vec![row]).unwrap();
        for x in [0.0, 60.0, 79.0, 85.0, 99.0, 100.0, 103.0, 108.5, 112.0, 116.0, 125.0] {
            let told = forecast.shortage(0, x).unwrap();
            assert!((told - by_steps(&row, x)).abs() < 2e-3 * (1.0 + told), "{x}: {told} {}", by_steps(&row, x));
        }
        assert!((forecast.mean(0).unwrap() - by_steps(&row, 0.0)).abs() < 0.1);
        assert_eq!((forecast.shortage(1, 0.0), forecast.mean(1)), (None, None));
    }

    #[test]
    fn what_is_certain_is_short_of_exactly_what_lacks() {
        let rows = vec![[7.0; 8], [0.0; 8]];
        let certain = QuantileForecast::new(Timestamp::UNIX_EPOCH, SignedDuration::from_mins(1), rows).unwrap();
        assert!((certain.shortage(0, 5.0).unwrap() - 2.0).abs() < 1e-9);
        assert!((certain.mean(0).unwrap() - 7.0).abs() < 1e-9);
        assert_eq!((certain.shortage(0, 8.0), certain.shortage(1, 0.0)), (Some(0.0), Some(0.0)));
    }

    #[test]
    fn a_stored_step_of_zero_is_refused_when_read() {
        let stored = r#"{"origin":"1970-01-01T00:00:00Z","step":"PT0S","rows":[]}"#;
        let error = serde_json::from_str::<QuantileForecast>(stored).unwrap_err();
        assert!(error.to_string().contains("longer than zero"), "{error}");
    }

    #[test]
    fn nan_is_refused_with_its_row() {
        let error = QuantileForecast::new(Timestamp::UNIX_EPOCH, SignedDuration::from_mins(5), vec![[f64::NAN; 8]])
            .unwrap_err();
        assert!(matches!(error, QuantileError::Value { row: 0, .. }));
    }
}
