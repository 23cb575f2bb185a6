//! A recording read from a running Prometheus: the same proof on one's own traffic, with nothing to export first.

use std::path::PathBuf;

use anyhow::{Context, ensure};
use indicatif::ProgressBar;
use jiff::{SignedDuration, Timestamp};
use presale_backtest::trace::Trace;
use presale_models::LEVELS;
use presale_prometheus::{Measure, Prometheus, PrometheusConfig, ServiceKey, ServiceQuery, Source};

use super::traces::duration;
use crate::config::Header;

/// Spacing of what is read.
const STEP: SignedDuration = SignedDuration::from_mins(1);

/// Where a recording is read from, instead of a file.
#[derive(clap::Args, Debug, Clone)]
pub(crate) struct LiveRecording {
    /// Prometheus (or Mimir, Thanos, …) to read the recording from
    #[arg(long, value_name = "URL", requires = "query", conflicts_with = "trace")]
    pub(crate) prometheus: Option<String>,
    /// The offered load in requests per second, as one series
    #[arg(long, value_name = "PROMQL", requires = "prometheus")]
    query: Option<String>,
    /// How far back it is read
    #[arg(long, value_parser = duration, default_value = "60d", value_name = "DURATION")]
    since: SignedDuration,
    /// File with a bearer token
    #[arg(long, env = "PRESALE_PROMETHEUS_TOKEN_FILE", value_name = "FILE")]
    prometheus_token_file: Option<PathBuf>,
    /// File with the certificates (PEM) to trust instead of the bundled ones
    #[arg(long, env = "PRESALE_PROMETHEUS_CA_FILE", value_name = "FILE")]
    prometheus_ca_file: Option<PathBuf>,
    /// Extra header "Name: value" for every query, such as a tenant's; may be repeated
    #[arg(
        long = "prometheus-header",
        env = "PRESALE_PROMETHEUS_HEADERS",
        value_delimiter = '\n',
        value_name = "HEADER"
    )]
    prometheus_headers: Vec<Header>,
}

impl LiveRecording {
    /// Reads it by the minute up to the last whole minute before `now`; `None` where no Prometheus was named. Minutes
    /// before the first value are left out, those without one are gaps.
    ///
    /// # Errors
    /// Where Prometheus cannot be asked, the query yields several series, or it holds fewer than two values.
    pub(crate) async fn read(&self, now: Timestamp) -> anyhow::Result<Option<Trace>> {
        let (Some(url), Some(query)) = (&self.prometheus, &self.query) else { return Ok(None) };
        let config = PrometheusConfig {
            bearer_token_file: self.prometheus_token_file.clone(),
            ca_file: self.prometheus_ca_file.clone(),
            headers: self.prometheus_headers.iter().map(|h| (h.name.clone(), h.value.clone())).collect(),
            ..PrometheusConfig::new(url)
        };
        let end = Timestamp::from_second(now.as_second().div_euclid(60) * 60)?;
        let begin = Timestamp::from_second((end - self.since).as_second().div_euclid(60) * 60)?;
        let asked = ServiceQuery {
            key: ServiceKey { namespace: String::new(), service: query.clone() },
            source: Source::Custom { query: query.clone(), errors_query: None, latency_query: None },
            pods: Vec::new(),
            quantile: LEVELS[7],
        };
        let told = ProgressBar::new_spinner().with_message(format!("reading {:#} from {url}", self.since));
        told.enable_steady_tick(std::time::Duration::from_millis(200));
        let read = Prometheus::new(config)?.history(&asked, Measure::Load, (begin, end), STEP).await;
        told.finish_and_clear();
        let series = read.with_context(|| format!("--prometheus {url} --query {query}"))?;
        let starts = (begin.as_second()..).step_by(60);
        let known = starts.zip(series.samples()).filter_map(|(second, sample)| Some((second, sample.value()?)));
        let (seconds, values): (Vec<i64>, Vec<f64>) = known.unzip();
        ensure!(
            values.len() > 1,
            "--query {query}: {} values since {begin}: a query of a series that is recorded there would pass, such as \
             sum(rate(http_requests_total[1m]))",
            values.len()
        );
        Ok(Some(Trace { name: query.clone(), seconds, values, step: STEP.as_secs() }))
    }
}
