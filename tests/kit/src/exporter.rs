//! A scrape target whose exposition text the test writes, for a real Prometheus to read.

use std::sync::{Arc, RwLock};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::KitError;

/// Serves one text on every path of a free port of 127.0.0.1, in the Prometheus text format 0.0.4.
///
/// **Source**: <https://prometheus.io/docs/instrumenting/exposition_formats/>.
///
/// # Example
/// ```no_run
/// # async fn example() -> Result<(), test_kit::KitError> {
/// let exporter = test_kit::Exporter::start("shop_requests_total{code=\"200\"} 17\n").await?;
/// exporter.set("shop_requests_total{code=\"200\"} 42\n");
/// println!("scrape {}", exporter.address());
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Exporter {
    text: Arc<RwLock<String>>,
    address: String,
    serving: JoinHandle<()>,
}

impl Exporter {
    /// Starts serving `text`.
    ///
    /// # Errors
    /// [`KitError::Io`] if no port is free.
    pub async fn start(text: &str) -> Result<Self, KitError> {
        let listener =
            TcpListener::bind(("127.0.0.1", 0)).await.map_err(KitError::io("listen on a free port of 127.0.0.1"))?;
        let address = listener.local_addr().map_err(KitError::io("read the exporter's address"))?.to_string();
        let text = Arc::new(RwLock::new(text.to_owned()));
        let shared = Arc::clone(&text);
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, Arc::clone(&shared)));
            }
        });
        Ok(Self { text, address, serving })
    }

    /// Replaces the text from the next scrape on.
    pub fn set(&self, text: &str) {
        text.clone_into(&mut self.text.write().unwrap_or_else(std::sync::PoisonError::into_inner));
    }

    /// `127.0.0.1:port`, as a scrape configuration wants it.
    pub fn address(&self) -> &str {
        &self.address
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// One request, one answer: whatever is asked, the text is the answer.
async fn answer(mut stream: TcpStream, text: Arc<RwLock<String>>) -> std::io::Result<()> {
    let mut head = Vec::new();
    let mut buffer = [0; 1024];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            read => head.extend_from_slice(&buffer[..read]),
        }
    }
    let body = text.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.shutdown().await
}
