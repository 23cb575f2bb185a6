//! Replicas for the load that is expected when a pod ordered now could be ready.

use jiff::Timestamp;
use presale_models::QuantileForecast;

use crate::facts::Facts;

/// ⌈Q(max load over [now + L, now + L + hold)) / capacity⌉ at the policy's level; `None` outside of the forecast's rows
/// or where the capacity is unknown.
///
/// **Source**: newsvendor quantile on the maximum over the lead time.
pub(crate) fn floor(facts: &Facts<'_>, maximum: &QuantileForecast) -> Option<u32> {
    at(facts, maximum, facts.now)
}

/// The same floor for a decision taken at `t`.
pub(crate) fn at(facts: &Facts<'_>, maximum: &QuantileForecast, t: Timestamp) -> Option<u32> {
    let row = maximum.index_of(t)?;
    facts.replicas_for(maximum.value(row, facts.input.policy.level)?)
}

/// Highest floor of the decisions that will be taken in `[from, to]`; `None` unless the rows cover that span.
pub(crate) fn highest(facts: &Facts<'_>, maximum: &QuantileForecast, from: Timestamp, to: Timestamp) -> Option<u32> {
    let (first, last) = (maximum.index_of(from)?, maximum.index_of(to)?);
    (first..=last)
        .filter_map(|row| maximum.value(row, facts.input.policy.level))
        .reduce(f64::max)
        .and_then(|load| facts.replicas_for(load))
}
