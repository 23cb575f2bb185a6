//! Labelled events: brief ones are no part of the usual at all, what their kind did before is expected of the next, and while
//! one runs its own ratio to the usual leads.

mod effects;
mod factor;

use crate::grid::Grid;
use crate::service_model::EventWindow;

pub(crate) use effects::{Effect, Effects};
pub(crate) use factor::Factor;

const DAY: i64 = 86_400;
/// Share of the steps from which on labels are the rule and not the exception: then none of them is brief.
const RULE: f64 = 0.25;

/// Spans of the events that were known when the data ended and end so soon that the usual can wait for them: half of a day, or
/// of a week on a daily grid. In seconds since the epoch.
pub(crate) fn brief(grid: &Grid, events: &[EventWindow]) -> Vec<(i64, i64)> {
    let known = events.iter().filter(|e| e.known_from <= grid.end());
    let spans: Vec<(i64, i64)> = known.map(span).filter(|s| is_brief(*s, grid.step)).collect();
    let covered = (0..grid.len()).filter(|i| inside(&spans, grid.second_of(*i), grid.step)).count();
    if covered as f64 > RULE * grid.len() as f64 { Vec::new() } else { spans }
}

/// Steps inside labelled events that were known when the data ended.
pub(crate) fn masked(grid: &Grid, events: &[EventWindow]) -> Vec<bool> {
    let spans: Vec<(i64, i64)> = events.iter().filter(|e| e.known_from <= grid.end()).map(span).collect();
    (0..grid.len()).map(|i| inside(&spans, grid.second_of(i), grid.step)).collect()
}

/// Whether a step that starts at `second` touches any of the spans.
pub(crate) fn inside(spans: &[(i64, i64)], second: i64, step: i64) -> bool {
    spans.iter().any(|(from, to)| *from < second + step && second < *to)
}

fn is_brief((from, to): (i64, i64), step: i64) -> bool {
    to - from <= if step * 4 <= DAY { DAY / 2 } else { 7 * DAY / 2 }
}

fn span(event: &EventWindow) -> (i64, i64) {
    (event.start.as_second(), event.end.as_second())
}
