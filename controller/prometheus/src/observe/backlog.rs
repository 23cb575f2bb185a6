//! The work before a service that empties a queue, from two readings of which either may be missing.

use std::time::Duration;

use jiff::Timestamp;
use presale_models::Reading;

/// Messages per second to be worked off: what arrives, and what waits over the time within which it shall be cleared.
///
/// Missing is not zero: with one of the two readings unknown the other is a lower bound of the work
/// ([`Reading::Partial`]), which may raise and never lowers; with both unknown the work is as unknown as what arrives.
pub(super) fn work(waiting: Reading, arriving: Reading, clear_within: Duration) -> Reading {
    let clearing = |messages: f64| messages / clear_within.as_secs_f64().max(f64::MIN_POSITIVE);
    match (live(waiting), live(arriving)) {
        (Some((waits, seen, whole)), Some((arrives, also, complete))) => {
            let (value, at) = (arrives + clearing(waits), seen.min(also));
            match (whole && complete, value > 0.0) {
                (true, true) => Reading::Fresh { value, at },
                (true, false) => Reading::Zero { at },
                (false, _) => Reading::Partial { value, at, share: share(waiting).min(share(arriving)) },
            }
        }
        (Some((waits, at, _)), None) => Reading::Partial { value: clearing(waits), at, share: share(waiting) / 2.0 },
        (None, Some((value, at, _))) => Reading::Partial { value, at, share: share(arriving) / 2.0 },
        (None, None) => arriving,
    }
}

/// Value and time of a live reading, and whether it is complete.
fn live(reading: Reading) -> Option<(f64, Timestamp, bool)> {
    match reading {
        Reading::Fresh { value, at } => Some((value, at, true)),
        Reading::Zero { at } => Some((0.0, at, true)),
        Reading::Partial { value, at, .. } => Some((value, at, false)),
        Reading::Stale { .. } | Reading::Empty | Reading::NotANumber | Reading::Error => None,
    }
}

/// Share of the expected targets behind a live reading.
fn share(reading: Reading) -> f64 {
    match reading {
        Reading::Partial { share, .. } => share,
        _ => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn fresh(value: f64, second: i64) -> Reading {
        Reading::Fresh { value, at: at(second) }
    }

    #[test]
    fn work_is_what_arrives_and_what_waits_over_the_time_to_clear_it() {
        let zero = Reading::Zero { at: at(9) };
        for (waiting, arriving, work_now) in [
            (fresh(600.0, 10), fresh(5.0, 8), fresh(15.0, 8)),
            (zero, fresh(5.0, 10), fresh(5.0, 9)),
            (fresh(600.0, 10), zero, fresh(10.0, 9)),
            (zero, zero, zero),
        ] {
            assert_eq!(work(waiting, arriving, MINUTE), work_now, "{waiting:?} {arriving:?}");
        }
        assert_eq!(work(fresh(600.0, 8), zero, MINUTE * 10), fresh(1.0, 8), "more time, less work at once");
    }

    #[test]
    fn one_unknown_reading_leaves_a_lower_bound_and_two_leave_nothing() {
        let stale = Reading::Stale { value: 9.0, at: at(0) };
        for unknown in [stale, Reading::Empty, Reading::NotANumber, Reading::Error] {
            let waits = work(fresh(600.0, 8), unknown, MINUTE);
            assert_eq!(waits, Reading::Partial { value: 10.0, at: at(8), share: 0.5 });
            let arrives = work(unknown, fresh(5.0, 8), MINUTE);
            assert_eq!(arrives, Reading::Partial { value: 5.0, at: at(8), share: 0.5 });
            for other in [stale, Reading::Empty, Reading::NotANumber, Reading::Error] {
                let neither = work(other, unknown, MINUTE);
                assert_eq!((neither, neither.complete(), neither.at_least()), (unknown, None, None));
            }
        }
        let half = Reading::Partial { value: 3.0, at: at(7), share: 0.5 };
        let some = work(half, fresh(5.0, 8), Duration::from_secs(1));
        assert_eq!(some, Reading::Partial { value: 8.0, at: at(7), share: 0.5 });
    }
}
