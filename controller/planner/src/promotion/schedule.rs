//! When a promotion happens: local wall time in a zone, resolved by the bundled zone database alone.

use jiff::{
    SignedDuration, Timestamp,
    civil::DateTime,
    fmt::temporal::Pieces,
    tz::{AmbiguousOffset, Offset, TimeZone, TimeZoneDatabase},
};
use serde::{Deserialize, Serialize};

use super::recurrence::{Recurrence, RecurrenceError};

/// A schedule as people write it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleSpec {
    /// IANA name, such as `Europe/Berlin`.
    pub time_zone: String,
    /// Local wall time of the first start, such as `2026-11-27T20:00:00`; an offset may follow where clocks go back.
    pub start: String,
    /// How long it lasts, elapsed time, > 0.
    pub duration: SignedDuration,
    /// RFC 5545 recurrence rule, without its `RRULE:`.
    pub recurrence: Option<String>,
}

/// A schedule that was checked.
#[derive(Debug, Clone)]
pub struct Schedule {
    zone: TimeZone,
    wall: DateTime,
    first: Timestamp,
    duration: SignedDuration,
    recurrence: Option<Recurrence>,
}

/// One time that a promotion happens: `[start, end)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Occurrence {
    /// First instant.
    pub start: Timestamp,
    /// First instant after.
    pub end: Timestamp,
}

/// Why a schedule is none, and what would pass.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ScheduleError {
    /// The zone is not in the database.
    #[error("time zone {0:?} is unknown: an IANA name such as \"Europe/Berlin\" would pass")]
    Zone(String),
    /// The start cannot be read.
    #[error("start {0:?} is no local date and time: one such as \"2026-11-27T20:00:00\" would pass")]
    Start(String),
    /// The start lies where clocks go forward.
    #[error("start {wall} does not exist in {zone}, since clocks go forward past it: {later} would pass")]
    Gap {
        /// As written.
        wall: DateTime,
        /// Its zone.
        zone: String,
        /// The wall time that people most likely mean.
        later: DateTime,
    },
    /// The start carries an offset that the zone does not have then.
    #[error("start {wall} carries the offset {offset}, which {zone} does not have then: {proper} would pass")]
    Offset {
        /// As written.
        wall: DateTime,
        /// As written.
        offset: Offset,
        /// Its zone.
        zone: String,
        /// An offset that it has.
        proper: Offset,
    },
    /// The duration is zero or negative.
    #[error("duration {0:?} is not longer than zero: one such as 4h would pass")]
    Duration(SignedDuration),
    /// The recurrence rule is refused.
    #[error(transparent)]
    Recurrence(#[from] RecurrenceError),
}

impl Schedule {
    /// Checks a schedule. A wall time that occurs twice means the first unless an offset says otherwise.
    ///
    /// # Errors
    /// [`ScheduleError`] naming what is wrong and what would pass.
    ///
    /// # Example
    /// ```
    /// # use jiff::SignedDuration;
    /// # use presale_planner::promotion::{Schedule, ScheduleSpec};
    /// let spec = ScheduleSpec {
    ///     time_zone: "Europe/Berlin".into(),
    ///     start: "2026-03-29T02:30:00".into(),
    ///     duration: SignedDuration::from_hours(1),
    ///     recurrence: None,
    /// };
    /// let refusal = Schedule::parse(&spec).err().map(|e| e.to_string()).unwrap_or_default();
    /// assert!(refusal.ends_with("2026-03-29T03:30:00 would pass"), "{refusal}");
    /// ```
    pub fn parse(spec: &ScheduleSpec) -> Result<Self, ScheduleError> {
        let unknown = || ScheduleError::Zone(spec.time_zone.clone());
        let zone = TimeZoneDatabase::bundled().get(&spec.time_zone).map_err(|_| unknown())?;
        let (wall, offset) = wall_time(&spec.start)?;
        let first = resolve(&zone, &spec.time_zone, wall, offset)?;
        if spec.duration <= SignedDuration::ZERO {
            return Err(ScheduleError::Duration(spec.duration));
        }
        let recurrence = spec.recurrence.as_deref().map(|rule| Recurrence::parse(rule, wall)).transpose()?;
        Ok(Self { zone, wall, first, duration: spec.duration, recurrence })
    }

