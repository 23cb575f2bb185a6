//! How commands ask the running operator: through the API server's proxy to its Service, so no port has to be opened.

use anyhow::{Context, bail};
use kube::Client;
use kube::client::Body;
use serde::de::DeserializeOwned;

/// Longest answer read, bytes.
const MOST: usize = 16 << 20;

/// Where the operator is.
#[derive(clap::Args, Debug, Clone)]
pub(crate) struct OperatorAddress {
    /// Namespace of the operator
    #[arg(long, env = "PRESALE_OPERATOR_NAMESPACE", default_value = "presale-system", value_name = "NAME")]
    pub(crate) operator_namespace: String,
    /// Name of the operator's Service
    #[arg(long, env = "PRESALE_OPERATOR_SERVICE", default_value = "presale", value_name = "NAME")]
    pub(crate) operator_service: String,
}

impl OperatorAddress {
    /// Asks for `path` (`/top`, …) and decodes the answer.
    ///
    /// # Errors
    /// When no operator answers, or it has no answer; both say what to do.
    pub(crate) async fn get<T: DeserializeOwned>(&self, client: &Client, path: &str) -> anyhow::Result<T> {
        let Self { operator_namespace: namespace, operator_service: service } = self;
        let uri = format!("/api/v1/namespaces/{namespace}/services/{service}:http/proxy{path}");
        let request = http::Request::get(&uri).body(Body::empty()).context("request to the operator")?;
        let response = client.send(request).await.context("no answer from the API server")?;
        let status = response.status();
        let body = http_body_util::Limited::new(response.into_body(), MOST);
        let bytes = http_body_util::BodyExt::collect(body)
            .await
            .map_err(|error| anyhow::anyhow!("the operator's answer to {path} broke off: {error}"))?
            .to_bytes();
        if status.is_success() {
            return serde_json::from_slice(&bytes)
                .with_context(|| format!("the operator's answer to {path} is of another version of presale"));
        }
        bail!("{}", self.reason(status, &bytes))
    }

    fn reason(&self, status: http::StatusCode, body: &[u8]) -> String {
        let said: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
        if let Some(detail) = said.get("detail").and_then(serde_json::Value::as_str) {
            return detail.to_owned();
        }
        let message = said.get("message").and_then(serde_json::Value::as_str).unwrap_or_default();
        let Self { operator_namespace, operator_service } = self;
        format!(
            "no operator answers at Service {operator_namespace}/{operator_service} ({status} {message}): \
             see `presale doctor`, or name it by --operator-namespace and --operator-service"
        )
    }
}
