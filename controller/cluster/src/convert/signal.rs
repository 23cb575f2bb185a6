//! `spec.scaling.signal`: by which queries the load is read.

use jiff::SignedDuration;
use presale_crds::{DurationText, Signal, SignalSource, SignalType};

use super::{Defaults, duration, number};
use crate::Error;

/// Time within which a backlog shall be cleared where nothing is stated.
const CLEAR_WITHIN: SignedDuration = SignedDuration::from_mins(1);

/// Where the load is read.
#[derive(Debug, Clone, PartialEq)]
pub enum SignalSpec {
    /// Request rate by a preset.
    Preset(SignalSource),
    /// A query of one's own.
    Query {
        /// Offered load of the whole service, requests/s.
        load: String,
        /// Failed requests/s by label `pod`.
        errors: Option<String>,
        /// Latency in seconds at the promised quantile.
        latency: Option<String>,
    },
    /// A queue that the service empties.
    Backlog {
        /// Messages that wait.
        waiting: String,
        /// Messages that arrive, messages/s.
        arrivals: String,
        /// Messages/s that one replica works off, > 0.
        per_replica: f64,
        /// Time within which what waits shall be worked off, > 0.
        clear_within: SignedDuration,
        /// Failed messages/s by label `pod`.
        errors: Option<String>,
        /// Latency in seconds at the promised quantile.
        latency: Option<String>,
    },
}

impl SignalSpec {
    /// What one replica serves where the signal itself states it; nothing is learned of it then.
    pub fn per_replica(&self) -> Option<f64> {
        match self {
            Self::Backlog { per_replica, .. } => Some(*per_replica),
            Self::Preset(_) | Self::Query { .. } => None,
        }
    }
}

/// As `signal` says, or the operator's default.
pub(super) fn of(signal: Option<&Signal>, defaults: &Defaults) -> Result<SignalSpec, Error> {
    let Some(signal) = signal else { return Ok(SignalSpec::Preset(defaults.source)) };
    match signal.type_ {
        SignalType::RequestRate => Ok(SignalSpec::Preset(signal.source.unwrap_or(defaults.source))),
        SignalType::Prometheus => Ok(SignalSpec::Query {
            load: stated("query", signal.query.as_ref(), "a PromQL expression of one series")?,
            errors: signal.errors_query.clone(),
            latency: signal.latency_query.clone(),
        }),
        SignalType::Backlog => {
            let per_replica = stated("perReplica", signal.per_replica.as_ref(), "messages per second, such as \"50\"")?;
            let within = |text: &DurationText| duration("spec.scaling.signal.clearWithin", text);
            Ok(SignalSpec::Backlog {
                waiting: stated("query", signal.query.as_ref(), "a PromQL expression of one series")?,
                arrivals: stated("arrivalsQuery", signal.arrivals_query.as_ref(), "a PromQL expression of one series")?,
                per_replica: number("spec.scaling.signal.perReplica", &per_replica)?,
                clear_within: signal.clear_within.as_ref().map_or(Ok(CLEAR_WITHIN), within)?,
                errors: signal.errors_query.clone(),
                latency: signal.latency_query.clone(),
            })
        }
    }
}

fn stated<T: Clone>(field: &str, value: Option<&T>, example: &str) -> Result<T, Error> {
    let missing = || Error::field(format!("spec.scaling.signal.{field}"), "", "is missing", format!("write {example}"));
    value.cloned().ok_or_else(missing)
}