    /// The occurrences that touch `[from, to)`, in order, at most `most`. Repeated wall times stay put when clocks change;
    /// one that falls into a gap is taken as if clocks had not yet gone forward (RFC 5545 §3.3.5).
    pub fn occurrences(&self, from: Timestamp, to: Timestamp, most: usize) -> Vec<Occurrence> {
        let starts: Box<dyn Iterator<Item = Timestamp> + '_> = match &self.recurrence {
            None => Box::new(std::iter::once(self.first)),
            Some(rule) => Box::new(rule.walls(|wall| self.instant(wall))),
        };
        starts
            .map(|start| Occurrence { start, end: start.saturating_add(self.duration).unwrap_or(Timestamp::MAX) })
            .skip_while(|o| o.end <= from)
            .take_while(|o| o.start < to)
            .take(most)
            .collect()
    }

    /// How long each occurrence lasts.
    pub fn duration(&self) -> SignedDuration {
        self.duration
    }

    /// Wall time of an instant in the promotion's zone, for people.
    pub fn wall(&self, t: Timestamp) -> DateTime {
        self.zone.to_datetime(t)
    }

    fn instant(&self, wall: DateTime) -> Option<Timestamp> {
        if wall == self.wall {
            return Some(self.first);
        }
        self.zone.to_ambiguous_timestamp(wall).compatible().ok()
    }
}

/// Reads a wall time with an optional numeric offset; anything else that ISO 8601 allows is refused.
fn wall_time(text: &str) -> Result<(DateTime, Option<Offset>), ScheduleError> {
    let refuse = || ScheduleError::Start(text.to_owned());
    let pieces = Pieces::parse(text).map_err(|_| refuse())?;
    let time = pieces.time().ok_or_else(refuse)?;
    if pieces.time_zone_annotation().is_some() {
        return Err(refuse());
    }
    Ok((pieces.date().to_datetime(time), pieces.to_numeric_offset()))
}

