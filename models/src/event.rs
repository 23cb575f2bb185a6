//! Labelled events: kept out of the usual, and what their kind did in the past is expected of those that are known ahead.

use serde::{Deserialize, Serialize};

use crate::grid::Grid;
use crate::service_model::EventWindow;
use crate::training::Past;

/// Steps of evidence that weigh as much as the guess that an event does nothing.
const DOUBT: f64 = 24.0;
/// Windows that a model remembers.
const MOST: usize = 48;

/// Coming windows with the shift in log space that their kind had before.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Effects {
    windows: Vec<(i64, i64, f64)>,
}

impl Effects {
    /// Learns the mean distance from the usual per kind, drawn to zero where evidence is thin. Events that were not known
    /// when the data ended do not exist here.
    pub(crate) fn learn(course: &Past, events: &[EventWindow]) -> Self {
        let end = course.grid.second_of(course.grid.len());
        let known = |e: &&EventWindow| e.known_from.as_second() <= end;
        let mut windows: Vec<(i64, i64, f64)> = events
            .iter()
            .filter(known)
            .filter(|e| e.end.as_second() > end)
            .map(|e| {
                let alike = events.iter().filter(known).filter(|o| o.kind == e.kind && o.start.as_second() < end);
                let (mut sum, mut n) = (0.0, 0.0);
                for residual in alike.flat_map(|o| course.residuals(o.start.as_second(), o.end.as_second())) {
                    sum += residual;
                    n += 1.0;
                }
                (e.start.as_second(), e.end.as_second(), sum / (n + DOUBT))
            })
            .collect();
        windows.sort_by_key(|w| (w.0, w.1));
        windows.truncate(MOST);
        Self { windows }
    }

    /// Shift of a forecast for `[from, to)` made at `origin`: none where the origin lies inside, for then the present
    /// level tells.
    pub(crate) fn shift(&self, from: i64, to: i64, origin: i64) -> Option<f64> {
        let over = self.windows.iter().filter(|w| w.0 < to && w.1 > from);
        over.map(|w| if w.0 < origin { 0.0 } else { w.2 }).reduce(|a, b| if b.abs() > a.abs() { b } else { a })
    }

    /// Whether a time lies inside a known event.
    pub(crate) fn inside(&self, second: i64) -> bool {
        self.windows.iter().any(|w| w.0 <= second && second < w.1)
    }
}

/// Steps inside labelled events that were known when the data ended.
pub(crate) fn masked(grid: &Grid, events: &[EventWindow]) -> Vec<bool> {
    let mut masked = vec![false; grid.len()];
    for event in events.iter().filter(|e| e.known_from <= grid.end()) {
        let from = grid.index_of(event.start.as_second()).max(0);
        let to = grid.index_of(event.end.as_second() + grid.step - 1);
        for step in (from..to).filter_map(|i| usize::try_from(i).ok()) {
            if let Some(mark) = masked.get_mut(step) {
                *mark = true;
            }
        }
    }
    masked
}
