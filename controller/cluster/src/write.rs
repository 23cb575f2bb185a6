//! The one gate through which everything is written: it asks the lease first and never waits past it.

use std::future::Future;
use std::time::Duration;

use kube::Client;
use tokio::time::{Instant, timeout_at};

use crate::{Error, Leadership};

/// Field manager of everything we own, replicas excepted.
pub const MANAGER: &str = "presale";
/// Field manager of replicas, through `/scale` alone.
pub const SCALER: &str = "presale-scaler";

/// How long one request may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Writes while this process leads.
#[derive(Clone)]
pub struct Writer {
    client: Client,
    leadership: Leadership,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("leadership", &self.leadership).finish_non_exhaustive()
    }
}

impl Writer {
    /// Writes through `client` for as long as `leadership` lasts.
    pub fn new(client: Client, leadership: Leadership) -> Self {
        Self { client, leadership }
    }

    /// The client, for reads.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Sends one request, unless this process does not lead; drops it at the lease's deadline.
    pub(crate) async fn send<T>(
        &self,
        operation: &'static str,
        object: &str,
        request: impl Future<Output = kube::Result<T>>,
    ) -> Result<T, Error> {
        let Some(until) = self.leadership.until() else {
            return Err(Error::NotLeader { operation, object: object.to_owned() });
        };
        finish(operation, object, until.min(Instant::now() + PATIENCE), request).await
    }
}

/// Waits for one read, within [`PATIENCE`].
pub(crate) async fn read<T>(
    operation: &'static str,
    object: &str,
    request: impl Future<Output = kube::Result<T>>,
) -> Result<T, Error> {
    finish(operation, object, Instant::now() + PATIENCE, request).await
}

async fn finish<T>(
    operation: &'static str,
    object: &str,
    deadline: Instant,
    request: impl Future<Output = kube::Result<T>>,
) -> Result<T, Error> {
    let started = Instant::now();
    match timeout_at(deadline, request).await {
        Ok(answer) => answer.map_err(|source| Error::api(operation, object, source)),
        Err(_elapsed) => {
            Err(Error::Deadline { operation, object: object.to_owned(), seconds: started.elapsed().as_secs() })
        }
    }
}
