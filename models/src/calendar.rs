//! Local time on a grid: which steps have the same time of day, and which lie on a day off.

use jiff::tz::TimeZone;
use jiff::{Timestamp, civil::Weekday};

use crate::holidays::Holidays;

const DAY: i64 = 86_400;
/// Local clocks change on quarter hours, so that one look-up per quarter is exact.
const QUARTER: i64 = 900;

/// Local calendar of the steps of a grid, past and future.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Calendar {
    /// Seconds by which local time is ahead of UTC, per step.
    offset: Vec<i32>,
    /// Whether the step lies on a public holiday.
    off: Vec<bool>,
    /// Days since the last Sunday, 0..=6.
    weekday: Vec<u8>,
}

impl Calendar {
    /// Builds the calendar of `len` steps of `step` seconds from `start` (seconds since the epoch).
    pub(crate) fn new(start: i64, step: i64, len: usize, zone: &TimeZone, holidays: &Holidays) -> Self {
        let mut calendar =
            Self { offset: Vec::with_capacity(len), off: Vec::with_capacity(len), weekday: Vec::with_capacity(len) };
        let (mut quarter, mut offset) = (i64::MIN, 0_i32);
        let (mut local_day, mut off, mut weekday) = (i64::MIN, false, 0_u8);
        for i in 0..len {
            let second = start + step * i64::try_from(i).unwrap_or(0);
            let time = Timestamp::from_second(second).unwrap_or(Timestamp::MAX);
            if second.div_euclid(QUARTER) != quarter {
                quarter = second.div_euclid(QUARTER);
                offset = zone.to_offset(time).seconds();
            }
            let day = (second + i64::from(offset)).div_euclid(DAY);
            if day != local_day {
                local_day = day;
                let date = zone.to_datetime(time).date();
                weekday = sundays_back(date.weekday());
                off = holidays.contains(date);
            }
            calendar.offset.push(offset);
            calendar.off.push(off);
            calendar.weekday.push(weekday);
        }
        calendar
    }

    /// Steps by which a look back of whole days must be corrected so that it lands on the same local time.
    pub(crate) fn correction(&self, target: usize, source: usize, step: i64) -> i64 {
        let at = |i: usize| i64::from(self.offset.get(i).copied().unwrap_or_default());
        (at(target) - at(source)) / step
    }

    /// Whether the step lies on a public holiday.
    pub(crate) fn is_off(&self, index: usize) -> bool {
        self.off.get(index).copied().unwrap_or(false)
    }

    /// Days since the last Sunday (0 = Sunday).
    pub(crate) fn days_since_sunday(&self, index: usize) -> usize {
        usize::from(self.weekday.get(index).copied().unwrap_or_default())
    }
}

fn sundays_back(weekday: Weekday) -> u8 {
    u8::try_from(weekday.to_sunday_zero_offset()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_back_across_the_clock_change_lands_on_the_same_local_time() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        // 2024-03-31 03:00 local is the first hour of summer time in Berlin.
        let start: Timestamp = "2024-03-30T00:00:00Z".parse().unwrap();
        let calendar = Calendar::new(start.as_second(), 300, 288 * 3, &zone, &Holidays::of(Some("DE"), 2024..=2024));
        let target = 288 + 120; // 2024-03-31 10:00Z = 12:00 local
        assert_eq!(calendar.correction(target, target - 288, 300), 12, "one hour later in UTC the day before");
        assert_eq!(calendar.correction(target + 288, target, 300), 0);
        assert!(calendar.is_off(288 * 2 + 10), "Easter Monday");
        assert_eq!(calendar.days_since_sunday(target), 0);
    }
}
