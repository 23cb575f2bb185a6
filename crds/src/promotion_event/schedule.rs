//! When a promotion happens: local wall time, its zone, and how it repeats.

use kube::KubeSchema;
use kube::core::Rule;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::DurationText;
use crate::validation::{duration_between, known_zone};

/// When the event happens. Wall time and zone are kept apart, so that a change of the zone's rules moves the event
/// with the clocks of the customers.
#[derive(KubeSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [start_exists()]))]
#[x_kube(validation = offset_holds())]
pub struct Schedule {
    /// IANA time zone of the wall time, such as Europe/Berlin.
    #[schemars(length(min = 1, max = 64))]
    #[x_kube(validation = known_zone("schedule.timeZone")[0].clone(), validation = known_zone("schedule.timeZone")[1].clone())]
    pub time_zone: String,
    /// Local wall time of the (first) start, such as 2026-11-27T20:00:00. A time that occurs twice, since clocks go
    /// back, means the first one unless an offset follows it, such as 2026-10-25T02:30:00+01:00. A start in the past
    /// applies at once.
    #[schemars(length(min = 19, max = 25))]
    #[x_kube(validation = real_date())]
    pub start: String,
    /// How long the event lasts. Range 1m to 1440h (60d).
    #[x_kube(validation = duration_between("schedule.duration", "1m", "1440h", "4h"))]
    pub duration: DurationText,
    /// How it repeats, as a recurrence rule of RFC 5545 with FREQ (DAILY, WEEKLY, MONTHLY, YEARLY), INTERVAL, COUNT or
    /// UNTIL, BYDAY, BYMONTHDAY, BYMONTH and WKST, such as FREQ=WEEKLY;BYDAY=FR. It is expanded in local time.
    /// Default none: once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 10, max = 200))]
    #[x_kube(
        validation = recurrence_shape(),
        validation = Rule::new("!self.matches('INTERVAL=.*INTERVAL=|COUNT=.*COUNT=|UNTIL=.*UNTIL=|BYDAY=.*BYDAY=|BYMONTHDAY=.*BYMONTHDAY=|BYMONTH=.*BYMONTH=|WKST=.*WKST=')")
            .message("schedule.recurrence must state each part once: remove the part that is stated twice"),
        validation = Rule::new("!(self.contains('COUNT=') && self.contains('UNTIL='))")
            .message("schedule.recurrence must end by COUNT or by UNTIL, not both: remove one (RFC 5545)"),
        validation = Rule::new("!self.matches('BYDAY=[^;]*[0-9]') || self.matches('FREQ=(MONTHLY|YEARLY)')")
            .message("schedule.recurrence: a numbered BYDAY such as 4TH or -1FR needs FREQ=MONTHLY or YEARLY: drop the number or change FREQ"),
        validation = Rule::new("!self.contains('BYMONTHDAY=') || self.matches('FREQ=(MONTHLY|YEARLY)')")
            .message("schedule.recurrence: BYMONTHDAY needs FREQ=MONTHLY or YEARLY: drop it or change FREQ"),
    )]
    pub recurrence: Option<String>,
}

/// Shape of a wall time with optional offset.
const START_SHAPE: &str = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([+-][0-9]{2}:[0-9]{2})?$";

/// The start has the documented shape and is a date of the calendar. `2026-02-30` makes `timestamp` fail, and the
/// server then refuses the object with this rule's message.
fn real_date() -> Rule {
    Rule::new(format!("self.matches('{START_SHAPE}') && timestamp(self.substring(0, 19) + 'Z').getFullYear() >= 2000"))
        .message(
            "schedule.start must be a real local date and time such as \"2026-11-27T20:00:00\", followed by an offset such as +01:00 only where clocks go back",
        )
}

