//! The sweeper: deletes sessions that are over and attempts that count no more, and wraps keys with the newest master
//! key.

use std::time::Duration;

use shop_kit::Identity;
use shop_kit::pause::pause;
use tokio_util::sync::CancellationToken;

use crate::attempts::Attempts;
use crate::error::VaultError;
use crate::session::Sessions;
use crate::vault::Vault;

/// Sweeps; replicas share the work.
#[derive(Debug, Clone)]
pub struct Sweeper {
    /// Sessions.
    pub sessions: Sessions,
    /// Attempts.
    pub attempts: Attempts,
    /// Keys.
    pub vault: Vault,
    /// Now.
    pub identity: Identity,
    /// Pause between two rounds.
    pub period: Duration,
}

impl Sweeper {
    /// Sweeps until the stop signal.
    pub async fn run(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(error) = self.round(&stop).await {
                tracing::warn!(error = &error as &dyn std::error::Error, "accounts are swept later");
            }
            pause(self.period, &stop).await;
        }
    }

    async fn round(&self, stop: &CancellationToken) -> Result<(), VaultError> {
        let now = self.identity.now();
        while !stop.is_cancelled() && self.sessions.delete_ended(now).await? > 0 {}
        self.attempts.delete_old(now).await?;
        let (mut wrapped, mut last) = (0, 1);
        while last > 0 && !stop.is_cancelled() {
            last = self.vault.rewrap().await?;
            wrapped += last;
        }
        if last == 0 && wrapped > 0 {
            rewrapped(wrapped);
        }
        Ok(())
    }
}

fn rewrapped(keys: usize) {
    tracing::info!(keys, "all keys are wrapped by the first master key: older ones can go");
}
