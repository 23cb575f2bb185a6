//! Requests to services: an endpoint with few requests, a deadline that is told on, and a second try elsewhere where
//! that can do no harm and the budget allows it.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, Version};
use hyper::body::Incoming;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use shop_kit::{deadline, telemetry};
use shop_metrics::{Calls, Proxying};
use tokio::time::{Instant, timeout_at};

use crate::body::RequestBody;
use crate::door::Pace;
use crate::endpoint::Lease;
use crate::pool::Pool;

/// Slowness of an answer that never came, or that says the service has too much to do.
const CONGESTED: f64 = 4.0;

/// Sends requests to services.
#[derive(Debug)]
pub struct Sender {
    random: Mutex<ChaCha8Rng>,
    calls: Calls,
    metrics: Proxying,
}

/// A request on its way.
#[derive(Debug)]
pub struct Onward {
    /// What shall be done.
    pub method: Method,
    /// To what.
    pub target: PathAndQuery,
    /// Headers as the service shall see them.
    pub headers: HeaderMap,
    /// The body.
    pub body: RequestBody,
    /// When nobody waits for the head of the answer any more.
    pub until: Instant,
    /// Whether that is what the service may be expected to keep, and not only a client in a hurry.
    pub fair: bool,
}

/// No answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Every endpoint rests after failures, so none was asked.
    Breaker,
    /// The connection failed, before or after the request was sent.
    NoAnswer,
    /// Not in time.
    Deadline,
    /// The body is longer than it may be.
    TooLong,
    /// The client did not send all of the body.
    Broken,
    /// Not in time.
    Slow,
}

type Outcome = Result<(Response<Incoming>, Lease), Failure>;

impl Sender {
    /// Draws endpoints with these random numbers.
    pub fn new(random: ChaCha8Rng, calls: Calls, metrics: Proxying) -> Self {
        Self { random: Mutex::new(random), calls, metrics }
    }

    /// Sends a request to one of the service's endpoints, or to a second one. The lease counts as a request in flight
    /// until it is dropped.
    ///
    /// # Errors
    /// Where no answer came.
    pub async fn send(&self, pool: &Pool, pace: &Pace, request: &Onward) -> Outcome {
        pool.budget.deposit();
        let first = pool.choose(None, |below| self.draw(below)).ok_or(Failure::Breaker)?;
        let address = first.address();
        let (outcome, again) = self.attempt(pool, pace, request, first).await;
        if !again || !request.body.is_whole() {
            return outcome;
        }
        let Some(second) = pool.choose(Some(address), |below| self.draw(below)) else { return outcome };
        if !pool.budget.withdraw() {
            self.metrics.exhausted();
            return outcome;
        }
        drop(outcome);
        self.metrics.retried(&pool.name);
        self.attempt(pool, pace, request, second).await.0
    }

    /// One try, what is learned from it, and whether another endpoint may be asked.
    async fn attempt(&self, pool: &Pool, pace: &Pace, request: &Onward, lease: Lease) -> (Outcome, bool) {
        let since = Instant::now();
        let answer =
            timeout_at(request.until, pool.wire.http.request(request.to(&pool.wire.scheme, lease.address()))).await;
        let (took, now) = (since.elapsed(), Instant::now());
        let status = answer.as_ref().ok().and_then(|answer| answer.as_ref().ok()).map(Response::status);
        self.calls.called(pool.name.clone(), status.map_or(0, |status| status.as_u16()), took);
        match answer {
            Ok(Ok(answer)) => {
                let fate = Fate::of(answer.status());
                fate.teach(&lease, now);
                let congested = if fate == Fate::Busy { CONGESTED } else { 0.0 };
                pool.door.answered(pace.slowness(took).max(congested), now);
                let again = fate != Fate::Fine && request.method.is_idempotent();
                (Ok((answer, lease)), again)
            }
            Ok(Err(error)) => {
                let (failure, again) = request.why(&error);
                if failure == Failure::NoAnswer {
                    lease.failed(now);
                    note(pool, &error);
                }
                (Err(failure), again)
            }
            Err(_) if !request.body.was_sent() => (Err(Failure::Slow), false),
            Err(_) => {
                // A client in a hurry must not bring an endpoint into disrepute.
                if request.fair {
                    lease.failed(now);
                    pool.door.answered(CONGESTED, now);
                }
                (Err(Failure::Deadline), false)
            }
        }
    }

    fn draw(&self, below: usize) -> usize {
        self.random.lock().unwrap_or_else(PoisonError::into_inner).random_range(0..below)
    }
}

fn note(pool: &Pool, error: &hyper_util::client::legacy::Error) {
    tracing::warn!(service = pool.name, error = error as &dyn std::error::Error, "no answer");
}

/// What a status says of the endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It works.
    Fine,
    /// It has too much to do: it is asked less, but not because something is wrong with it.
    Busy,
    /// Something is wrong with it.
    Failing,
}

impl Fate {
    fn of(status: StatusCode) -> Self {
        match status {
            StatusCode::SERVICE_UNAVAILABLE => Self::Busy,
            StatusCode::INTERNAL_SERVER_ERROR | StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => Self::Failing,
            _ => Self::Fine,
        }
    }

    fn teach(self, lease: &Lease, now: Instant) {
        match self {
            Self::Fine => lease.succeeded(),
            Self::Busy => {}
            Self::Failing => lease.failed(now),
        }
    }
}

impl Onward {
    /// Whose fault it is that no answer came, and whether another endpoint may be asked.
    fn why(&self, error: &hyper_util::client::legacy::Error) -> (Failure, bool) {
        if self.body.was_too_long() {
            (Failure::TooLong, false)
        } else if self.body.was_broken() {
            (Failure::Broken, false)
        } else {
            (Failure::NoAnswer, error.is_connect() || self.method.is_idempotent())
        }
    }

    /// The request as this endpoint gets it.
    fn to(&self, scheme: &Scheme, address: SocketAddr) -> Request<RequestBody> {
        let mut request = Request::new(self.body.clone());
        *request.version_mut() = Version::HTTP_11;
        request.method_mut().clone_from(&self.method);
        *request.uri_mut() = uri(scheme.clone(), address, self.target.clone());
        request.headers_mut().clone_from(&self.headers);
        let left = self.until.saturating_duration_since(Instant::now());
        request.headers_mut().insert(deadline::HEADER, deadline::value(left));
        if let Some(Ok(parent)) = telemetry::current_traceparent().map(HeaderValue::try_from) {
            request.headers_mut().insert("traceparent", parent);
        }
        request
    }
}

fn uri(scheme: Scheme, address: SocketAddr, target: PathAndQuery) -> Uri {
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(scheme);
    // The text of an address is an authority, and with scheme and path it is a URI.
    parts.authority = Authority::try_from(address.to_string()).ok();
    parts.path_and_query = Some(target);
    Uri::from_parts(parts).unwrap_or_default()
}
