//! Calls to another service or provider: a deadline, a bound on the answer, the trace, and the metrics.

use std::time::Duration;

use http::{Method, StatusCode};
use serde::Serialize;
use shop_metrics::Calls;
use thiserror::Error;
use tokio::time::Instant;

use crate::telemetry;

/// Longest answer that is read, in bytes.
const MAX_ANSWER: usize = 64 * 1024;

/// One other service; clones share its connections.
#[derive(Debug, Clone)]
pub struct Peer {
    name: &'static str,
    base: String,
    http: reqwest::Client,
    timeout: Duration,
    metrics: Calls,
}

/// No usable answer came. Whether the other side did what it was asked is not known.
#[derive(Debug, Error)]
pub enum PeerError {
    /// The client cannot be made.
    #[error("calls to {peer} cannot be made")]
    Client {
        /// Whom to call.
        peer: &'static str,
        /// What the client said.
        #[source]
        source: reqwest::Error,
    },
    /// The connection failed, or the answer did not come to its end in time.
    #[error("{peer} gave no answer")]
    NoAnswer {
        /// Who was called.
        peer: &'static str,
        /// What the client said.
        #[source]
        source: reqwest::Error,
    },
    /// The answer is longer than it may be.
    #[error("{peer} answered with more than {MAX_ANSWER} bytes")]
    TooLong {
        /// Who was called.
        peer: &'static str,
    },
}

impl Peer {
    /// A peer at `base`, for example `http://127.0.0.1:8090`, that is given `timeout` for a whole answer.
    ///
    /// # Errors
    /// Where no client can be made.
    pub fn new(name: &'static str, base: &str, timeout: Duration, metrics: Calls) -> Result<Self, PeerError> {
        install_tls_provider();
        // Redirects are not followed: nobody but the configured address is spoken to.
        let http = reqwest::Client::builder().timeout(timeout).no_proxy().redirect(reqwest::redirect::Policy::none());
        let http = http.build().map_err(|source| PeerError::Client { peer: name, source })?;
        Ok(Self { name, base: base.trim_end_matches('/').to_owned(), http, timeout, metrics })
    }

    /// How long a call takes at most.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Calls, and reads the whole answer.
    ///
    /// # Errors
    /// Where no answer came in time, or too long a one.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<(StatusCode, Vec<u8>), PeerError> {
        let since = Instant::now();
        let answer = self.exchange(method, path, body).await;
        let status = answer.as_ref().map_or(0, |(status, _)| status.as_u16());
        self.metrics.called(self.name, status, since.elapsed());
        answer
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<(StatusCode, Vec<u8>), PeerError> {
        let failed = |source| PeerError::NoAnswer { peer: self.name, source };
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some(parent) = telemetry::current_traceparent() {
            request = request.header("traceparent", parent);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let mut response = request.send().await.map_err(failed)?;
        let mut read = Vec::new();
        while let Some(part) = response.chunk().await.map_err(failed)? {
            if read.len() + part.len() > MAX_ANSWER {
                return Err(PeerError::TooLong { peer: self.name });
            }
            read.extend_from_slice(&part);
        }
        Ok((response.status(), read))
    }
}

/// Names the one TLS provider of the process, without which no HTTP client can be built; a second call changes nothing.
pub(crate) fn install_tls_provider() {
    // An error only says that it is there already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}
