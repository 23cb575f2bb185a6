//! Errors as the client sees them: RFC 9457 problem+json with a stable type and the trace to quote.

use std::borrow::Cow;
use std::time::Duration;

use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::telemetry;

/// Where the stable types of problems are named; the last segment is the slug.
pub const TYPE_BASE: &str = "https://presale.dev/problems/";

/// One problem details object.
///
/// **Source**: RFC 9457. The cause is logged, never sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    slug: Cow<'static, str>,
    title: Cow<'static, str>,
    detail: String,
    retry_after: Option<Duration>,
    challenge: bool,
    withheld: bool,
}

/// In the extensions of an answer that is none because somebody who had to be asked is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Withheld;

#[derive(Serialize)]
struct Body<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
}

impl Problem {
    /// A problem of the service's own catalogue.
    pub fn new(
        status: StatusCode,
        slug: impl Into<Cow<'static, str>>,
        title: impl Into<Cow<'static, str>>,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            status,
            slug: slug.into(),
            title: title.into(),
            detail: detail.into(),
            retry_after: None,
            challenge: status == StatusCode::UNAUTHORIZED,
            withheld: false,
        }
    }

    /// 400: the request cannot be understood.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", "The request is not understood", detail)
    }

    /// 401: no token, or not the right one.
    pub fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", "A valid token is needed", detail)
    }

    /// 403: the caller is known, and may not do this.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "The caller may not do this", detail)
    }

    /// 404: no such route.
    pub fn no_route() -> Self {
        Self::new(StatusCode::NOT_FOUND, "no-route", "No such route", "see /openapi.json for the routes there are")
    }

    /// 405: the route exists, the method does not.
    pub fn method_not_allowed() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method-not-allowed",
            "The route does not know this method",
            "see /openapi.json for the methods there are",
        )
    }

    /// 500: a defect or a broken dependency; the cause is in the log under the trace id.
    pub fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "The service failed", "the failure is logged")
    }

    /// 503 with `Retry-After`: try again, the service is busy or a dependency is away.
    pub fn unavailable(detail: impl Into<String>, retry_after: Duration) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "The service is busy or not ready", detail)
            .retry_after(retry_after)
    }

    /// The same problem, with the time after which it is worth trying again.
    #[must_use]
    pub fn retry_after(self, after: Duration) -> Self {
        Self { retry_after: Some(after), ..self }
    }

    /// The same problem, which is there because somebody who had to be asked is left alone: counted as rejected.
    #[must_use]
    pub fn withheld(self) -> Self {
        Self { withheld: true, ..self }
    }

    /// 429 with `Retry-After`: the caller asks more often than it may.
    pub fn too_many(detail: impl Into<String>, retry_after: Duration) -> Self {
        let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "rate-limit", "Too many requests", detail);
        Self { retry_after: Some(retry_after), ..problem }
    }

    /// 504: the request took longer than its deadline.
    pub fn deadline(limit: Duration) -> Self {
        Self::new(
            StatusCode::GATEWAY_TIMEOUT,
            "deadline",
            "The request took too long",
            format!("no answer within {} ms", limit.as_millis()),
        )
    }

    /// True where it has this slug.
    pub fn is(&self, slug: &str) -> bool {
        self.slug == slug
    }

    /// Status it is answered with.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// What the client is told.
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = Body {
            r#type: format!("{TYPE_BASE}{}", self.slug),
            title: &self.title,
            status: self.status.as_u16(),
            detail: &self.detail,
            trace_id: telemetry::current_trace_id(),
        };
        let mut response = (self.status, axum::Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(after) = self.retry_after {
            let seconds = u64::try_from(after.as_millis().div_ceil(1000)).unwrap_or(u64::MAX);
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        if self.challenge {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if self.withheld {
            response.extensions_mut().insert(Withheld);
        }
        response
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        Self::new(rejection.status(), "bad-body", "The request body is not understood", rejection.body_text())
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::new(rejection.status(), "bad-query", "The query is not understood", rejection.body_text())
    }
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-path", "The path is not understood", rejection.body_text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    #[tokio::test]
    async fn answers_problem_json_with_a_stable_type() {
        let response = Problem::unavailable("the queue is full", Duration::from_millis(200)).into_response();
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        assert_eq!(response.headers()["retry-after"], "1");
        let body: serde_json::Value =
            serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap();
        assert_eq!(body["type"], "https://presale.dev/problems/unavailable");
        assert_eq!(body["status"], 503);
        assert_eq!(body["detail"], "the queue is full");
    }
}
