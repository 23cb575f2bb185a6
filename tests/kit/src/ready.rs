//! Waiting for a server, with a deadline, and noticing when it dies meanwhile.

use std::time::Duration;

use crate::KitError;
use crate::process::Process;

/// How often readiness is asked for.
const POLL: Duration = Duration::from_millis(50);

/// Polls `ready` until it says yes.
///
/// # Errors
/// [`KitError::Ended`] as soon as the process is gone, [`KitError::NotReady`] after `limit`; both carry its log's end.
pub async fn wait_for(process: &mut Process, limit: Duration, ready: impl AsyncFn() -> bool) -> Result<(), KitError> {
    let polling = async {
        loop {
            process.check()?;
            if ready().await {
                return Ok(());
            }
            tokio::time::sleep(POLL).await;
        }
    };
    match tokio::time::timeout(limit, polling).await {
        Ok(outcome) => outcome,
        Err(_) => Err(process.not_ready(limit.as_secs())),
    }
}

/// True if a GET of `url` is answered with success within two seconds.
pub(crate) async fn answers(client: &reqwest::Client, url: &str) -> bool {
    let request = client.get(url).timeout(Duration::from_secs(2)).send().await;
    request.is_ok_and(|response| response.status().is_success())
}

/// A client for plain HTTP on loopback; it needs a TLS provider to exist even so.
pub(crate) fn http_client() -> Result<reqwest::Client, KitError> {
    install_tls_provider();
    reqwest::Client::builder().no_proxy().build().map_err(KitError::http("make an HTTP client"))
}

/// Names the one TLS provider of the process; a second call, or the test's own, changes nothing.
pub(crate) fn install_tls_provider() {
    // An error only says that a provider is installed already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}
