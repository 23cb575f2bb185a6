//! Where a request ends: what could end in two places is refused, or reaches the service with one end only.
//!
//! **Source**: RFC 9112 §6.3 and §11.2 (request smuggling).

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::running::Files;

const ROUTES: &str = r#"
    [[route]]
    path = "/v1/things"
    methods = ["GET", "POST"]
    service = "things"
    audience = "public"
    [[route]]
    path = "/v1/secret"
    service = "things"
    audience = "internal"
"#;
/// What an attacker would have the service see as a request of its own.
const SMUGGLED: &str = "POST /v1/secret HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n";
/// Longest wait for more of what nobody sends.
const QUIET: Duration = Duration::from_millis(300);

/// A service that writes down every byte it is sent, and answers each connection once.
struct Recorder {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl Recorder {
    async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (address, heard) = (listener.local_addr()?, Arc::<Mutex<Vec<u8>>>::default());
        let all = Arc::clone(&heard);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let all = Arc::clone(&all);
                tokio::spawn(async move {
                    let mut part = [0; 4_096];
                    // All that comes without an answer, then the answer: what comes still later would be heard as well.
                    while let Ok(Ok(length @ 1..)) = timeout(QUIET, stream.read(&mut part)).await {
                        all.lock().unwrap().extend_from_slice(&part[..length]);
                    }
                    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
                    stream.write_all(answer).await.unwrap_or_default();
                });
            }
        });
        Ok(Self { address, heard })
    }

    /// What was heard since the last time.
    fn heard(&self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut *self.heard.lock().unwrap())).into_owned()
    }
}

/// The statuses that these bytes are answered with on one connection.
async fn statuses(gateway: SocketAddr, sent: &str) -> anyhow::Result<Vec<u16>> {
    let mut stream = TcpStream::connect(gateway).await?;
    stream.write_all(sent.as_bytes()).await?;
    let mut said = Vec::new();
    // A connection that stays open has said what it has to say; one that the gateway cuts has ended as well.
    while let Ok(Ok(1..)) = timeout(QUIET * 6, stream.read_buf(&mut said)).await {}
    let said = String::from_utf8_lossy(&said).into_owned();
    Ok(said.split("HTTP/1.1 ").skip(1).filter_map(|answer| answer.get(..3)?.parse().ok()).collect())
}

/// A request with these lines of framing and this body.
fn post(framing: &str, body: &str) -> String {
    format!("POST /v1/things HTTP/1.1\r\nhost: shop\r\n{framing}\r\n\r\n{body}")
}

#[tokio::test]
async fn what_could_end_in_two_places_is_refused() -> anyhow::Result<()> {
    let recorder = Recorder::start().await?;
    let files = Files::new(ROUTES, &[("things", &[recorder.address])]);
    let gateway = files.gateway(&[]).await;
    let chunked = format!("0\r\n\r\n{SMUGGLED}");
    for framing in [
        "content-length: 5\r\ncontent-length: 6",
        "content-length: 5, 6",
        "content-length: 5, 5",
        "content-length: +5",
        "content-length: -1",
        "content-length: 0x5",
        "content-length: 99999999999999999999",
        "content-length : 5",
        "content-length\t: 5",
        " content-length: 5",
        "content-length: 5\r\n\t",
        "x: a\r\n content-length: 5",
        "transfer-encoding: gzip",
        "transfer-encoding: chunked, gzip",
        "transfer-encoding: xchunked",
        "transfer-encoding: chunked\0",
        "transfer-encoding: \x0bchunked",
        "transfer-encoding : chunked",
        "transfer-encoding: chunked\r\ntransfer-encoding: identity",
        "x: y\rtransfer-encoding: chunked",
        "x: a\0b",
    ] {
        let answered = statuses(gateway.public, &post(framing, &chunked)).await?;
        assert_eq!(answered, [400], "{framing:?}");
        assert_eq!(recorder.heard(), "", "{framing:?}");
    }
    let old = post("transfer-encoding: chunked", &chunked).replace("HTTP/1.1\r\nhost: shop", "HTTP/1.0\r\nhost: shop");
    let answered = statuses(gateway.public, &old).await?;
    assert!(!recorder.heard().contains("secret") && answered.iter().all(|status| *status == 400), "{answered:?}");
    Ok(())
}

