//! The accept loop and its end: after the stop signal answers say `Connection: close`, then idle connections go,
//! then requests in flight finish or run out of time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::{HeaderValue, Request, Response, Version, header};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

/// Pause after a failed accept, for example when file descriptors are used up.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Longest head of a request over HTTP/1, in bytes; longer ones are answered with 431. HTTP/2 has hyper's 16 KiB.
const MAX_HEAD: usize = 32 * 1024;

/// What new connections are encrypted with; the present value counts.
pub type Certificates = watch::Receiver<Arc<rustls::ServerConfig>>;

/// Where connections come in.
#[derive(Debug)]
pub struct Door {
    /// Accepts them.
    pub listener: TcpListener,
    /// Encrypts them; without, they are in the clear.
    pub certificates: Option<Certificates>,
}

impl From<TcpListener> for Door {
    fn from(listener: TcpListener) -> Self {
        Self { listener, certificates: None }
    }
}

/// Who sent a request and how; in the extensions of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// The other end of the connection.
    pub address: SocketAddr,
    /// Over TLS.
    pub encrypted: bool,
}

/// The first certificate that the other end of the connection has shown and proven; in the extensions of each request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown(pub Arc<CertificateDer<'static>>);

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

/// Serves `router` behind `door` until `stop`, then drains.
pub async fn serve(door: impl Into<Door>, router: Router, ending: Ending, stop: CancellationToken) -> Drained {
    let Door { listener, certificates } = door.into();
    let signals = Signals { closing: stop.clone(), ended: CancellationToken::new() };
    let connections = TaskTracker::new();
    let end = async {
        stop.cancelled().await;
        sleep(ending.delay).await;
    };
    let accepting = accept(listener, |stream, address| {
        let encrypt = certificates.as_ref().map(|current| TlsAcceptor::from(Arc::clone(&current.borrow())));
        let caller = Caller { address, encrypted: encrypt.is_some() };
        let talk = Talk { router: router.clone(), caller, shown: None, header_timeout: ending.header_timeout };
        connections.spawn(connection(stream, encrypt, talk, signals.clone()));
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
async fn accept(listener: TcpListener, serve: impl Fn(TcpStream, SocketAddr)) {
    loop {
        match listener.accept().await {
            Ok((stream, address)) => serve(stream, address),
            Err(error) => not_accepted(&error).await,
        }
    }
}

async fn not_accepted(error: &std::io::Error) {
    tracing::warn!(%error, "a connection was not accepted");
    sleep(ACCEPT_PAUSE).await;
}

/// What one connection is served with.
#[derive(Clone)]
struct Talk {
    router: Router,
    caller: Caller,
    shown: Option<Shown>,
    header_timeout: Duration,
}

async fn connection(stream: TcpStream, encrypt: Option<TlsAcceptor>, mut talk: Talk, signals: Signals) {
    // Without it small answers wait for the client's acknowledgement; failure only costs latency.
    let _ = stream.set_nodelay(true);
    let Some(encrypt) = encrypt else { return exchange(stream, talk, signals).await };
    let greeting = timeout(talk.header_timeout, encrypt.accept(stream));
    if let Some(Ok(Ok(stream))) = signals.ended.run_until_cancelled(greeting).await {
        let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
        talk.shown = chain.first().map(|first| Shown(Arc::new(first.clone().into_owned())));
        exchange(stream, talk, signals).await;
    } else {
        tracing::debug!("a client did not agree on TLS");
    }
}

async fn exchange(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, talk: Talk, signals: Signals) {
    let closing = signals.closing;
    let header_timeout = talk.header_timeout;
    let service = hyper::service::service_fn(move |request| answer(talk.clone(), request, closing.clone()));
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(header_timeout).max_buf_size(MAX_HEAD);
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
    talk: Talk,
    request: Request<Incoming>,
    closing: CancellationToken,
) -> Result<Response<Body>, std::convert::Infallible> {
    let http1 = request.version() <= Version::HTTP_11;
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(talk.caller);
    if let Some(shown) = talk.shown {
        request.extensions_mut().insert(shown);
    }
    let mut response = talk.router.oneshot(request).await?;
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
