//! The usual load of the coming two cycles, tabulated when the model is trained: all that a resident model keeps of its past.

use serde::{Deserialize, Serialize};

use crate::season::Profile;

const COLUMNS: usize = 7;
/// Parts of a unit of log space in which details are kept.
const GRAIN: f64 = 1000.0;

/// Profiles of consecutive rows from `start` on: smooth ones in wide rows; for every step of the grid how far the usual load
/// and the load one cycle before lie from the smooth one there; for every minute of the next day how far it lies from its step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Outlook {
    start: i64,
    step: i64,
    rows: Vec<[f32; COLUMNS]>,
    detail_step: i64,
    details: Vec<i16>,
    befores: Vec<i16>,
    minutes_start: i64,
    minutes: Vec<i16>,
}

impl Outlook {
    /// Tabulates smooth profiles; row `i` belongs to `[start + i·step, start + (i+1)·step)`, seconds since the epoch.
    pub(crate) fn new(start: i64, step: i64, profiles: impl Iterator<Item = Profile>) -> Self {
        let narrow = |p: Profile| {
            #[expect(clippy::cast_possible_truncation, reason = "a profile needs no eighth digit")]
            let row = [p.blend, p.short, p.long, p.last_short, p.last_long, p.shape, p.spread].map(|v| v as f32);
            row
        };
        let rows = profiles.map(narrow).collect();
        let step = step.max(1);
        Self {
            start,
            step,
            rows,
            detail_step: step,
            details: Vec::new(),
            befores: Vec::new(),
            minutes_start: start,
            minutes: Vec::new(),
        }
    }

    /// Adds the usual load and the one a cycle before of every `step` seconds from the start on; what is not known is as usual.
    pub(crate) fn detailed(mut self, step: i64, profiles: impl Iterator<Item = Profile>) -> Self {
        self.detail_step = step.max(1);
        for (i, profile) in (0..).zip(profiles) {
            let smooth = self.smooth(self.start + self.detail_step * i + self.detail_step / 2).blend;
            let detail = grains(profile.usual() - smooth);
            self.details.push(detail);
            self.befores.push(if profile.before.is_finite() { grains(profile.before - smooth) } else { detail });
        }
        self
    }

    /// Profile around a time; unknown outside of the table.
    pub(crate) fn at(&self, second: i64) -> Profile {
        let index = usize::try_from((second - self.start).div_euclid(self.detail_step)).ok();
        let of = |table: &[i16]| index.and_then(|i| table.get(i)).map_or(0.0, |grains| f64::from(*grains) / GRAIN);
        let smooth = self.smooth(second);
        Profile { lift: of(&self.details), before: smooth.blend + of(&self.befores), ..smooth }
    }

    /// Adds what recurs within the steps, by the minute from `start` on.
    pub(crate) fn minutely(mut self, start: i64, distances: impl Iterator<Item = f64>) -> Self {
        self.minutes_start = start;
        self.minutes = distances.map(grains).collect();
        self
    }

    /// Profile of one minute.
    pub(crate) fn minute(&self, second: i64) -> Profile {
        let here = self.at(second);
        Profile { lift: here.lift + self.within(second), ..here }
    }

    /// How far the minute around a time usually lies from the mean of its step.
    pub(crate) fn within(&self, second: i64) -> f64 {
        let index = usize::try_from((second - self.minutes_start).div_euclid(60)).ok();
        index.and_then(|index| self.minutes.get(index)).map_or(0.0, |grains| f64::from(*grains) / GRAIN)
    }

    /// The smooth profile, linear between the middles of the rows.
    fn smooth(&self, second: i64) -> Profile {
        let position = (second - self.start) as f64 / self.step as f64 - 0.5;
        if self.rows.is_empty() || position < -1.0 || position > self.rows.len() as f64 {
            return Profile::NONE;
        }
        let last = self.rows.len() - 1;
        let position = position.clamp(0.0, last as f64);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to an index")]
        let low = position as usize;
        let share = position - low as f64;
        let (a, b) = (&self.rows[low], &self.rows[(low + 1).min(last)]);
        let value = |c: usize| f64::from(a[c]) + share * (f64::from(b[c]) - f64::from(a[c]));
        Profile {
            blend: value(0),
            short: value(1),
            long: value(2),
            last_short: value(3),
            last_long: value(4),
            shape: value(5),
            spread: value(6),
            lift: 0.0,
            before: f64::NAN,
        }
    }
}

fn grains(distance: f64) -> i16 {
    let most = f64::from(i16::MAX);
    #[expect(clippy::cast_possible_truncation, reason = "clamped to the range of i16; NaN becomes 0")]
    let grains = (distance * GRAIN).round().clamp(-most, most) as i16;
    grains
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn between_two_rows_lies_their_mean_and_beyond_the_table_nothing() {
        let of = |v: f64| Profile {
            blend: v,
            short: v,
            long: v,
            last_short: v,
            last_long: v,
            shape: v,
            spread: v,
            lift: 0.0,
            before: v,
        };
        let outlook = Outlook::new(1_000, 100, [of(1.0), of(3.0)].into_iter());
        assert!((outlook.at(1_050).blend - 1.0).abs() < 1e-6);
        assert!((outlook.at(1_100).blend - 2.0).abs() < 1e-6);
        assert!(outlook.at(2_000).blend.is_nan());
    }

    #[test]
    fn a_step_of_the_grid_stays_a_step_between_smooth_rows() {
        let of = |v: f64| Profile {
            blend: v,
            short: v,
            long: v,
            last_short: v,
            last_long: v,
            shape: v,
            spread: 1.0,
            lift: 0.0,
            before: v,
        };
        let steps = [1.0, 1.0, 1.0, 3.0, 1.0, f64::NAN].map(|v| Profile { before: v + 1.0, ..of(v) });
        let outlook = Outlook::new(0, 900, [of(1.0), of(1.0)].into_iter()).detailed(300, steps.into_iter());
        let at = |second| outlook.at(second).usual();
        assert!((at(899) - 1.0).abs() < 1e-3 && (at(900) - 3.0).abs() < 1e-3 && (at(1_199) - 3.0).abs() < 1e-3);
        assert!((at(1_200) - 1.0).abs() < 1e-3 && (at(1_500) - 1.0).abs() < 1e-3, "unknown details are none");
        assert!((outlook.at(900).before - 4.0).abs() < 1e-3 && (outlook.at(1_500).before - 1.0).abs() < 1e-3);
    }
}
