//! A promotion as the forecast sees it: its window, and the time in which its load dies down after it.

use jiff::Timestamp;
use presale_models::{EventWindow, Uplift, uplift::Curve};

use super::schedule::Occurrence;

/// The labelled times of one occurrence: nothing of them is normal load. `uplift` is what is believed of one to come.
pub fn windows(kind: &str, occurrence: Occurrence, known_from: Timestamp, uplift: Option<Uplift>) -> [EventWindow; 2] {
    let Occurrence { start, end } = occurrence;
    let gone = end.saturating_add(Curve::default().tail()).unwrap_or(Timestamp::MAX);
    [
        EventWindow { start, end, kind: kind.to_owned(), known_from, uplift },
        EventWindow { start: end, end: gone, kind: format!("{kind}, dying down"), known_from, uplift: None },
    ]
}
