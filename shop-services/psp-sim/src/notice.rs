//! Notices to the merchant: signed, in as many copies as programmed, repeated until they are taken.

use std::fmt::Write as _;
use std::time::Duration;

use aws_lc_rs::hmac;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use jiff::Timestamp;
use shop_contracts::psp::{PspNotice, SIGNATURE_HEADER};
use tokio::time::{sleep, timeout};

/// Attempts to deliver one copy.
const ATTEMPTS: u32 = 8;
/// Pause between them, and longest wait for an answer.
const PAUSE: Duration = Duration::from_millis(500);

/// Sends notices to one address.
#[derive(Debug, Clone)]
pub struct Notifier {
    client: Client<HttpConnector, Full<axum::body::Bytes>>,
    url: http::Uri,
    key: hmac::Key,
    clock: fn() -> Timestamp,
}

impl Notifier {
    /// Signs with `secret` and the time of `clock`.
    pub fn new(url: http::Uri, secret: &str, clock: fn() -> Timestamp) -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { client, url, key: hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), clock }
    }

    /// Delivers one copy, or gives up after some attempts.
    pub async fn deliver(&self, notice: &PspNotice) {
        let Ok(body) = serde_json::to_vec(notice) else { return };
        for _ in 0..ATTEMPTS {
            if matches!(timeout(PAUSE * 4, self.send(&body)).await, Ok(true)) {
                return;
            }
            sleep(PAUSE).await;
        }
        tracing::warn!(id = notice.id, "a notice was not taken");
    }

    async fn send(&self, body: &[u8]) -> bool {
        let request = http::Request::post(self.url.clone())
            .header("content-type", "application/json")
            .header(SIGNATURE_HEADER, self.signature((self.clock)().as_second(), body))
            .body(Full::from(body.to_vec()));
        let Ok(request) = request else { return false };
        self.client.request(request).await.is_ok_and(|response| response.status().is_success())
    }

    /// The header of a body sent at `second`.
    fn signature(&self, second: i64, body: &[u8]) -> String {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(second.to_string().as_bytes());
        context.update(b".");
        context.update(body);
        let mut header = format!("t={second},v1=");
        for byte in context.sign().as_ref() {
            // Writing to a string does not fail.
            let _ = write!(header, "{byte:02x}");
        }
        header
    }
}
