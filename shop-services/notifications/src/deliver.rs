//! The worker: claims messages that are due, hands them over, and writes down how each attempt ended.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use shop_kit::Database;
use shop_kit::pause::pause;
use shop_metrics::Notifications;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::config::Pace;
use crate::message::{Claimed, claim};
use crate::settle::settle;
use crate::transport::Transport;

/// Pause between two looks for messages that are due; a new one of this process is looked for at once.
const PERIOD: Duration = Duration::from_millis(200);

/// Delivers messages.
#[derive(Debug, Clone)]
pub struct Deliverer {
    /// Where messages are.
    pub db: Database,
    /// Where they go.
    pub transport: Transport,
    /// Attempts.
    pub metrics: Notifications,
    /// How often and how fast.
    pub pace: Pace,
    /// How long a claimed message is left to whoever claimed it.
    pub lease: Duration,
    /// Says that there may be something to do.
    pub wake: Arc<Notify>,
}

impl Deliverer {
    /// Delivers until the stop signal; what is being handed over is finished. Replicas share the work.
    pub async fn run(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let claimed = claim(&self.db, self.pace.delivery_concurrency, self.lease).await.unwrap_or_else(|error| {
                tracing::warn!(error = &error as &dyn std::error::Error, "messages wait");
                Vec::new()
            });
            if claimed.is_empty() {
                tokio::select! { () = pause(PERIOD, &stop) => {}, () = self.wake.notified() => {} }
            } else {
                join_all(claimed.iter().map(|message| self.deliver(message))).await;
            }
        }
    }

    async fn deliver(&self, claimed: &Claimed) {
        let ended = self.transport.deliver(claimed).await;
        let outcome = ended.0.name();
        match settle(&self.db, claimed, ended, &self.pace).await {
            Ok(()) => self.metrics.attempted(outcome),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, notification = %claimed.id, "how an attempt ended cannot be written down");
            }
        }
    }
}