#[tokio::test]
async fn what_ends_in_one_place_reaches_the_service_with_one_end_and_alone() -> anyhow::Result<()> {
    let recorder = Recorder::start().await?;
    let files = Files::new(ROUTES, &[("things", &[recorder.address])]);
    let gateway = files.gateway(&[]).await;
    let chunked = format!("5\r\nhello\r\n0\r\n\r\n{SMUGGLED}");
    let counted = format!("hello{SMUGGLED}");
    // What follows on the connection is the client's next request, and goes through the same door: there is no such route.
    let cases = [
        ("content-length: 4\r\ntransfer-encoding: chunked", &chunked),
        ("transfer-encoding: chunked\r\ncontent-length: 4", &chunked),
        ("transfer-encoding: chunked\r\ncontent-length: 400", &chunked),
        ("Transfer-Encoding: Chunked", &chunked),
        ("transfer-encoding: identity, chunked", &chunked),
        ("content-length: 5\r\ncontent-length: 5", &counted),
        ("content-length: 5", &counted),
        ("content-length: 05", &counted),
    ];
    for (framing, body) in cases {
        let answered = statuses(gateway.public, &post(framing, body)).await?;
        assert!(answered == [200, 404] || answered == [200] || answered == [400], "{framing:?}: {answered:?}");
        let heard = recorder.heard();
        if answered == [400] {
            assert_eq!(heard, "", "{framing:?}");
            continue;
        }
        one_request_with_one_end(&heard, framing);
        assert!(heard.contains("hello"), "{heard}");
    }
    // Lines that end in a bare LF are lines, and go on as they should have come.
    let bare = "POST /v1/things HTTP/1.1\nhost: shop\ncontent-length: 5\n\nhello";
    assert_eq!(statuses(gateway.public, bare).await?, [200]);
    one_request_with_one_end(&recorder.heard(), "bare LF");
    Ok(())
}

#[tokio::test]
async fn a_chunk_that_is_none_ends_the_request_and_the_connection() -> anyhow::Result<()> {
    let recorder = Recorder::start().await?;
    let files = Files::new(ROUTES, &[("things", &[recorder.address])]);
    let gateway = files.gateway(&[]).await;
    for body in [
        format!("5\nhello\n0\n\n{SMUGGLED}"),
        format!("0x5\r\nhello\r\n0\r\n\r\n{SMUGGLED}"),
        format!("-1\r\n{SMUGGLED}"),
        format!("ffffffffffffffff1\r\n{SMUGGLED}"),
        format!("5;x\nx\r\nhello\r\n0\r\n\r\n{SMUGGLED}"),
        format!("5\r\nhelloXX0\r\n\r\n{SMUGGLED}"),
    ] {
        let answered = statuses(gateway.public, &post("transfer-encoding: chunked", &body)).await?;
        assert!(
            answered.len() <= 1 && answered.iter().all(|status| (400..500).contains(status)),
            "{body:?}: {answered:?}"
        );
        let heard = recorder.heard();
        assert!(!heard.contains("secret") && !heard.ends_with("0\r\n\r\n"), "{body:?} became {heard}");
    }
    Ok(())
}

/// The service heard one head, one framing in it, lines that end in CRLF, and nothing of what was smuggled.
fn one_request_with_one_end(heard: &str, sent: &str) {
    let lower = heard.to_lowercase();
    let framings = lower.matches("content-length:").count() + lower.matches("transfer-encoding:").count();
    assert_eq!((heard.matches(" HTTP/1.1\r\n").count(), framings), (1, 1), "{sent:?} became {heard}");
    assert!(!heard.contains("secret"), "{sent:?} became {heard}");
    let (lines, _) = heard.split_once("\r\n\r\n").expect("a head");
    assert!(lines.split("\r\n").all(|line| !line.contains(['\r', '\n'])), "{sent:?} became {lines:?}");
}
