//! One visitor's connection: opened at the first call, kept while the server lets it, and honest about what failed.

use std::net::SocketAddr;

use http::header::{ACCEPT_ENCODING, CONNECTION, HOST};
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

/// What became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Answered below 400, with its whole body.
    Ok,
    /// Answered 4xx.
    #[serde(rename = "status_4xx")]
    Status4xx,
    /// Answered 503: turned away.
    Shed,
    /// Answered another 5xx.
    #[serde(rename = "status_5xx")]
    Status5xx,
    /// No connection.
    Connect,
    /// No whole answer in time.
    Timeout,
    /// The connection broke under a request.
    Broken,
    /// This process has no file descriptor left: the fault is not the target's.
    OutOfFiles,
}

impl Outcome {
    /// Every outcome but `Ok`.
    pub const FAILURES: [Self; 7] =
        [Self::Status4xx, Self::Shed, Self::Status5xx, Self::Connect, Self::Timeout, Self::Broken, Self::OutOfFiles];

    /// Name in records and metrics.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Status4xx => "status_4xx",
            Self::Shed => "shed",
            Self::Status5xx => "status_5xx",
            Self::Connect => "connect",
            Self::Timeout => "timeout",
            Self::Broken => "broken",
            Self::OutOfFiles => "out_of_files",
        }
    }

    const fn of_status(status: u16) -> Self {
        match status {
            0..400 => Self::Ok,
            503 => Self::Shed,
            500.. => Self::Status5xx,
            _ => Self::Status4xx,
        }
    }
}

/// The connection of one session to one target.
#[derive(Debug)]
pub struct Connection {
    address: SocketAddr,
    open: Option<SendRequest<Empty<Bytes>>>,
}

enum Broke {
    /// Before any byte of an answer, on a connection that had been used before.
    WhileIdle,
    /// Otherwise.
    For(Outcome),
}

impl Connection {
    /// Not opened yet.
    pub fn new(address: SocketAddr) -> Self {
        Self { address, open: None }
    }

    /// Asks for `path` and reads the whole answer.
    ///
    /// A kept connection that the server closed meanwhile is replaced by a new one and the request sent again, as
    /// browsers do with safe methods.
    ///
    /// **Source**: RFC 9110 §9.2.2, RFC 9112 §9.3.1.
    pub async fn get(&mut self, path: &str, deadline: Instant) -> Outcome {
        let answered = timeout_at(deadline, async {
            match self.attempt(path).await {
                Err(Broke::WhileIdle) => {
                    self.open = None;
                    self.attempt(path).await
                }
                other => other,
            }
        });
        match answered.await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(broke)) => {
                self.open = None;
                match broke {
                    Broke::WhileIdle => Outcome::Broken,
                    Broke::For(outcome) => outcome,
                }
            }
            Err(_) => {
                self.open = None;
                Outcome::Timeout
            }
        }
    }

    async fn attempt(&mut self, path: &str) -> Result<Outcome, Broke> {
        let kept = self.open.take().filter(|sender| !sender.is_closed());
        let fresh = kept.is_none();
        let mut sender = match kept {
            Some(sender) => sender,
            None => connect(self.address).await.map_err(Broke::For)?,
        };
        let broken = |_| if fresh { Broke::For(Outcome::Broken) } else { Broke::WhileIdle };
        sender.ready().await.map_err(broken)?;
        let request = Request::get(path)
            .header(HOST, self.address.to_string())
            .header(ACCEPT_ENCODING, "gzip")
            .body(Empty::new())
            .map_err(|_| Broke::For(Outcome::Broken))?;
        let response = sender.send_request(request).await.map_err(broken)?;
        let (head, mut body) = response.into_parts();
        while let Some(frame) = body.frame().await {
            frame.map_err(|_| Broke::For(Outcome::Broken))?;
        }
        if !closes(&head.headers) {
            self.open = Some(sender);
        }
        Ok(Outcome::of_status(head.status.as_u16()))
    }
}

fn closes(headers: &HeaderMap) -> bool {
    headers.get(CONNECTION).is_some_and(|v| v.as_bytes().eq_ignore_ascii_case(b"close"))
}

/// Linux's number for "too many open files" of a process.
const EMFILE: i32 = 24;

async fn connect(address: SocketAddr) -> Result<SendRequest<Empty<Bytes>>, Outcome> {
    let stream = TcpStream::connect(address).await.map_err(|e| match e.raw_os_error() {
        Some(EMFILE) => Outcome::OutOfFiles,
        _ => Outcome::Connect,
    })?;
    // Only costs latency where it fails.
    let _ = stream.set_nodelay(true);
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|_| Outcome::Connect)?;
    tokio::spawn(async move {
        // Its end shows at the next request.
        let _ = connection.await;
    });
    Ok(sender)
}
