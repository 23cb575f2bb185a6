//! The accept loop and its end: after the stop signal answers say `Connection: close`, then idle connections go,
//! then requests in flight finish or run out of time.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use http::{HeaderValue, Request, Response, Version, header};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

/// Pause after a failed accept, for example when file descriptors are used up.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How a listener serves and how it ends.
#[derive(Debug, Clone, Copy)]
pub struct Ending {
    /// Longest time for the head of a request, which is also how long an idle connection is kept.
    pub header_timeout: Duration,
    /// After the stop signal: time in which new connections are still served, each answer with `Connection: close`.
    pub delay: Duration,
    /// After that: longest wait for requests in flight.
    pub timeout: Duration,
}

/// How the end went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drained {
    /// Every request in flight was answered.
    Complete,
    /// This many connections were still busy when the time was over.
    CutOff(usize),
}

/// Two signals: answers say close from the first on, idle connections end at the second.
#[derive(Clone)]
struct Signals {
    closing: CancellationToken,
    ended: CancellationToken,
}

/// Serves `router` on `listener` until `stop`, then drains.
pub async fn serve(listener: TcpListener, router: Router, ending: Ending, stop: CancellationToken) -> Drained {
    let signals = Signals { closing: stop.clone(), ended: CancellationToken::new() };
    let connections = TaskTracker::new();
    let end = async {
        stop.cancelled().await;
        sleep(ending.delay).await;
    };
    let accepting = accept(listener, |stream| {
        connections.spawn(connection(stream, router.clone(), ending.header_timeout, signals.clone()));
    });
    tokio::select! { () = end => {}, () = accepting => {} }
    signals.ended.cancel();
    connections.close();
    match timeout(ending.timeout, connections.wait()).await {
        Ok(()) => Drained::Complete,
        Err(_) => Drained::CutOff(connections.len()),
    }
}

/// Accepts until dropped, which closes the listener.
async fn accept(listener: TcpListener, serve: impl Fn(TcpStream)) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => serve(stream),
            Err(error) => not_accepted(&error).await,
        }
    }
}

async fn not_accepted(error: &std::io::Error) {
    tracing::warn!(%error, "a connection was not accepted");
    sleep(ACCEPT_PAUSE).await;
}

async fn connection(stream: TcpStream, router: Router, header_timeout: Duration, signals: Signals) {
    // Without it small answers wait for the client's acknowledgement; failure only costs latency.
    let _ = stream.set_nodelay(true);
    let (closing, peer) = (signals.closing, stream.peer_addr().ok());
    let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        if let Some(peer) = peer {
            request.extensions_mut().insert(ConnectInfo(peer));
        }
        answer(router.clone(), request, closing.clone())
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(header_timeout);
    builder.http2().timer(TokioTimer::new());
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let outcome = tokio::select! {
        outcome = connection.as_mut() => outcome,
        () = signals.ended.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    outcome.unwrap_or_else(|error| tracing::debug!(error, "a connection ended early"));
}

async fn answer(
    router: Router,
    request: Request<Incoming>,
    closing: CancellationToken,
) -> Result<Response<Body>, std::convert::Infallible> {
    let http1 = request.version() <= Version::HTTP_11;
    let mut response = router.oneshot(request.map(Body::new)).await?;
    if http1 && closing.is_cancelled() {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}

/// Binds a listener.
///
/// # Errors
/// The system's error, for example where the port is taken.
pub async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Calls `tick` with the time since the stop signal, ten times a second, until dropped.
pub async fn report_drain(stop: CancellationToken, tick: impl Fn(Duration)) {
    stop.cancelled().await;
    let since = Instant::now();
    loop {
        tick(since.elapsed());
        sleep(Duration::from_millis(100)).await;
    }
}
