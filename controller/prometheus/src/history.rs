//! The past of one service on an even grid: range queries in chunks, gaps are Missing.

use jiff::{SignedDuration, Timestamp};
use presale_models::{Sample, Series};

use crate::client::Client;
use crate::observe::Prometheus;
use crate::preset::{Preset, Scope};
use crate::promql::{self, any_of, shortened};
use crate::{QueryError, ServiceQuery, Source};

/// Points that Prometheus allows per series and query.
///
/// **Source**: `maxPointsPerTimeseries` of web/api/v1 in Prometheus.
const MOST_POINTS: usize = 11_000;
/// Longest history that is asked for: a year at one-minute steps.
const MOST_STEPS: usize = 527_040;

/// What a history is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Offered requests per second; of a queue, messages that arrive per second.
    Load,
    /// Failed requests per second.
    Errors,
    /// Latency at the asked quantile, seconds.
    Latency,
    /// CPU of all its pods, cores: cAdvisor's, else the processes' own.
    Cpu,
    /// Pods whose scrape succeeds.
    Pods,
}

impl Prometheus {
    /// Reads `[start, end)` as a series whose sample `i` is the measure over `[start + i·step, start + (i+1)·step)`.
    ///
    /// The sample of a step is the query's value at the step's end, with rates over the whole step (or over the
    /// configured window where that is longer). Steps without a value, and values that are no numbers from 0 up, are
    /// [`Sample::Missing`]. A measure that the service's own queries do not cover is Missing throughout.
    ///
    /// # Errors
    /// [`QueryError`]; [`QueryError::Range`] for an empty or endless range or a step that is no whole number of seconds.
    pub async fn history(
        &self,
        asked: &ServiceQuery,
        measure: Measure,
        (start, end): (Timestamp, Timestamp),
        step: SignedDuration,
    ) -> Result<Series, QueryError> {
        let query = expression(&self.client, asked, measure, step);
        let shown = query.clone().unwrap_or_else(|| format!("{measure:?} of {}", asked.key));
        let steps = steps((start, end), step, &shown)?;
        let mut samples = vec![Sample::Missing; steps];
        if let Some(query) = query {
            fill(&self.client, &query, start, step, &mut samples).await?;
        }
        let refused = |e: presale_models::series::StepError| range_error(&shown, e.to_string());
        Series::new(start, step, samples).map_err(refused)
    }
}

/// Asks chunk by chunk; step `i` is evaluated at its end.
async fn fill(
    client: &Client,
    query: &str,
    start: Timestamp,
    step: SignedDuration,
    samples: &mut [Sample],
) -> Result<(), QueryError> {
    let overflow = |e: jiff::Error| range_error(query, e.to_string());
    let end_of = |i: usize| {
        let n = i32::try_from(i + 1).unwrap_or(i32::MAX);
        start.checked_add(step.checked_mul(n).unwrap_or(SignedDuration::MAX)).map_err(overflow)
    };
    for first in (0..samples.len()).step_by(MOST_POINTS) {
        let last = (first + MOST_POINTS).min(samples.len()) - 1;
        let runs = client.range(query, (end_of(first)?, end_of(last)?), step).await?;
        let run = match runs.as_slice() {
            [] => continue,
            [run] => run,
            several => return Err(QueryError::Ambiguous { query: shortened(query), count: several.len() }),
        };
        for (at, value) in &run.points {
            let index = (at.duration_since(start).as_secs() / step.as_secs()) - 1;
            if let Some(sample) = usize::try_from(index).ok().and_then(|i| samples.get_mut(i)) {
                *sample = Sample::from_raw(*value);
            }
        }
    }
    Ok(())
}

/// The query of a measure; `None` where the service's own queries do not cover it.
fn expression(client: &Client, asked: &ServiceQuery, measure: Measure, step: SignedDuration) -> Option<String> {
    let config = client.config();
    let window = config.rate_window.max(step.unsigned_abs());
    let keys = [&asked.key];
    let scope = Scope { labels: &config.labels, keys: &keys, window, by_pod: false };
    match (measure, &asked.source, Preset::of(&asked.source)) {
        // How long a queue is depends on what worked on it; what arrives does not.
        (Measure::Load, Source::Custom { query, .. } | Source::Backlog { arrivals: query, .. }, _) => {
            Some(query.clone())
        }
        (Measure::Errors, source, None) => source.errors_query().map(|query| format!("sum({query})")),
        (Measure::Latency, source, None) => source.latency_query().map(str::to_owned),
        (Measure::Load, _, Some(preset)) => Some(of_this(&preset.load(scope), asked, scope)),
        // Beside requests, no series of failures means none failed.
        (Measure::Errors, _, Some(preset)) => {
            let (errors, load) = (preset.errors(scope), preset.load(scope));
            Some(of_this(&format!("({errors} or 0 * {load})"), asked, scope))
        }
        (Measure::Latency, _, Some(preset)) => {
            Some(of_this(&preset.latency(scope, asked.quantile.get()), asked, scope))
        }
        (Measure::Cpu, ..) => Some(cpu(asked, scope)),
        (Measure::Pods, ..) => Some(format!("count({} == 1)", scope.select("up", ""))),
        (_, _, None) => None,
    }
}

/// Only the asked namespace and service, where the preset's own matchers are wider than that.
fn of_this(expression: &str, asked: &ServiceQuery, scope: Scope<'_>) -> String {
    let is = |label: &str, value: &str| {
        format!("label_replace(vector(1), {}, {}, \"\", \"\")", promql::quoted(label), promql::quoted(value))
    };
    let labels = scope.labels;
    let both = format!(
        "label_replace({}, {}, {}, \"\", \"\")",
        is(&labels.namespace, &asked.key.namespace),
        promql::quoted(&labels.service),
        promql::quoted(&asked.key.service)
    );
    format!("{expression} and on ({}, {}) {both}", labels.namespace, labels.service)
}

/// cAdvisor knows pods, not services: those that a Deployment of this name makes.
fn cpu(asked: &ServiceQuery, scope: Scope<'_>) -> String {
    let name = promql::regex_literal(&asked.key.service);
    let container = format!(
        "container_cpu_usage_seconds_total{{{},pod=~{},container!=\"\"}}",
        any_of("namespace", [asked.key.namespace.as_str()]),
        promql::quoted(&format!("{name}-[a-z0-9]+-[a-z0-9]{{5}}"))
    );
    let process = scope.select("process_cpu_seconds_total", "");
    format!("sum({}) or sum({})", scope.rate(&container), scope.rate(&process))
}

/// Number of whole steps in a range.
fn steps((start, end): (Timestamp, Timestamp), step: SignedDuration, query: &str) -> Result<usize, QueryError> {
    if step.as_secs() < 1 || step.subsec_nanos() != 0 {
        return Err(range_error(query, format!("step {step:?}: a whole number of seconds from 1 up would pass")));
    }
    if start.subsec_nanosecond() != 0 {
        return Err(range_error(query, format!("start {start}: a whole second would pass")));
    }
    let steps = usize::try_from(end.duration_since(start).as_secs() / step.as_secs()).unwrap_or(0);
    if (1..=MOST_STEPS).contains(&steps) {
        Ok(steps)
    } else {
        Err(range_error(query, format!("{steps} steps from {start} to {end}: 1 to {MOST_STEPS} would pass")))
    }
}

fn range_error(query: &str, problem: String) -> QueryError {
    QueryError::Range { query: shortened(query), problem }
}
