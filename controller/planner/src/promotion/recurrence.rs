//! Recurrence rules of RFC 5545, the subset that promotions need, expanded in local time.
//!
//! The expansion runs on wall times without any zone, so that it depends on no second zone database; the schedule resolves
//! each wall time afterwards. `UNTIL` is applied after that, since it may be an instant.

use jiff::{
    Timestamp,
    civil::{Date, DateTime},
    tz::TimeZone,
};
use rrule::RRuleSet;

/// Most repetitions that are ever walked through: daily for over fifty years.
const MOST: usize = 20_000;
/// Parts that are supported.
const PARTS: [&str; 8] = ["FREQ", "INTERVAL", "COUNT", "UNTIL", "BYDAY", "BYMONTHDAY", "BYMONTH", "WKST"];

/// A checked rule with its first wall time.
#[derive(Debug, Clone)]
pub(super) struct Recurrence {
    set: RRuleSet,
    until: Option<Until>,
}

/// Why a rule is refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RecurrenceError {
    /// A part is not supported.
    #[error(
        "recurrence part {0:?} is not supported: FREQ=DAILY, WEEKLY, MONTHLY or YEARLY with any of INTERVAL, COUNT, UNTIL, BYDAY, BYMONTHDAY, BYMONTH, WKST would pass"
    )]
    Part(String),
    /// `UNTIL` cannot be read.
    #[error("recurrence UNTIL={0:?} is no time: 20261231, 20261231T235959 or 20261231T235959Z would pass")]
    Until(String),
    /// The rule is no rule.
    #[error("recurrence {rule:?} is refused: {why}; a rule such as \"FREQ=WEEKLY;BYDAY=FR\" would pass")]
    Rule {
        /// As written.
        rule: String,
        /// What the parser says.
        why: String,
    },
}

/// The last start that is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Until {
    Day(Date),
    Wall(DateTime),
    Instant(Timestamp),
}

impl Recurrence {
    /// Checks a rule that starts at `wall`.
    pub(super) fn parse(rule: &str, wall: DateTime) -> Result<Self, RecurrenceError> {
        let (mut until, mut rest) = (None, Vec::new());
        for part in rule.split(';') {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let hourly = name == "FREQ" && !matches!(value, "DAILY" | "WEEKLY" | "MONTHLY" | "YEARLY");
            if !PARTS.contains(&name) || hourly {
                return Err(RecurrenceError::Part(part.to_owned()));
            }
            if name == "UNTIL" { until = Some(parse_until(value)?) } else { rest.push(part) }
        }
        let text = format!("DTSTART:{}Z\nRRULE:{}", wall.strftime("%Y%m%dT%H%M%S"), rest.join(";"));
        let refuse = |why: rrule::RRuleError| RecurrenceError::Rule { rule: rule.to_owned(), why: why.to_string() };
        Ok(Self { set: text.parse::<RRuleSet>().map_err(refuse)?.limit(), until })
    }

    /// The starts in order, each wall time resolved by `instant`; one that cannot be resolved is left out.
    pub(super) fn walls<'a>(
        &'a self,
        instant: impl Fn(DateTime) -> Option<Timestamp> + 'a,
    ) -> impl Iterator<Item = Timestamp> + 'a {
        self.set
            .into_iter()
            .take(MOST)
            .filter_map(|date| Some(TimeZone::UTC.to_datetime(Timestamp::from_second(date.timestamp()).ok()?)))
            .filter_map(move |wall| Some((wall, instant(wall)?)))
            .take_while(|(wall, start)| match self.until {
                None => true,
                Some(Until::Day(day)) => wall.date() <= day,
                Some(Until::Wall(last)) => *wall <= last,
                Some(Until::Instant(last)) => *start <= last,
            })
            .map(|(_, start)| start)
    }
}

fn parse_until(text: &str) -> Result<Until, RecurrenceError> {
    let refuse = |_| RecurrenceError::Until(text.to_owned());
    if let Some(utc) = text.strip_suffix('Z') {
        let wall = DateTime::strptime("%Y%m%dT%H%M%S", utc).map_err(refuse)?;
        return TimeZone::UTC.to_timestamp(wall).map(Until::Instant).map_err(refuse);
    }
    if text.contains('T') {
        return DateTime::strptime("%Y%m%dT%H%M%S", text).map(Until::Wall).map_err(refuse);
    }
    Date::strptime("%Y%m%d", text).map(Until::Day).map_err(refuse)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(rule: &str) -> String {
        let wall = jiff::civil::date(2026, 1, 1).at(10, 0, 0, 0);
        Recurrence::parse(rule, wall).unwrap_err().to_string()
    }

    #[test]
    fn what_is_not_supported_is_named() {
        assert!(refused("FREQ=HOURLY").contains("FREQ=HOURLY"));
        assert!(refused("FREQ=DAILY;BYEASTER=1").contains("BYEASTER"));
        assert!(refused("FREQ=DAILY;UNTIL=soon").contains("20261231T235959Z"));
        assert!(refused("FREQ=WEEKLY;BYDAY=XX").contains("would pass"));
        assert!(refused("").contains("would pass"));
    }

    #[test]
    fn a_rule_that_never_matches_ends() {
        let wall = jiff::civil::date(2026, 1, 1).at(10, 0, 0, 0);
        let never = Recurrence::parse("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", wall).unwrap();
        let utc = |wall| TimeZone::UTC.to_timestamp(wall).ok();
        assert_eq!(never.walls(utc).count(), 0);
    }
}