fn resolve(zone: &TimeZone, name: &str, wall: DateTime, offset: Option<Offset>) -> Result<Timestamp, ScheduleError> {
    let ambiguous = zone.to_ambiguous_timestamp(wall);
    let possible = match ambiguous.offset() {
        AmbiguousOffset::Unambiguous { offset } => [offset, offset],
        AmbiguousOffset::Fold { before, after } => [before, after],
        AmbiguousOffset::Gap { .. } => {
            let later = ambiguous.later().map_err(|_| ScheduleError::Start(wall.to_string()))?;
            return Err(ScheduleError::Gap { wall, zone: name.to_owned(), later: zone.to_datetime(later) });
        }
    };
    let [first, second] = possible;
    let taken = match offset {
        None => first,
        Some(offset) if offset == first || offset == second => offset,
        Some(offset) => {
            return Err(ScheduleError::Offset { wall, offset, zone: name.to_owned(), proper: first });
        }
    };
    taken.to_timestamp(wall).map_err(|_| ScheduleError::Start(wall.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(zone: &str, start: &str, rule: Option<&str>) -> ScheduleSpec {
        ScheduleSpec {
            time_zone: zone.into(),
            start: start.into(),
            duration: SignedDuration::from_hours(1),
            recurrence: rule.map(Into::into),
        }
    }

    fn starts(zone: &str, start: &str, rule: Option<&str>) -> Vec<String> {
        let schedule = Schedule::parse(&spec(zone, start, rule)).unwrap();
        let all = schedule.occurrences(Timestamp::MIN, Timestamp::MAX, 4);
        all.iter().map(|o| format!("{} {}", o.start, schedule.wall(o.start).time())).collect()
    }

    fn refusal(zone: &str, start: &str, rule: Option<&str>) -> String {
        Schedule::parse(&spec(zone, start, rule)).unwrap_err().to_string()
    }

    #[test]
    fn a_fold_takes_the_first_unless_an_offset_says_otherwise() {
        assert_eq!(starts("Europe/Berlin", "2026-10-25T02:30:00", None), ["2026-10-25T00:30:00Z 02:30:00"]);
        assert_eq!(starts("Europe/Berlin", "2026-10-25T02:30:00+01:00", None), ["2026-10-25T01:30:00Z 02:30:00"]);
    }

    #[test]
    fn a_gap_is_refused_with_a_suggestion() {
        let text = refusal("America/New_York", "2026-03-08T02:15:00", None);
        assert!(text.contains("clocks go forward") && text.ends_with("2026-03-08T03:15:00 would pass"), "{text}");
    }

    #[test]
    fn a_wrong_offset_is_refused_with_the_right_one() {
        let text = refusal("Europe/Berlin", "2026-11-27T20:00:00+02:00", None);
        assert!(text.ends_with("+01 would pass"), "{text}");
    }

    #[test]
    fn unknown_zones_and_unreadable_starts_are_refused() {
        assert!(refusal("Europe/Atlantis", "2026-11-27T20:00:00", None).contains("Europe/Berlin"));
        for start in ["", "tomorrow", "2026-02-30T10:00:00", "2026-11-27", "2026-11-27T20:00:00[Europe/Paris]"] {
            assert!(refusal("UTC", start, None).contains("would pass"), "{start}");
        }
        let mut zero = spec("UTC", "2026-11-27T20:00:00", None);
        zero.duration = SignedDuration::ZERO;
        assert_eq!(Schedule::parse(&zero).unwrap_err(), ScheduleError::Duration(SignedDuration::ZERO));
    }

    #[test]
    fn repeats_at_the_same_wall_time_across_a_change_of_clocks() {
        assert_eq!(
            starts("Europe/Berlin", "2026-10-23T20:00:00", Some("FREQ=WEEKLY;BYDAY=FR")),
            [
                "2026-10-23T18:00:00Z 20:00:00",
                "2026-10-30T19:00:00Z 20:00:00",
                "2026-11-06T19:00:00Z 20:00:00",
                "2026-11-13T19:00:00Z 20:00:00"
            ]
        );
    }

    #[test]
    fn a_repetition_inside_a_gap_is_taken_with_the_offset_before_it() {
        let all = starts("Europe/Berlin", "2026-03-28T02:30:00", Some("FREQ=DAILY;COUNT=3"));
        assert_eq!(all[1], "2026-03-29T01:30:00Z 03:30:00");
    }

    #[test]
    fn a_rule_ends_at_its_count_or_until() {
        assert_eq!(starts("UTC", "2026-01-01T10:00:00", Some("FREQ=DAILY;COUNT=2")).len(), 2);
        assert_eq!(starts("UTC", "2026-01-01T10:00:00", Some("FREQ=DAILY;UNTIL=20260103")).len(), 3);
        assert_eq!(starts("UTC", "2026-01-01T10:00:00", Some("FREQ=DAILY;UNTIL=20260103T095959")).len(), 2);
        // An UNTIL in UTC is an instant: 10:00 in Berlin is 09:00 UTC.
        assert_eq!(starts("Europe/Berlin", "2026-01-01T10:00:00", Some("FREQ=DAILY;UNTIL=20260103T090000Z")).len(), 3);
    }

    #[test]
    fn only_what_touches_the_window_is_returned() {
        let schedule = Schedule::parse(&spec("UTC", "2020-01-01T10:00:00", Some("FREQ=DAILY"))).unwrap();
        let from: Timestamp = "2026-11-24T10:30:00Z".parse().unwrap();
        let found = schedule.occurrences(from, from + SignedDuration::from_hours(24), 9);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].start.to_string(), "2026-11-24T10:00:00Z");
    }
}
