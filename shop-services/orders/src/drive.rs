//! The workers: claim orders that are due, try their steps, and write down how each ended before the next.

use std::sync::Arc;
use std::time::Duration;

use shop_kit::pause::pause;
use shop_kit::{Database, DatabaseError, Problem};
use shop_metrics::Orders;
use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::kill::{KillPoint, Side};
use crate::order::{Claimed, claim};
use crate::others::Others;
use crate::settle::Settler;

/// Pause between two looks for orders that are due; a new order of this process is looked for at once.
const PERIOD: Duration = Duration::from_millis(200);

/// Works on orders; clones are the same worker.
#[derive(Debug, Clone)]
pub struct Driver {
    /// Where orders are.
    pub db: Database,
    /// Whom to ask.
    pub others: Others,
    /// Who writes down how steps ended.
    pub settler: Settler,
    /// Steps tried.
    pub metrics: Orders,
    /// Says that there may be something to do.
    pub wake: Arc<Notify>,
    /// Where a test ends the process.
    pub kill: KillPoint,
}

impl Driver {
    /// Works until the stop signal; the step at work is finished, the order given back. Replicas share the work.
    pub async fn run(self, stop: CancellationToken) {
        let places = Arc::new(Semaphore::new(self.settler.pace.saga_concurrency));
        let tasks = TaskTracker::new();
        while !stop.is_cancelled() {
            let free = places.available_permits();
            let claimed = claim(&self.db, free, self.settler.lease).await.unwrap_or_else(|error| {
                tracing::warn!(error = &error as &dyn std::error::Error, "orders wait");
                Vec::new()
            });
            let none = claimed.is_empty();
            for order in claimed {
                let Ok(place) = Arc::clone(&places).acquire_owned().await else { break };
                let (worker, stop) = (self.clone(), stop.clone());
                tasks.spawn(async move {
                    worker.drive(order, &stop).await;
                    drop(place);
                    worker.wake.notify_one();
                });
            }
            if none || places.available_permits() == 0 {
                tokio::select! { () = pause(PERIOD, &stop) => {}, () = self.wake.notified() => {} }
            }
        }
        tasks.close();
        tasks.wait().await;
    }

    /// Takes one step after the other until the order rests or waits.
    async fn drive(&self, mut order: Claimed, stop: &CancellationToken) {
        while let Some(next) = self.step(order).await.inspect_err(put_off).unwrap_or_default() {
            if stop.is_cancelled() {
                return self.settler.give_back(&next).await.inspect_err(left_to_its_lease).unwrap_or_default();
            }
            order = next;
        }
    }

    async fn step(&self, order: Claimed) -> Result<Option<Claimed>, Problem> {
        let (since, step) = (Instant::now(), order.progress.step);
        let heard = self.others.take(&order).await;
        self.metrics.tried(step.name(), heard.outcome.name(), since.elapsed());
        let mut tx = self.db.begin().await?;
        let next = self.settler.settle(&mut tx, order, heard).await?;
        self.kill.reach(step.name(), Side::Before);
        self.db.measure("commit", tx.commit()).await?;
        self.kill.reach(step.name(), Side::After);
        Ok(next)
    }
}

/// The lease ends by itself; then the step is tried again.
fn put_off(problem: &Problem) {
    tracing::warn!(detail = problem.detail(), "how a step ended cannot be written down");
}

fn left_to_its_lease(error: &DatabaseError) {
    tracing::warn!(error = error as &dyn std::error::Error, "an order is not given back");
}
