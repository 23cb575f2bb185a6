//! Calls to another service or provider: a deadline, a bound on the answer, the trace, the metrics, and what it said.

use std::time::Duration;

use http::{Method, StatusCode, header};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use shop_metrics::{Breakers, Calls};
use thiserror::Error;
use tokio::time::Instant;

use crate::breaker::{Breaker, Pass};
use crate::config::Secret;
use crate::mutual::Credentials;
use crate::{deadline, telemetry};

mod http_client;

use http_client::Http;
pub use http_client::HttpError;

/// Longest answer that is read, in bytes.
const MAX_ANSWER: usize = 64 * 1024;

/// One other service; clones share its connections.
#[derive(Debug, Clone)]
pub struct Peer {
    name: &'static str,
    base: String,
    http: Http,
    timeout: Duration,
    token: Option<Secret>,
    breaker: Option<Breaker>,
    metrics: Calls,
}

/// What a call to another service came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply<T> {
    /// It did what it was asked.
    Done(T),
    /// It will not do it, however often it is asked.
    Refused(Refusal),
    /// Nobody knows: no answer, none that is understood, or one that says to come again. In words.
    Unknown(String),
}

/// Why another service will not do something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Stable name of the problem (RFC 9457), the last segment of its type.
    pub slug: String,
    /// For people.
    pub detail: String,
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
    /// It would be called in the clear, although services show each other certificates.
    #[error("{peer} is to be called at {base}, in the clear: write https://")]
    Clear {
        /// Whom to call.
        peer: &'static str,
        /// Where.
        base: String,
    },
    /// Our certificate cannot be shown to it.
    #[error("calls to {peer} cannot be encrypted")]
    Mutual {
        /// Whom to call.
        peer: &'static str,
        /// What is wrong.
        #[source]
        source: HttpError,
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
    /// It failed lately and is left alone for a while, so it was not asked.
    #[error("{peer} failed and is left alone for a moment")]
    Withheld {
        /// Who was not called.
        peer: &'static str,
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
        let http = Http::plain(timeout).map_err(|source| PeerError::Client { peer: name, source })?;
        Ok(Self {
            name,
            base: base.trim_end_matches('/').to_owned(),
            http,
            timeout,
            token: None,
            breaker: None,
            metrics,
        })
    }

    /// The same peer, called with this bearer token.
    #[must_use]
    pub fn with_token(self, token: Secret) -> Self {
        Self { token: Some(token), ..self }
    }

    /// The same peer as the service `callee`, which is shown who calls and must show who it is; without credentials the
    /// peer as it was.
    ///
    /// # Errors
    /// Where its URL is not `https`, or our certificate cannot be used.
    pub fn showing(self, credentials: Option<&Credentials>, callee: &str) -> Result<Self, PeerError> {
        let Some(credentials) = credentials else { return Ok(self) };
        if !self.base.starts_with("https://") {
            return Err(PeerError::Clear { peer: self.name, base: self.base });
        }
        let http = Http::mutual(credentials.clone(), callee, self.timeout);
        Ok(Self { http: http.map_err(|source| PeerError::Mutual { peer: self.name, source })?, ..self })
    }

    /// The same peer, left alone for a while where it fails again and again.
    #[must_use]
    pub fn with_breaker(self, metrics: &Breakers) -> Self {
        Self { breaker: Some(Breaker::new(self.name, metrics.clone())), ..self }
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
        self.exchange(self.http.client().request(method, format!("{}{path}", self.base)), body).await
    }

    /// Asks for one effect under a key, under which it may be asked again and again.
    pub async fn ask<T: DeserializeOwned>(&self, path: &str, key: &str, body: Option<&impl Serialize>) -> Reply<T> {
        self.heard(self.hand(path, key, body).await)
    }

    /// The same to somebody who need not answer as our services do.
    ///
    /// # Errors
    /// Where no answer came in time, or too long a one.
    pub async fn hand(
        &self,
        path: &str,
        key: &str,
        body: Option<&impl Serialize>,
    ) -> Result<(StatusCode, Vec<u8>), PeerError> {
        let request = self.http.client().post(format!("{}{path}", self.base)).header("idempotency-key", key);
        self.exchange(request, body).await
    }

    /// Reads.
    pub async fn read<T: DeserializeOwned>(&self, path: &str) -> Reply<T> {
        self.heard(self.call(Method::GET, path, None::<&()>).await)
    }

    fn heard<T: DeserializeOwned>(&self, answer: Result<(StatusCode, Vec<u8>), PeerError>) -> Reply<T> {
        match answer {
            Ok((status, body)) => understood(self.name, status, &body),
            Err(error) => Reply::Unknown(error.to_string()),
        }
    }

    async fn exchange(
        &self,
        request: reqwest::RequestBuilder,
        body: Option<&impl Serialize>,
    ) -> Result<(StatusCode, Vec<u8>), PeerError> {
        let since = Instant::now();
        let pass = self.pass(since)?;
        let hurried = deadline::left().is_some_and(|left| left < self.timeout);
        let answer = self.send(request, body).await;
        let status = answer.as_ref().map_or(0, |(status, _)| status.as_u16());
        self.metrics.called(self.name, status, since.elapsed());
        if let Some(pass) = pass {
            judge(pass, &answer, hurried);
        }
        answer
    }

    fn pass(&self, now: Instant) -> Result<Option<Pass>, PeerError> {
        let Some(breaker) = &self.breaker else { return Ok(None) };
        breaker.pass(now).map(Some).ok_or(PeerError::Withheld { peer: self.name })
    }

    async fn send(
        &self,
        mut request: reqwest::RequestBuilder,
        body: Option<&impl Serialize>,
    ) -> Result<(StatusCode, Vec<u8>), PeerError> {
        let failed = |source| PeerError::NoAnswer { peer: self.name, source };
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", token.reveal()));
        }
        if let Some(parent) = telemetry::current_traceparent() {
            request = request.header("traceparent", parent);
        }
        if let Some(left) = deadline::left() {
            request = request.header(deadline::HEADER, deadline::value(left)).timeout(left.min(self.timeout));
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

/// What an answer says of who gave it: one that has too much to do is not failing, and a caller in a hurry must not
/// bring it into disrepute.
fn judge(pass: Pass, answer: &Result<(StatusCode, Vec<u8>), PeerError>, hurried: bool) {
    let now = Instant::now();
    match answer {
        Ok((StatusCode::INTERNAL_SERVER_ERROR | StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT, _)) => {
            pass.failed(now);
        }
        Ok((StatusCode::SERVICE_UNAVAILABLE, _)) => {}
        Ok(_) => pass.succeeded(now),
        Err(PeerError::NoAnswer { source, .. }) if hurried && source.is_timeout() => {}
        Err(_) => pass.failed(now),
    }
}

/// Only the service's own refusal is one: 401 and 403 say that we are configured wrongly, the rest to come again.
fn understood<T: DeserializeOwned>(peer: &str, status: StatusCode, body: &[u8]) -> Reply<T> {
    #[derive(Deserialize)]
    struct Problem {
        r#type: String,
        detail: String,
    }
    if status.is_success() {
        return serde_json::from_slice(body)
            .map_or_else(|e| Reply::Unknown(format!("{peer}'s answer is odd: {e}")), Reply::Done);
    }
    let ours = [
        StatusCode::BAD_REQUEST,
        StatusCode::NOT_FOUND,
        StatusCode::CONFLICT,
        StatusCode::GONE,
        StatusCode::UNPROCESSABLE_ENTITY,
    ];
    match serde_json::from_slice::<Problem>(body) {
        Ok(Problem { r#type, detail }) if ours.contains(&status) => {
            let slug = r#type.rsplit('/').next().unwrap_or_default().to_owned();
            let again = matches!(slug.as_str(), "idempotency-key" | "no-route" | "");
            if again { unknown(peer, status) } else { Reply::Refused(Refusal { slug, detail }) }
        }
        _ => unknown(peer, status),
    }
}

fn unknown<T>(peer: &str, status: StatusCode) -> Reply<T> {
    Reply::Unknown(format!("{peer} answered {status}"))
}

/// Names the one TLS provider of the process, without which no HTTP client can be built; a second call changes nothing.
pub fn install_tls_provider() {
    // An error only says that it is there already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_problem_of_the_service_itself_is_a_refusal() {
        let said =
            |status: u16, body: &str| understood::<u8>("stock", StatusCode::from_u16(status).unwrap(), body.as_bytes());
        let problem = |slug: &str| format!(r#"{{"type":"https://presale.dev/problems/{slug}","detail":"so"}}"#);
        assert_eq!(said(200, "7"), Reply::Done(7));
        let refusal = Refusal { slug: "out-of-stock".into(), detail: "so".into() };
        assert_eq!(said(409, &problem("out-of-stock")), Reply::Refused(refusal));
        for (status, body) in [
            (200, "no json".to_owned()),
            (409, problem("idempotency-key")),
            (404, problem("no-route")),
            (404, "<html>".to_owned()),
            (401, problem("unauthorized")),
            (403, problem("forbidden")),
            (429, problem("slow-down")),
            (503, problem("unavailable")),
            (302, String::new()),
        ] {
            assert!(matches!(said(status, &body), Reply::Unknown(_)), "{status} {body}");
        }
    }
}
