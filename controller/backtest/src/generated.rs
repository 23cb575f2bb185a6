//! A generated month of a shop with a promotion every week: the product in half a minute without a cluster or a trace.

use jiff::Timestamp;
use presale_models::EventWindow;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::trace::Trace;

const MINUTES: i64 = 28 * 1440;
/// Monday, 5 January 2026, UTC.
const START: i64 = 1_767_571_200;
/// Size, start (minute of the day) and length (minutes) of the weekly promotion on Thursdays.
const PROMOTION: (f64, i64, i64) = (2.6, 18 * 60, 150);

/// The month and its calendar of promotions, all known ahead.
pub fn month(seed: u64) -> (Trace, Vec<EventWindow>) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let (mut values, mut drift) = (Vec::new(), 0.0_f64);
    let mut events = Vec::new();
    for minute in 0..MINUTES {
        let (day, of_day) = (minute / 1440, minute % 1440);
        let hour = of_day as f64 / 60.0;
        let hump = |at: f64, width: f64| (-0.5 * ((hour - at) / width).powi(2)).exp();
        let weekend = if day % 7 >= 5 { 1.15 } else { 1.0 };
        drift = 0.995 * drift + 0.006 * (random.random::<f64>() - 0.5);
        let base = 160.0 * weekend * (0.35 + 0.7 * hump(12.5, 3.0) + hump(20.3, 2.2)) * (1.0 + drift);
        let (size, from, length) = PROMOTION;
        let inside = day % 7 == 3 && (from..from + length).contains(&of_day);
        if inside && of_day == from {
            let start = START + minute * 60;
            events.push(window(start, start + length * 60));
        }
        let burst = if inside { size * (1.0 + 0.5 * (-((of_day - from) as f64) / 20.0).exp()) } else { 1.0 };
        values.push(base * burst * (1.0 + 0.02 * (random.random::<f64>() - 0.5)));
    }
    let seconds = (0..MINUTES).map(|m| START + 60 * m).collect();
    (Trace { name: "generated-month".into(), seconds, values, step: 60 }, events)
}

fn window(start: i64, end: i64) -> EventWindow {
    let at = |second: i64| Timestamp::from_second(second).unwrap_or(Timestamp::MAX);
    EventWindow { start: at(start), end: at(end), kind: "promotion".into(), known_from: Timestamp::MIN, uplift: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_month_with_four_promotions() {
        let (trace, events) = month(3);
        assert_eq!(trace, month(3).0);
        assert_eq!(events.len(), 4);
        let at = |second: i64| trace.values[usize::try_from((second - START) / 60).unwrap()];
        let start = events[0].start.as_second();
        assert!(at(start) > 2.5 * at(start - 60));
    }
}
