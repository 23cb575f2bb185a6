//! A pod that is cut off from traffic: callers that keep a connection to it are told to let it go.
//!
//! Whoever reads the pod's metrics to see it fall quiet says with every read whether the pod is in service. What was said is
//! forgotten after a while, so that a reader that died leaves nothing behind.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, Version, header};
use tokio::time::Instant;

/// Header of a read of the metrics: `false` while the reader has cut this pod off.
pub const IN_SERVICE: HeaderName = HeaderName::from_static("presale-in-service");

/// How long a word stands.
const STANDS: Duration = Duration::from_secs(10);

/// Whether this pod is cut off. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct CutOff(Arc<Mutex<Option<Instant>>>);

impl CutOff {
    /// Takes in what a read of the metrics says; reads that say nothing change nothing.
    pub fn hear(&self, headers: &HeaderMap, now: Instant) {
        let Some(word) = headers.get(IN_SERVICE) else { return };
        let until = (word == "false").then(|| now + STANDS);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }

    /// Whether it holds now.
    pub fn holds(&self, now: Instant) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|until| now < until)
    }
}

/// Ends the connection of every answer while the pod is cut off. HTTP/2 has no such word; its callers find new endpoints.
pub async fn let_go(State(cut_off): State<CutOff>, request: Request, next: Next) -> Response {
    let http1 = request.version() <= Version::HTTP_11;
    let mut response = next.run(request).await;
    if http1 && cut_off.holds(Instant::now()) {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::middleware::from_fn_with_state;
    use axum::routing::get;
    use tower::ServiceExt;

    use super::*;

    async fn connection(cut_off: &CutOff) -> Option<HeaderValue> {
        let routes = Router::new().route("/", get(async || "ok")).layer(from_fn_with_state(cut_off.clone(), let_go));
        let answer = routes.oneshot(Request::new(Body::empty())).await.unwrap();
        answer.headers().get(header::CONNECTION).cloned()
    }

    #[tokio::test(start_paused = true)]
    async fn connections_end_while_the_pod_is_cut_off_and_a_dead_reader_is_forgotten() {
        let (cut_off, mut said) = (CutOff::default(), HeaderMap::new());
        assert_eq!(connection(&cut_off).await, None);
        said.insert(IN_SERVICE, HeaderValue::from_static("false"));
        cut_off.hear(&said, Instant::now());
        assert_eq!(connection(&cut_off).await, Some(HeaderValue::from_static("close")));
        cut_off.hear(&HeaderMap::new(), Instant::now());
        assert!(connection(&cut_off).await.is_some(), "another reader says nothing");
        tokio::time::advance(STANDS).await;
        assert_eq!(connection(&cut_off).await, None);
        cut_off.hear(&said, Instant::now());
        said.insert(IN_SERVICE, HeaderValue::from_static("true"));
        cut_off.hear(&said, Instant::now());
        assert_eq!(connection(&cut_off).await, None);
    }
}
