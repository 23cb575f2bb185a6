//! A TCP proxy that stands before a real server and spoils what passes, as a bad network or a sick server does.

mod http;
mod relay;

use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::KitError;

/// What happens to traffic from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fault {
    /// Nothing: bytes pass as they are.
    #[default]
    None,
    /// Every chunk of bytes waits this long, in each direction.
    Delay(Duration),
    /// Connections are closed, and new ones as soon as they are accepted.
    Cut,
    /// Connections stay open and nothing passes any more, in neither direction.
    HalfOpen,
    /// The server answers, but its status is replaced (HTTP/1.1 without TLS).
    Status(u16),
    /// The server's head passes, and this many bytes of the body; then the connection is closed (HTTP/1.1 without TLS).
    Truncate(usize),
}

/// A proxy on a free port of 127.0.0.1 in front of `host:port`.
///
/// TLS passes through, so delay, cut and half-open work in front of an API server too. A fault that cannot be put upon
/// a connection half way (cut, status, truncate) closes those that are open, and clients connect anew into it.
///
/// # Example
/// ```no_run
/// # async fn example() -> anyhow::Result<()> {
/// use test_kit::{ChaosProxy, Fault, Prometheus, PrometheusOptions};
///
/// let prometheus = Prometheus::start(PrometheusOptions::default()).await?;
/// let proxy = ChaosProxy::before(&prometheus.address()).await?;
/// proxy.set(Fault::Status(503)); // http://{proxy.address()} now answers 503
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct ChaosProxy {
    address: String,
    fault: watch::Sender<Fault>,
    accepting: JoinHandle<()>,
}

impl ChaosProxy {
    /// Starts a proxy that lets everything pass.
    ///
    /// # Errors
    /// [`KitError::Io`] if no port is free.
    pub async fn before(server: &str) -> Result<Self, KitError> {
        let listener =
            TcpListener::bind(("127.0.0.1", 0)).await.map_err(KitError::io("listen on a free port of 127.0.0.1"))?;
        let address = listener.local_addr().map_err(KitError::io("read the proxy's address"))?.to_string();
        let (fault, faults) = watch::channel(Fault::None);
        let server = server.to_owned();
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(connection(client, server.clone(), faults.clone()));
            }
        });
        Ok(Self { address, fault, accepting })
    }

    /// `127.0.0.1:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Applies a fault from now on, also to open connections.
    pub fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }
}

impl Drop for ChaosProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// One connection until either side ends it or a fault does. An end by an I/O error is an end.
async fn connection(mut client: TcpStream, server: String, mut faults: watch::Receiver<Fault>) -> std::io::Result<()> {
    let fault = *faults.borrow_and_update();
    if fault == Fault::Cut {
        return Ok(());
    }
    let mut upstream = TcpStream::connect(server).await?;
    match fault {
        Fault::Status(code) => http::with_status(&mut client, &mut upstream, code).await,
        Fault::Truncate(bytes) => http::truncated(&mut client, &mut upstream, bytes).await,
        Fault::None | Fault::Delay(_) | Fault::HalfOpen | Fault::Cut => {
            relay::both_ways(client, upstream, faults).await;
            Ok(())
        }
    }
}
