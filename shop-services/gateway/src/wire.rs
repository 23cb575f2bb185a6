//! Connections to one service: in the clear, or encrypted with what is shown between services at the moment.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::BoxError;
use http::Uri;
use http::uri::Scheme;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use shop_kit::mutual::Credentials;
use tokio::net::TcpStream;
use tower::Service;

use crate::body::RequestBody;

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(1);
/// How long an unused connection is kept: less than services keep theirs.
const IDLE: Duration = Duration::from_secs(45);

/// Opens connections, and keeps them for the next request.
#[derive(Debug)]
pub struct Wire {
    /// Sends requests.
    pub http: Client<Connector, RequestBody>,
    /// How their URIs begin.
    pub scheme: Scheme,
}

/// Connects to one service.
#[derive(Debug, Clone)]
pub struct Connector {
    tcp: HttpConnector,
    encrypted: Option<(Credentials, String)>,
}

impl Wire {
    /// Has no connection yet. With credentials, whoever answers must show that it is `service`.
    pub fn to(service: &str, credentials: Option<Credentials>) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.set_connect_timeout(Some(CONNECT));
        tcp.set_nodelay(true);
        tcp.enforce_http(false);
        let scheme = if credentials.is_some() { Scheme::HTTPS } else { Scheme::HTTP };
        let connector = Connector { tcp, encrypted: credentials.map(|shown| (shown, service.to_owned())) };
        let http = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(connector);
        Self { http, scheme }
    }
}

type Connecting = Pin<Box<dyn Future<Output = Result<MaybeHttpsStream<TokioIo<TcpStream>>, BoxError>> + Send>>;

impl Service<Uri> for Connector {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = BoxError;
    type Future = Connecting;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.tcp.poll_ready(cx).map_err(Into::into)
    }

    /// Certificates may have changed since the last connection; those that are open go on as they are.
    fn call(&mut self, uri: Uri) -> Connecting {
        let Some((credentials, service)) = &self.encrypted else {
            let connecting = self.tcp.call(uri);
            return Box::pin(async move { Ok(MaybeHttpsStream::Http(connecting.await?)) });
        };
        match credentials.toward(service) {
            Ok(shown) => HttpsConnector::from((self.tcp.clone(), shown)).call(uri),
            Err(error) => Box::pin(std::future::ready(Err(error.into()))),
        }
    }
}
