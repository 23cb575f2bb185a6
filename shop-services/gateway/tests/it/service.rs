//! A small service that a test tells what to do: it says what it was asked, fails, is slow, or does not answer.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use http::StatusCode;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// One of them; its listener goes when it is dropped.
pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    pub(crate) told: Arc<Told>,
    serving: JoinHandle<()>,
}

/// What it is told to do, and what it saw.
pub(crate) struct Told {
    /// Status of every answer.
    pub(crate) status: AtomicU16,
    /// So many of ten requests are answered 503 instead.
    fails: AtomicUsize,
    /// Milliseconds of work on each.
    pub(crate) work: AtomicU64,
    /// Those that are worked on at the same time.
    workers: Semaphore,
    /// Waits for ever where set.
    pub(crate) silent: AtomicBool,
    /// Requests that came.
    pub(crate) seen: AtomicUsize,
    /// Requests that were answered.
    pub(crate) answered: AtomicUsize,
    address: std::sync::OnceLock<SocketAddr>,
}

impl Service {
    pub(crate) async fn start() -> Self {
        Self::with_workers(Semaphore::MAX_PERMITS).await
    }

    /// One that works on so many at the same time.
    pub(crate) async fn with_workers(workers: usize) -> Self {
        Self::at(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap(), workers)
    }

    /// One on this listener.
    pub(crate) fn at(listener: TcpListener, workers: usize) -> Self {
        let address = listener.local_addr().unwrap();
        let told = Arc::new(Told {
            status: AtomicU16::new(200),
            fails: AtomicUsize::new(0),
            work: AtomicU64::new(0),
            workers: Semaphore::new(workers),
            silent: AtomicBool::new(false),
            seen: AtomicUsize::new(0),
            answered: AtomicUsize::new(0),
            address: std::sync::OnceLock::from(address),
        });
        let routes = Router::new().fallback(answer).with_state(Arc::clone(&told));
        let serving = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { address, told, serving }
    }

    pub(crate) fn seen(&self) -> usize {
        self.told.seen.load(Ordering::SeqCst)
    }

    pub(crate) fn answers_with(&self, status: u16) {
        self.told.status.store(status, Ordering::SeqCst);
    }

    /// From now on so many of ten requests fail.
    pub(crate) fn fails_of_ten(&self, share: usize) {
        self.told.fails.store(share, Ordering::SeqCst);
    }

    pub(crate) fn works_for(&self, work: Duration) {
        self.told.work.store(u64::try_from(work.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Says who it is, and everything it was sent.
async fn answer(State(told): State<Arc<Told>>, request: Request) -> Response {
    let number = told.seen.fetch_add(1, Ordering::SeqCst);
    // Spread over every ten: 7 has no common divisor with them.
    if number * 7 % 10 < told.fails.load(Ordering::SeqCst) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    if told.silent.load(Ordering::SeqCst) {
        std::future::pending::<()>().await;
    }
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let work = Duration::from_millis(told.work.load(Ordering::SeqCst));
    if !work.is_zero() {
        let _worker = told.workers.acquire().await.unwrap();
        sleep(work).await;
    }
    told.answered.fetch_add(1, Ordering::SeqCst);
    let headers: serde_json::Map<String, serde_json::Value> = parts
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), json!(String::from_utf8_lossy(value.as_bytes()))))
        .collect();
    let said = json!({
        "by": told.address.get().unwrap().to_string(), "method": parts.method.as_str(),
        "target": parts.uri.to_string(), "headers": headers, "body": String::from_utf8_lossy(&body),
    });
    let status = StatusCode::from_u16(told.status.load(Ordering::SeqCst)).unwrap();
    (status, [("connection", "x-inner"), ("x-inner", "1"), ("x-outer", "1")], Json(said)).into_response()
}
