//! The client that the adapter needs: refusals come back at once, since the next round is the retry.

use std::time::Duration;

use kube::{Client, Config};

use crate::Error;

/// A client of the API server at `config`.
///
/// kube's built-in retries are switched off: they would hold an eviction that a disruption budget refuses (429) for
/// minutes, and a Lease renewal past its deadline.
///
/// # Errors
/// [`Error::Api`] if the configuration makes no client (a certificate that cannot be read).
pub fn connect(mut config: Config) -> Result<Client, Error> {
    config.default_retry = false;
    config.connect_timeout = Some(Duration::from_secs(5));
    let server = config.cluster_url.to_string();
    Client::try_from(config).map_err(|source| Error::api("connect to", server, source))
}
