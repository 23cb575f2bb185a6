//! Faults that need to know where an HTTP/1.1 message's head ends; each connection carries one exchange and is closed.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The server's answer with another status.
pub(super) async fn with_status(client: &mut TcpStream, upstream: &mut TcpStream, code: u16) -> std::io::Result<()> {
    let (head, body) = exchange(client, upstream).await?;
    let head = String::from_utf8_lossy(&head).into_owned();
    let headers = head.split_once("\r\n").map_or("", |(_, headers)| headers);
    client.write_all(format!("HTTP/1.1 {code} Replaced\r\n{headers}").as_bytes()).await?;
    client.write_all(&body).await?;
    tokio::io::copy(upstream, client).await?;
    client.shutdown().await
}

/// The server's answer, cut off within its body.
pub(super) async fn truncated(client: &mut TcpStream, upstream: &mut TcpStream, bytes: usize) -> std::io::Result<()> {
    let (head, body) = exchange(client, upstream).await?;
    client.write_all(&head).await?;
    let already = body.len().min(bytes);
    client.write_all(&body[..already]).await?;
    let rest = u64::try_from(bytes - already).unwrap_or(u64::MAX);
    tokio::io::copy(&mut upstream.take(rest), client).await?;
    client.shutdown().await
}

/// Sends the request on with `Connection: close` and reads the response's head, and what came with it of the body.
async fn exchange(client: &mut TcpStream, upstream: &mut TcpStream) -> std::io::Result<(Vec<u8>, Vec<u8>)> {
    let (request, started) = head(client).await?;
    let text = String::from_utf8_lossy(&request).into_owned();
    let kept = text.trim_end().split("\r\n").filter(|line| !line.to_ascii_lowercase().starts_with("connection:"));
    let sent = kept.chain(["Connection: close", "", ""]).collect::<Vec<_>>().join("\r\n");
    upstream.write_all(sent.as_bytes()).await?;
    upstream.write_all(&started).await?;
    let missing = content_length(&text).saturating_sub(started.len() as u64);
    tokio::io::copy(&mut client.take(missing), upstream).await?;
    head(upstream).await
}

/// A message's head with its empty line, and the bytes after it that were read along.
async fn head(stream: &mut TcpStream) -> std::io::Result<(Vec<u8>, Vec<u8>)> {
    let mut read = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        if let Some(end) = read.windows(4).position(|window| window == b"\r\n\r\n") {
            let rest = read.split_off(end + 4);
            return Ok((read, rest));
        }
        let count = stream.read(&mut buffer).await?;
        if count == 0 || read.len() > 64 * 1024 {
            return Err(std::io::ErrorKind::InvalidData.into());
        }
        read.extend_from_slice(&buffer[..count]);
    }
}

fn content_length(head: &str) -> u64 {
    let lines = head.split("\r\n").filter_map(|line| line.split_once(':'));
    let mut lengths = lines.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    lengths.next().and_then(|(_, length)| length.trim().parse().ok()).unwrap_or(0)
}
