//! One sentence for people, with the numbers that decided.

use super::inputs::{number, percent};
use crate::{Outcome, Reason, Reserve, course::Course, facts::Facts, floors::Floors};

/// What happens, why, and how many are warm beside it.
pub(crate) fn of(
    facts: &Facts<'_>,
    floors: &Floors,
    course: &Course,
    reserve: Option<Reserve>,
    (outcome, reason): (Outcome, Reason),
) -> String {
    let warm = reserve.map_or(String::new(), |r| format!("; {} warm beside", r.replicas));
    format!("{}: {}{warm}.", what(facts, course, outcome), why(facts, floors, course, reason))
}

fn what(facts: &Facts<'_>, course: &Course, outcome: Outcome) -> String {
    let (from, to) = (facts.current, course.count);
    match outcome {
        Outcome::ScaledUp => format!("Raise {from} → {to}"),
        Outcome::ScaledDown => format!("Lower {from} → {to}"),
        Outcome::Suppressed if from != to => format!("Would go {from} → {to}, not carried out"),
        Outcome::NoScale => format!("Keep {to}"),
        _ => format!("Hold {to}"),
    }
}

fn why(facts: &Facts<'_>, floors: &Floors, course: &Course, reason: Reason) -> String {
    match reason {
        Reason::Forecast => forecast_words(facts, course),
        Reason::Reactive => reactive_words(facts, floors),
        Reason::Promotion => promotion_words(facts, floors),
        Reason::MinReplicas => format!("the lower bound is {}", facts.input.policy.min),
        Reason::MaxReplicas => format!("the upper bound is {}, {} are needed", facts.input.policy.max, wish(course)),
        Reason::PromotionCeiling => format!("a promotion's ceiling is {}, {} are needed", course.count, wish(course)),
        Reason::Pinned => format!("pinned to {} by hand", facts.input.policy.fixed.unwrap_or(course.count)),
        Reason::HandScaled => format!("set by hand, held for {}", minutes(facts.input.policy.hand_hold.as_secs())),
        Reason::Paused => "paused".to_owned(),
        Reason::Stabilization => format!("{} suffice now, and the window is not over", wish(course)),
        Reason::StepLimit => format!("{} are wanted, and the step limit allows {}", wish(course), course.count),
        Reason::DeadBand => format!("{} would do, too small a change to act on", wish(course)),
        Reason::SignalUnavailable => {
            format!("the load is unknown ({}), which is not zero", facts.input.load.state())
        }
        Reason::CapacityUnknown => "requests per replica are neither declared nor learned".to_owned(),
        Reason::Conflict => match &facts.input.conflict {
            Some(owner) => format!("{owner} writes the same target"),
            None => "another owner writes the same target".to_owned(),
        },
    }
}

/// What the terms asked for before any clamp.
fn wish(course: &Course) -> u32 {
    course.clamps.first().map_or(course.count, |c| c.from)
}

fn forecast_words(facts: &Facts<'_>, course: &Course) -> String {
    let level = percent(facts.input.policy.level.get());
    let per_replica = number(facts.capacity.unwrap_or(0.0));
    if course.clamps.iter().any(|c| c.by == Reason::Forecast) {
        return format!("the forecast ({level} %) needs {} within two lead times", course.count);
    }
    let peak = facts
        .forecast
        .and_then(|f| f.value(f.index_of(facts.now)?, facts.input.policy.level))
        .map_or("a peak".to_owned(), |p| format!("{} req/s", number(p)));
    format!("the forecast ({level} %) reaches {peak} when a new pod could be ready, at {per_replica} per replica")
}

fn reactive_words(facts: &Facts<'_>, floors: &Floors) -> String {
    let needed = floors.reactive.unwrap_or(0);
    match (facts.load_at_least, facts.capacity) {
        (Some(load), Some(capacity)) => {
            let own = crate::facts::replicas(load, crate::floors::reactive::fill(facts) * capacity);
            let more = match () {
                () if own >= needed => "",
                () if facts.saturated_for(crate::floors::reactive::SATURATED_FOR) => ", and latency is over its limit",
                // What a rise may bring is warm.
                () if facts.input.reserve.is_some() => "",
                () => ", and it is rising fast",
            };
            format!("{} req/s now, at {} per replica{more}", number(load), number(capacity))
        }
        _ if floors.reactive.is_some() => "latency is over its limit".to_owned(),
        _ => "nothing asks for more".to_owned(),
    }
}

fn promotion_words(facts: &Facts<'_>, floors: &Floors) -> String {
    let now = facts.now;
    let near = facts.input.promotions.iter().filter(|p| now < p.until).min_by_key(|p| p.starts);
    let Some(promotion) = near else { return "a promotion".to_owned() };
    let phase = if now < promotion.starts {
        format!("starts in {}", minutes(promotion.starts.duration_since(now).as_secs()))
    } else if now < promotion.ends {
        "is running".to_owned()
    } else {
        "is cooling down".to_owned()
    };
    match floors.promotion {
        Some(n) => format!("promotion {} {phase} and needs {n}", promotion.name),
        None => format!("promotion {} {phase}", promotion.name),
    }
}

fn minutes(seconds: i64) -> String {
    if seconds < 120 { format!("{seconds} s") } else { format!("{} min", (seconds + 30) / 60) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_people_write_them() {
        assert_eq!(number(0.25), "0.25");
        assert_eq!(number(12.0), "12");
        assert_eq!(number(12.345), "12.3");
        assert_eq!(number(1234.5), "1234");
        assert_eq!(percent(0.95), "95");
    }
}
