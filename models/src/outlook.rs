//! The usual load of the coming two cycles, tabulated when the model is trained: all that a resident model keeps of its past.

use serde::{Deserialize, Serialize};

use crate::season::Profile;

const COLUMNS: usize = 7;

/// Profiles of consecutive steps from `start` on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Outlook {
    start: i64,
    step: i64,
    rows: Vec<[f32; COLUMNS]>,
}

impl Outlook {
    /// Tabulates; row `i` belongs to `[start + i·step, start + (i+1)·step)`, seconds since the epoch.
    pub(crate) fn new(start: i64, step: i64, profiles: impl Iterator<Item = Profile>) -> Self {
        let narrow = |p: Profile| {
            #[expect(clippy::cast_possible_truncation, reason = "a profile needs no eighth digit")]
            let row = [p.blend, p.short, p.long, p.last_short, p.last_long, p.shape, p.spread].map(|v| v as f32);
            row
        };
        Self { start, step: step.max(1), rows: profiles.map(narrow).collect() }
    }

    /// Profile around a time, linear between the middles of the rows; unknown outside of the table.
    pub(crate) fn at(&self, second: i64) -> Profile {
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
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn between_two_rows_lies_their_mean_and_beyond_the_table_nothing() {
        let of = |v: f64| Profile { blend: v, short: v, long: v, last_short: v, last_long: v, shape: v, spread: v };
        let outlook = Outlook::new(1_000, 100, [of(1.0), of(3.0)].into_iter());
        assert!((outlook.at(1_050).blend - 1.0).abs() < 1e-6);
        assert!((outlook.at(1_100).blend - 2.0).abs() < 1e-6);
        assert!(outlook.at(2_000).blend.is_nan());
    }
}
