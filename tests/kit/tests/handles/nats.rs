//! NATS: JetStream is on, and what it acknowledged survives a kill.

use std::time::Duration;

use anyhow::Context as _;
use test_kit::Nats;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// One request over the wire protocol and what came back, so that the kit needs no client library.
async fn request(nats: &Nats, subject: &str, body: &str) -> anyhow::Result<String> {
    let address = nats.url().strip_prefix("nats://").context("a NATS URL")?.to_owned();
    let mut server = TcpStream::connect(address).await?;
    let words = format!("CONNECT {{\"verbose\":false}}\r\nSUB r 1\r\nPUB {subject} r {}\r\n{body}\r\n", body.len());
    server.write_all(words.as_bytes()).await?;
    let mut said = String::new();
    let mut part = [0; 4096];
    let answered = async {
        while !(said.contains("MSG r") && said.ends_with("}\r\n")) {
            let length = server.read(&mut part).await?;
            anyhow::ensure!(length > 0, "the server hung up after {said}");
            said.push_str(&String::from_utf8_lossy(&part[..length]));
        }
        Ok(said)
    };
    timeout(Duration::from_secs(20), answered).await?
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() -> anyhow::Result<()> {
    let nats = Nats::start().await?;
    let stream = r#"{"name":"ORDERS","subjects":["orders.>"],"storage":"file"}"#;
    let created = request(&nats, "$JS.API.STREAM.CREATE.ORDERS", stream).await?;
    assert!(created.contains("stream_create_response") && !created.contains("\"error\""), "{created}");
    let stored = request(&nats, "orders.created", r#"{"lamp":1}"#).await?;
    assert!(stored.contains("\"seq\":1"), "{stored}");
    nats.kill().await?;
    assert!(request(&nats, "orders.created", "{}").await.is_err(), "a killed server answers");
    nats.revive().await?;
    let kept = request(&nats, "$JS.API.STREAM.INFO.ORDERS", "").await?;
    assert!(kept.contains("\"messages\":1"), "{kept}");
    Ok(())
}
