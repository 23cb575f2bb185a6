//! A plain HTTP client for services under test, and what it expects of their refusals.

use reqwest::header::HeaderMap;
use serde_json::Value;

use crate::KitError;
use crate::ready::{http_client, install_tls_provider};

/// Sends requests to one service.
#[derive(Debug, Clone)]
pub struct Client {
    base: String,
    http: reqwest::Client,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Client {
    /// A client of the service at `base`, for example `http://127.0.0.1:8080`.
    ///
    /// # Errors
    /// [`KitError::Http`] if no client can be made.
    pub fn new(base: impl Into<String>) -> Result<Self, KitError> {
        Ok(Self { base: base.into(), http: http_client()? })
    }

    /// A client that shows a certificate (its chain and key in PEM), and believes whom these authorities (in PEM) certify.
    ///
    /// # Errors
    /// [`KitError::Http`] if no client can be made of them.
    pub fn certified(base: impl Into<String>, authorities: &str, shown: Option<&str>) -> Result<Self, KitError> {
        install_tls_provider();
        let failed = || KitError::http("make an HTTP client with a certificate");
        let believed = reqwest::Certificate::from_pem_bundle(authorities.as_bytes()).map_err(failed())?;
        let mut builder = reqwest::Client::builder().no_proxy().tls_certs_only(believed);
        if let Some(shown) = shown {
            builder = builder.identity(reqwest::Identity::from_pem(shown.as_bytes()).map_err(failed())?);
        }
        Ok(Self { base: base.into(), http: builder.build().map_err(failed())? })
    }

    /// Sends one request; a body goes as JSON.
    ///
    /// # Errors
    /// [`KitError::Http`] if there is no answer; [`KitError::Answer`] for a method that is none.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> Result<Answer, KitError> {
        let doing = format!("{method} {}{path}", self.base);
        let method =
            method.parse().map_err(|_| KitError::Answer { doing: doing.clone(), answer: "no method".into() })?;
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_owned());
        }
        let response = request.send().await.map_err(KitError::http(doing.clone()))?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await.map_err(KitError::http(doing))?.to_vec();
        Ok(Answer { status, headers, body })
    }
}

impl Answer {
    /// One header, empty where it is absent or no text.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; null where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The slug and the detail of a problem (RFC 9457); `None` where the answer is no problem of this status.
    pub fn problem(&self) -> Option<(String, String)> {
        let body = self.json();
        let is_problem = self.header("content-type") == "application/problem+json" && body["status"] == self.status;
        let slug = body["type"].as_str()?.rsplit('/').next()?.to_owned();
        is_problem.then(|| (slug, body["detail"].as_str().unwrap_or_default().to_owned()))
    }
}