/// The recurrence rule uses the supported parts only, FREQ first.
fn recurrence_shape() -> Rule {
    let parts = [
        "INTERVAL=[1-9][0-9]{0,2}",
        "COUNT=[1-9][0-9]{0,3}",
        "UNTIL=[0-9]{4}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])(T([01][0-9]|2[0-3])[0-5][0-9][0-5][0-9]Z?)?",
        "BYDAY=([+-]?[1-5])?(MO|TU|WE|TH|FR|SA|SU)(,([+-]?[1-5])?(MO|TU|WE|TH|FR|SA|SU))*",
        "BYMONTHDAY=-?([1-9]|[12][0-9]|3[01])(,-?([1-9]|[12][0-9]|3[01]))*",
        "BYMONTH=([1-9]|1[0-2])(,([1-9]|1[0-2]))*",
        "WKST=(MO|TU|WE|TH|FR|SA|SU)",
    ];
    Rule::new(format!("self.matches('^FREQ=(DAILY|WEEKLY|MONTHLY|YEARLY)(;({}))*$')", parts.join("|"))).message(
        "schedule.recurrence must be FREQ=DAILY, WEEKLY, MONTHLY or YEARLY, then any of INTERVAL, COUNT, UNTIL, BYDAY, BYMONTHDAY, BYMONTH, WKST, such as \"FREQ=WEEKLY;BYDAY=FR\"",
    )
}

/// CEL: minutes that the zone is ahead of UTC at the instant `at`. Weekdays tell whether the local date differs.
fn zone_offset(at: &str) -> String {
    let zone = "self.timeZone";
    format!(
        "(({at}.getDayOfWeek({zone}) - {at}.getDayOfWeek() + 8) % 7 - 1) * 1440 + ({at}.getHours({zone}) - {at}.getHours()) * 60 + {at}.getMinutes({zone}) - {at}.getMinutes()"
    )
}

/// CEL: start and zone pass their own rules, so that the rules across both may look at them.
fn parts_hold(with_offset: bool) -> String {
    let size = if with_offset { "25" } else { "19" };
    format!("self.start.size() == {size} && self.start.matches('{START_SHAPE}')")
}

/// CEL: the instant `minutes` before `at`. A number turned into text would make the cost unbounded, so the distance is
/// one of instants.
fn minutes_before(at: &str, minutes: &str) -> String {
    format!("{at} - (timestamp(({minutes}) * 60) - timestamp(0))")
}

/// A local start does not lie in the gap where clocks go forward. The zone's offsets one day before and one day after
/// are the only ones the wall time can have; it exists if reading the clock at one of those instants gives it back.
fn start_exists() -> Value {
    let zone = "self.timeZone";
    let wall = "[timestamp(self.start.substring(0, 19) + 'Z')]";
    let offsets = format!("[w - duration('24h'), w + duration('24h')].map(p, {})", zone_offset("p"));
    let instant = minutes_before("w", "o");
    let reads_back = format!(
        "[{instant}].exists(x, x.getHours({zone}) == w.getHours() && x.getMinutes({zone}) == w.getMinutes() && x.getDate({zone}) == w.getDate())"
    );
    let rule = format!("!({}) || {wall}.all(w, {offsets}.exists(o, {reads_back}))", parts_hold(false));
    // The same wall time taken with the offset before the gap falls after it by the gap's length: that is the cure.
    let instant = minutes_before("w", &zone_offset("p"));
    let later = format!("{wall}.map(w, [w - duration('24h')].map(p, {instant})[0])[0]");
    let two_digits = |part: &str| {
        let table = (0..60).map(|n| format!("{n:02}")).collect::<Vec<_>>().concat();
        format!("[{later}.{part}({zone})].map(n, '{table}'.substring(n * 2, n * 2 + 2))[0]")
    };
    let (hours, minutes) = (two_digits("getHours"), two_digits("getMinutes"));
    let cure = format!("self.start.substring(0, 11) + {hours} + ':' + {minutes} + self.start.substring(16, 19)");
    let problem = format!(
        "'schedule.start ' + self.start + ' does not exist in ' + {zone} + ': clocks go forward past it; write '"
    );
    let message = format!("{problem} + {cure} + ' instead'");
    // The API server falls back to `message` where evaluation fails, as it does on an unknown zone.
    let fallback = "schedule.start can be checked only in a known schedule.timeZone such as \"Europe/Berlin\": mend timeZone first";
    json!({ "rule": rule, "message": fallback, "messageExpression": message })
}

/// An offset written after the start is one that the zone has at that time.
fn offset_holds() -> Rule {
    let zone = "self.timeZone";
    let reads_back = format!(
        "[timestamp(self.start)].all(t, [timestamp(self.start.substring(0, 19) + 'Z')].all(w, t.getHours({zone}) == w.getHours() && t.getMinutes({zone}) == w.getMinutes() && t.getDate({zone}) == w.getDate()))"
    );
    Rule::new(format!("!({}) || {reads_back}", parts_hold(true))).message(
        "schedule.start carries an offset that schedule.timeZone does not have then: remove the offset, or write the zone's own",
    )
}
