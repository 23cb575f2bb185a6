//! One query to Prometheus under a deadline and a size limit.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use prometheus_http_query as http;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;

use crate::promql::shortened;
use crate::{PrometheusConfig, QueryError};

/// Labels of a series.
pub(crate) type LabelSet = BTreeMap<String, String>;

/// One series of an instant answer.
#[derive(Debug, Clone)]
pub(crate) struct Instant {
    /// Its labels; empty for a scalar.
    pub(crate) labels: LabelSet,
    /// The value.
    pub(crate) value: f64,
    /// When the server evaluated it, by its clock.
    pub(crate) evaluated: Timestamp,
}

/// One series of a range answer.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    /// Its points in time order.
    pub(crate) points: Vec<(Timestamp, f64)>,
}

/// Asks one server.
pub(crate) struct Client {
    http: http::Client,
    headers: HeaderMap,
    config: PrometheusConfig,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("url", &self.config.url).finish_non_exhaustive() // headers may be secret
    }
}

impl Client {
    /// Reads the CA file and prepares connections; opens none.
    pub(crate) fn new(config: PrometheusConfig) -> Result<Self, QueryError> {
        let refused = |problem: String| QueryError::Client { url: config.url.clone(), problem };
        let hint = "an address such as http://prometheus:9090 would pass";
        let url = reqwest::Url::parse(&config.url).map_err(|e| refused(format!("{e}: {hint}")))?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(refused(format!("its scheme is {:?}: {hint}", url.scheme())));
        }
        let mut builder = reqwest::Client::builder()
            .connect_timeout(config.timeout)
            .redirect(reqwest::redirect::Policy::none()) // a redirect must not carry the token elsewhere
            .pool_idle_timeout(Duration::from_mins(1));
        if let Some(path) = &config.ca_file {
            let file = |source| QueryError::File { what: "CA file", path: path.clone(), source };
            let bundle = std::fs::read(path).map_err(file)?;
            let certificates = reqwest::Certificate::from_pem_bundle(&bundle)
                .map_err(|e| refused(format!("{} is no PEM bundle of certificates: {e}", path.display())))?;
            builder = builder.tls_certs_merge(certificates);
        }
        let client = builder.build().map_err(|e| refused(e.to_string()))?;
        let http = http::Client::from(client, &config.url).map_err(|e| refused(format!("{e}: {hint}")))?;
        let mut headers = HeaderMap::new();
        for (name, value) in &config.headers {
            let name = HeaderName::try_from(name).map_err(|e| refused(format!("header {name:?}: {e}")))?;
            let value = HeaderValue::try_from(value).map_err(|e| refused(format!("value of header {name}: {e}")))?;
            headers.append(name, value);
        }
        Ok(Self { http, headers, config })
    }

    pub(crate) fn config(&self) -> &PrometheusConfig {
        &self.config
    }

    /// An instant query at the server's own time; `lookback` overrides how old a sample may be to count as current.
    pub(crate) async fn instant(&self, query: &str, lookback: Option<Duration>) -> Result<Vec<Instant>, QueryError> {
        let mut request = self.http.query(query);
        if let Some(lookback) = lookback {
            request = request.query("lookback_delta", format!("{}ms", lookback.as_millis().max(1)));
        }
        self.ask(query, request).await
    }

    /// An instant query as the server would have answered it at `at`, to the second.
    pub(crate) async fn instant_at(&self, query: &str, at: Timestamp) -> Result<Vec<Instant>, QueryError> {
        self.ask(query, self.http.query(query).at(at.as_second())).await
    }

    async fn ask(&self, query: &str, request: http::InstantQueryBuilder) -> Result<Vec<Instant>, QueryError> {
        let mut request = request.timeout(self.timeout_ms());
        for (name, value) in self.headers().await? {
            request = request.header(name, value);
        }
        let data = self.within_deadline(query, || request.clone().post_raw()).await?;
        match data {
            http::response::Data::Vector(series) => series
                .into_iter()
                .map(|series| instant(series.metric().clone().into_iter().collect(), *series.sample(), query))
                .collect(),
            http::response::Data::Scalar(sample) => Ok(vec![instant(LabelSet::new(), sample, query)?]),
            http::response::Data::Matrix(_) => Err(malformed(query, "an instant query was answered with a matrix")),
        }
    }

    /// A range query; the caller keeps within the server's 11,000 points per series.
    pub(crate) async fn range(
        &self,
        query: &str,
        (first, last): (Timestamp, Timestamp),
        step: SignedDuration,
    ) -> Result<Vec<Run>, QueryError> {
        let request = self.http.query_range(query, first.as_second(), last.as_second(), step.as_secs_f64());
        let mut request = request.timeout(self.timeout_ms());
        for (name, value) in self.headers().await? {
            request = request.header(name, value);
        }
        let data = self.within_deadline(query, || request.clone().post_raw()).await?;
        let http::response::Data::Matrix(series) = data else {
            return Err(malformed(query, "a range query was answered without a matrix"));
        };
        let run = |series: http::response::RangeVector| {
            let points = series.samples().iter().map(|point| Ok((time(point.timestamp(), query)?, point.value())));
            Ok(Run { points: points.collect::<Result<_, _>>()? })
        };
        series.into_iter().map(run).collect()
    }

    /// The configured headers and the token as it is in its file now.
    async fn headers(&self) -> Result<Vec<(HeaderName, HeaderValue)>, QueryError> {
        let mut headers: Vec<_> = self.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        if let Some(path) = &self.config.bearer_token_file {
            let file = |source| QueryError::File { what: "bearer token file", path: path.clone(), source };
            let token = tokio::fs::read_to_string(path).await.map_err(file)?;
            let value = HeaderValue::try_from(format!("Bearer {}", token.trim()));
            let mut value = value.map_err(|e| file(std::io::Error::new(std::io::ErrorKind::InvalidData, e)))?;
            value.set_sensitive(true);
            headers.push((AUTHORIZATION, value));
        }
        Ok(headers)
    }

    /// Sends and reads, once more where the connection broke: an idle one may have been closed by the server, and a query
    /// changes nothing.
    async fn within_deadline<F: Future<Output = Result<reqwest::Response, http::Error>>>(
        &self,
        query: &str,
        send: impl Fn() -> F,
    ) -> Result<http::response::Data, QueryError> {
        let limit = self.config.timeout;
        let late = |_| QueryError::Deadline { query: shortened(query), limit };
        let answer = async {
            match self.read(query, send().await).await {
                Err(QueryError::Connection { .. }) => self.read(query, send().await).await,
                outcome => outcome,
            }
        };
        tokio::time::timeout(limit, answer).await.map_err(late)?
    }

    /// Reads an answer to its end or to the size limit, and takes the API's envelope off.
    async fn read(
        &self,
        query: &str,
        sent: Result<reqwest::Response, http::Error>,
    ) -> Result<http::response::Data, QueryError> {
        let mut response = sent.map_err(|e| connection(query, e))?;
        let (status, limit) = (response.status(), self.config.max_response);
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| connection(query, e))? {
            if body.len() + chunk.len() > limit {
                return Err(QueryError::TooLarge { query: shortened(query), limit });
            }
            body.extend_from_slice(&chunk);
        }
        match serde_json::from_slice::<Envelope>(&body) {
            Ok(Envelope::Success { data }) if status.is_success() => Ok(data),
            Ok(Envelope::Error { error }) => Err(QueryError::Refused { query: shortened(query), message: error }),
            Ok(Envelope::Success { .. }) | Err(_) if !status.is_success() => {
                Err(QueryError::Status { query: shortened(query), status: status.as_u16() })
            }
            Ok(Envelope::Success { data }) => Ok(data),
            Err(e) => Err(malformed(query, &e.to_string())),
        }
    }

    fn timeout_ms(&self) -> i64 {
        i64::try_from(self.config.timeout.as_millis()).unwrap_or(i64::MAX)
    }
}

/// The API's envelope; warnings and infos are of no use here.
#[derive(Deserialize)]
#[serde(tag = "status", rename_all = "lowercase")]
enum Envelope {
    Success { data: http::response::Data },
    Error { error: String },
}

fn instant(labels: LabelSet, sample: http::response::Sample, query: &str) -> Result<Instant, QueryError> {
    Ok(Instant { labels, value: sample.value(), evaluated: time(sample.timestamp(), query)? })
}

/// Unix seconds as a time.
pub(crate) fn time(seconds: f64, query: &str) -> Result<Timestamp, QueryError> {
    SignedDuration::try_from_secs_f64(seconds)
        .and_then(|since| Timestamp::UNIX_EPOCH.checked_add(since))
        .map_err(|e| malformed(query, &format!("{seconds} is no time: {e}")))
}

fn malformed(query: &str, problem: &str) -> QueryError {
    QueryError::Malformed { query: shortened(query), problem: problem.to_owned() }
}

fn connection(query: &str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> QueryError {
    QueryError::Connection { query: shortened(query), source: source.into() }
}
