//! The pause between two rounds of background work, cut short by the stop signal.

use std::time::Duration;

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Waits for `period`, or until the stop signal.
pub async fn pause(period: Duration, stop: &CancellationToken) {
    // Either end of the wait is a good one.
    let _ = timeout(period, stop.cancelled()).await;
}
