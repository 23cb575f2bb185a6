//! One visitor's connection: opened at the first call, kept while the server lets it, and honest about what failed.

use std::net::{Ipv4Addr, SocketAddr};

use http::header::{ACCEPT_ENCODING, CONNECTION, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, timeout_at};

/// What became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Answered below 400, with its whole body.
    Ok,
    /// Answered 4xx, but for 429.
    #[serde(rename = "status_4xx")]
    Status4xx,
    /// Answered 429: asked too often.
    Limited,
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
    pub const FAILURES: [Self; 8] = [
        Self::Status4xx,
        Self::Limited,
        Self::Shed,
        Self::Status5xx,
        Self::Connect,
        Self::Timeout,
        Self::Broken,
        Self::OutOfFiles,
    ];

    /// Name in records and metrics.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Status4xx => "status_4xx",
            Self::Limited => "limited",
            Self::Shed => "shed",
            Self::Status5xx => "status_5xx",
            Self::Connect => "connect",
            Self::Timeout => "timeout",
            Self::Broken => "broken",
            Self::OutOfFiles => "out_of_files",
        }
    }

    /// What a status means for a request that should have been answered well.
    pub const fn of_status(status: u16) -> Self {
        match status {
            0..400 => Self::Ok,
            429 => Self::Limited,
            503 => Self::Shed,
            500.. => Self::Status5xx,
            _ => Self::Status4xx,
        }
    }
}

/// A request.
#[derive(Debug, Clone)]
pub struct Message {
    /// Its method.
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// Beside `Host`.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Empty where there is none.
    pub body: Bytes,
    /// Whether the answer's body is of interest; else it is read, compressed where the server likes, and dropped.
    pub keeps_body: bool,
}

impl Message {
    /// A GET whose answer's body nobody needs.
    pub fn get(path: &str) -> Self {
        let (path, headers) = (path.to_owned(), Vec::new());
        Self { method: Method::GET, path, headers, body: Bytes::new(), keeps_body: false }
    }
}

/// What was answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// The whole body, where the message keeps it.
    pub body: Bytes,
}

/// The connection of one session to one target.
#[derive(Debug)]
pub struct Connection {
    address: SocketAddr,
    from: Option<Ipv4Addr>,
    open: Option<SendRequest<Full<Bytes>>>,
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
        Self { address, from: None, open: None }
    }

    /// Not opened yet; the other end will see it come from this address of 127.0.0.0/8, as if from a machine of its own.
    pub fn from(address: SocketAddr, from: Ipv4Addr) -> Self {
        Self { from: Some(from), ..Self::new(address) }
    }

    /// Asks for `path` and reads the whole answer.
    pub async fn get(&mut self, path: &str, deadline: Instant) -> Outcome {
        let answered = self.send(&Message::get(path), deadline).await;
        answered.map_or_else(|failed| failed, |answer| Outcome::of_status(answer.status))
    }

    /// Sends a request and reads the whole answer.
    ///
    /// A kept connection that the server closed meanwhile is replaced by a new one and the request sent again, as
    /// browsers do with safe methods; every unsafe request of the shop can be repeated, too.
    ///
    /// **Source**: RFC 9110 §9.2.2, RFC 9112 §9.3.1.
    ///
    /// # Errors
    /// What became of it where there is no whole answer.
    pub async fn send(&mut self, message: &Message, deadline: Instant) -> Result<Answer, Outcome> {
        let answered = timeout_at(deadline, async {
            match self.attempt(message).await {
                Err(Broke::WhileIdle) => {
                    self.open = None;
                    self.attempt(message).await
                }
                other => other,
            }
        });
        match answered.await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(broke)) => {
                self.open = None;
                match broke {
                    Broke::WhileIdle => Err(Outcome::Broken),
                    Broke::For(outcome) => Err(outcome),
                }
            }
            Err(_) => {
                self.open = None;
                Err(Outcome::Timeout)
            }
        }
    }

    async fn attempt(&mut self, message: &Message) -> Result<Answer, Broke> {
        let kept = self.open.take().filter(|sender| !sender.is_closed());
        let fresh = kept.is_none();
        let mut sender = match kept {
            Some(sender) => sender,
            None => connect(self.address, self.from).await.map_err(Broke::For)?,
        };
        let broken = |_| if fresh { Broke::For(Outcome::Broken) } else { Broke::WhileIdle };
        sender.ready().await.map_err(broken)?;
        let mut request =
            Request::builder().method(message.method.clone()).uri(&message.path).header(HOST, self.address.to_string());
        if !message.keeps_body {
            request = request.header(ACCEPT_ENCODING, "gzip");
        }
        for (name, value) in &message.headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(message.body.clone())).map_err(|_| Broke::For(Outcome::Broken))?;
        let response = sender.send_request(request).await.map_err(broken)?;
        let (head, mut body) = response.into_parts();
        let mut kept = Vec::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| Broke::For(Outcome::Broken))?;
            if let Some(data) = frame.data_ref().filter(|_| message.keeps_body) {
                kept.extend_from_slice(data);
            }
        }
        if !closes(&head.headers) {
            self.open = Some(sender);
        }
        Ok(Answer { status: head.status.as_u16(), headers: head.headers, body: kept.into() })
    }
}

fn closes(headers: &HeaderMap) -> bool {
    headers.get(CONNECTION).is_some_and(|v| v.as_bytes().eq_ignore_ascii_case(b"close"))
}

/// Linux's number for "too many open files" of a process.
const EMFILE: i32 = 24;

async fn connect(address: SocketAddr, from: Option<Ipv4Addr>) -> Result<SendRequest<Full<Bytes>>, Outcome> {
    let stream = match from {
        None => TcpStream::connect(address).await,
        Some(from) => connect_from(address, from).await,
    };
    let stream = stream.map_err(|e| match e.raw_os_error() {
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

async fn connect_from(address: SocketAddr, from: Ipv4Addr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((from, 0).into())?;
    socket.connect(address).await
}
