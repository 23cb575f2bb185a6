//! Every input of the decision with its state as a stable word and its value for people.

use jiff::SignedDuration;
use presale_models::Reading;

use crate::{ForecastInput, InputState, Reserve, ReserveInput, facts::Facts};

/// One entry per input: load, latency, capacity, forecast, lead time, promotions, and the reserve where there is one.
pub(crate) fn states(facts: &Facts<'_>, wanted: Option<Reserve>) -> Vec<InputState> {
    let input = facts.input;
    let mut states = vec![
        state("load", input.load.state(), reading(&input.load, "req/s", facts)),
        state("latency", input.saturation.latency.state(), latency(facts)),
        capacity(facts),
        forecast(facts),
        state("lead_time", "Known", format!("{} s", facts.lead.as_secs())),
    ];
    let names: Vec<_> = input.promotions.iter().map(|p| p.name.as_str()).collect();
    let word = if names.is_empty() { "None" } else { "Planned" };
    states.push(state("promotions", word, names.join(", ")));
    states.extend(wanted.zip(facts.input.reserve).map(|(wanted, reserve)| warm(wanted, reserve)));
    states
}

fn warm(wanted: Reserve, found: ReserveInput) -> InputState {
    let deferred = found.deferred.min(found.warm);
    let word = if deferred > 0 { "Deferred" } else { "Known" };
    let held_up = if deferred > 0 { format!(", {deferred} cannot grow") } else { String::new() };
    state("reserve", word, format!("{} wanted, {} warm{held_up}", wanted.replicas, found.warm))
}

fn state(name: &str, state: &str, detail: String) -> InputState {
    InputState { name: name.to_owned(), state: state.to_owned(), detail }
}

fn reading(reading: &Reading, unit: &str, facts: &Facts<'_>) -> String {
    match *reading {
        Reading::Fresh { value, .. } => format!("{} {unit}", number(value)),
        Reading::Zero { .. } => format!("0 {unit}"),
        Reading::Stale { value, at } => {
            format!("{} {unit}, {} s old", number(value), facts.now.duration_since(at).as_secs())
        }
        Reading::Partial { value, share, .. } => {
            format!("at least {} {unit}, from {} % of the targets", number(value), number(share * 100.0))
        }
        Reading::Empty | Reading::NotANumber | Reading::Error => String::new(),
    }
}

fn latency(facts: &Facts<'_>) -> String {
    let value = reading(&facts.input.saturation.latency, "s", facts);
    match facts.input.saturation.latency_limit {
        Some(limit) if !value.is_empty() => format!("{value}, limit {} s", number(limit)),
        _ => value,
    }
}

fn capacity(facts: &Facts<'_>) -> InputState {
    match (facts.capacity, facts.input.capacity_p50) {
        (Some(p10), Some(p50)) => {
            state("capacity", "Known", format!("{} req/s per replica (median {})", number(p10), number(p50)))
        }
        (Some(p10), None) => state("capacity", "Known", format!("{} req/s per replica", number(p10))),
        (None, _) => state("capacity", "Unknown", String::new()),
    }
}

fn forecast(facts: &Facts<'_>) -> InputState {
    match &facts.input.forecast {
        ForecastInput::Unavailable { reason } => state("forecast", "Unavailable", reason.clone()),
        ForecastInput::Available { maximum, data_until, .. } => {
            let word = match (facts.forecast, maximum.index_of(facts.now)) {
                (_, None) => "OutOfHorizon",
                (Some(_), Some(_)) => "Acting",
                (None, Some(_)) => "NotTrusted",
            };
            let age = facts.now.duration_since(*data_until).max(SignedDuration::ZERO);
            let level = facts.input.policy.level;
            let peak = maximum.index_of(facts.now).and_then(|row| maximum.value(row, level));
            let peak = peak.map_or(String::new(), |p| format!("{} req/s at {} %, ", number(p), percent(level.get())));
            state("forecast", word, format!("{peak}data {} s old", age.as_secs()))
        }
    }
}

/// A probability as percent, without floating noise.
pub(crate) fn percent(p: f64) -> String {
    number(p * 100.0)
}

/// A number as people write it: three digits below 100, whole above.
pub(crate) fn number(x: f64) -> String {
    if x.abs() >= 99.5 || x.fract().abs() < 1e-9 {
        return format!("{x:.0}");
    }
    let text = if x.abs() >= 10.0 { format!("{x:.1}") } else { format!("{x:.2}") };
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
