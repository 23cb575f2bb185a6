//! What every request passes: trace, offered count, door, deadline, served count.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::Method;
use shop_metrics::{self as metrics, HttpServer, Offered, Rejected};
use tokio::time::Instant;
use tracing::Instrument;

use crate::admission::{Admission, BREAKER, Priority, Refusal};
use crate::problem::{Problem, Withheld};
use crate::{deadline, telemetry};

/// Label of requests that match no route, so that raw paths never become labels.
pub const UNMATCHED: &str = "unmatched";

/// Tells how much a request to this method and route matters.
pub type PriorityOf = fn(&Method, &str) -> Priority;

/// What the middleware needs to know.
#[derive(Debug, Clone)]
pub struct Guard {
    /// The door.
    pub admission: Admission,
    /// Offered and rejected counts.
    pub demand: metrics::Admission,
    /// Served counts and durations.
    pub http: HttpServer,
    /// Longest work on one request; the caller may ask for less.
    pub deadline: Duration,
    /// Priority of each route.
    pub priority: PriorityOf,
}

/// One arrived request until it is gone, also when the client hangs up and the future is dropped.
struct Active(HttpServer);

impl Drop for Active {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// The middleware: counts offered before anyone may say no, and served after.
pub async fn guard(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let since = Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map_or(UNMATCHED, MatchedPath::as_str).to_owned();
    let priority = (guard.priority)(&method, &route);
    guard.demand.offered(&Offered { route: route.clone(), priority: priority.label() });
    guard.http.begin();
    let _active = Active(guard.http.clone());

    let span = telemetry::request_span(request.headers(), &method, &route);
    let response = guard.answer(priority, request, next).instrument(span.clone()).await;

    let status = response.status();
    telemetry::answered(&span, status);
    if status.is_server_error() {
        let _entered = span.enter();
        tracing::warn!(status = status.as_u16(), took_ms = since.elapsed().as_millis(), "request failed");
    }
    let labels = metrics::Request {
        http_request_method: known(&method),
        http_route: route,
        http_response_status_code: status.as_u16(),
    };
    guard.http.served(&labels, since.elapsed());
    response
}

impl Guard {
    async fn answer(&self, priority: Priority, request: Request, next: Next) -> Response {
        let place = match self.admission.admit(priority).await {
            Ok(place) => place,
            Err(Refusal::Shed) => {
                return Problem::unavailable("too many requests are waiting", Duration::from_secs(1)).into_response();
            }
            Err(Refusal::WaitedTooLong) => {
                return Problem::unavailable("the wait was too long", Duration::from_secs(1)).into_response();
            }
        };
        let limit = deadline::told(request.headers()).map_or(self.deadline, |told| told.min(self.deadline));
        let answer = deadline::within(limit, next.run(request)).await;
        drop(place);
        let rejected = |reason| self.demand.rejected(&Rejected { reason, priority: priority.label() });
        let answer = answer.unwrap_or_else(|_| {
            rejected(Refusal::WaitedTooLong.label());
            Problem::deadline(limit).into_response()
        });
        if answer.extensions().get::<Withheld>().is_some() {
            rejected(BREAKER);
        }
        answer
    }
}

/// Methods of RFC 9110 and PATCH by name, all others as `_OTHER`, as OpenTelemetry asks, so that labels stay few.
pub fn known(method: &Method) -> String {
    match *method {
        Method::GET
        | Method::HEAD
        | Method::POST
        | Method::PUT
        | Method::PATCH
        | Method::DELETE
        | Method::OPTIONS
        | Method::CONNECT
        | Method::TRACE => method.as_str().to_owned(),
        _ => "_OTHER".to_owned(),
    }
}
