//! The door: bounded concurrency, a bounded queue before it, and a prompt no to the rest.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use shop_metrics::{self as metrics, Rejected};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

/// How much a request matters when not all can be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// First to be turned away.
    Low,
    /// Browsing.
    Normal,
    /// What a user or administrator waits for.
    High,
    /// Turned away last.
    Critical,
}

impl Priority {
    /// Every priority, the least first.
    pub const ALL: [Self; 4] = [Self::Low, Self::Normal, Self::High, Self::Critical];

    /// The metric label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// The part of a queue that requests of this priority may see filled and still join.
    pub const fn share_of(self, queue: usize) -> usize {
        queue * (self as usize + 1) / Self::ALL.len()
    }
}

/// Why a request was turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The share of the queue open to its priority is full.
    Shed,
    /// It waited as long as it may.
    WaitedTooLong,
}

/// The metric label of requests that came to nothing because somebody who had to be asked is left alone.
pub const BREAKER: &str = "breaker";

impl Refusal {
    /// The metric label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Shed => "shed",
            Self::WaitedTooLong => "deadline",
        }
    }
}

/// Sizes of the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Requests worked on at the same time; at least 1 is used.
    pub concurrency: usize,
    /// Requests waiting at most, for the highest priority.
    pub queue: usize,
    /// Longest wait.
    pub queue_timeout: Duration,
}

/// Lets `concurrency` requests in, `queue` more wait, and turns the rest away by priority.
#[derive(Debug, Clone)]
pub struct Admission {
    limits: Limits,
    places: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    metrics: metrics::Admission,
}

/// A place inside; dropping it gives the place to the next.
#[derive(Debug)]
pub struct Place {
    _permit: OwnedSemaphorePermit,
    metrics: metrics::Admission,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.metrics.left();
    }
}

/// One request in the queue; counts itself out however its wait ends, also when the client gives up.
struct Waiting(Arc<AtomicUsize>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Admission {
    /// Opens the door.
    pub fn new(limits: Limits, metrics: metrics::Admission) -> Self {
        let limits = Limits { concurrency: limits.concurrency.clamp(1, Semaphore::MAX_PERMITS), ..limits };
        metrics.set_limit(limits.concurrency);
        for priority in Priority::ALL {
            for reason in [Refusal::Shed.label(), Refusal::WaitedTooLong.label(), BREAKER] {
                metrics.may_reject(&Rejected { reason, priority: priority.label() });
            }
        }
        Self { limits, places: Arc::new(Semaphore::new(limits.concurrency)), waiting: Arc::default(), metrics }
    }

    /// Waits for a place, first come first served among those in the queue.
    ///
    /// # Errors
    /// Turned away at once where the queue is full for this priority, later where the wait took too long.
    pub async fn admit(&self, priority: Priority) -> Result<Place, Refusal> {
        let entered = self.enter(priority).await;
        if let Err(refusal) = entered {
            self.metrics.rejected(&Rejected { reason: refusal.label(), priority: priority.label() });
        }
        entered
    }

    async fn enter(&self, priority: Priority) -> Result<Place, Refusal> {
        if let Ok(permit) = Arc::clone(&self.places).try_acquire_owned() {
            return Ok(self.place(permit, Duration::ZERO));
        }
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(Arc::clone(&self.waiting));
        if before >= priority.share_of(self.limits.queue) {
            return Err(Refusal::Shed);
        }
        let since = Instant::now();
        match timeout(self.limits.queue_timeout, Arc::clone(&self.places).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(self.place(permit, since.elapsed())),
            // The semaphore is never closed; a closed one would be a full door.
            Ok(Err(_)) => Err(Refusal::Shed),
            Err(_) => Err(Refusal::WaitedTooLong),
        }
    }

    fn place(&self, permit: OwnedSemaphorePermit, waited: Duration) -> Place {
        self.metrics.admitted(waited);
        Place { _permit: permit, metrics: self.metrics.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::ThisProcess;
    use shop_metrics::{Build, ShopMetrics};

    fn door(concurrency: usize, queue: usize) -> (Admission, ShopMetrics) {
        let metrics = ShopMetrics::new(&Build { service_name: "test", version: "0" }, ThisProcess);
        let limits = Limits { concurrency, queue, queue_timeout: Duration::from_secs(1) };
        (Admission::new(limits, metrics.admission.clone()), metrics)
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_in_the_queue_gets_the_place_that_was_given_back() {
        let (door, metrics) = door(1, 8);
        let first = door.admit(Priority::Normal).await.unwrap();
        let second = tokio::spawn({
            let door = door.clone();
            async move { door.admit(Priority::Normal).await }
        });
        tokio::time::sleep(Duration::from_millis(300)).await;
        drop(first);
        let second = second.await.unwrap().unwrap();
        let text = metrics.render().unwrap();
        assert!(text.contains("shop_concurrency_inflight 1"), "{text}");
        assert!(text.contains("shop_admission_queue_wait_seconds_sum 0.3"), "{text}");
        drop(second);
        assert!(metrics.render().unwrap().contains("shop_concurrency_inflight 0"));
    }

    #[tokio::test(start_paused = true)]
    async fn waits_no_longer_than_allowed() {
        let (door, metrics) = door(1, 8);
        let _held = door.admit(Priority::Normal).await.unwrap();
        let before = Instant::now();
        assert_eq!(door.admit(Priority::Normal).await.unwrap_err(), Refusal::WaitedTooLong);
        assert_eq!(before.elapsed().as_millis() / 100, 10);
        let text = metrics.render().unwrap();
        assert!(text.contains(r#"shop_requests_rejected_total{reason="deadline",priority="normal"} 1"#), "{text}");
    }

    #[tokio::test(start_paused = true)]
    async fn sheds_the_low_before_the_critical() {
        let (door, _metrics) = door(1, 8);
        let _held = door.admit(Priority::Normal).await.unwrap();
        let mut queue = Vec::new();
        for (priority, room) in
            [(Priority::Low, 2), (Priority::Normal, 2), (Priority::High, 2), (Priority::Critical, 2)]
        {
            for _ in 0..room {
                let door = door.clone();
                queue.push(tokio::spawn(async move { door.admit(priority).await }));
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
            assert_eq!(door.admit(priority).await.unwrap_err(), Refusal::Shed, "{priority:?}");
        }
        assert!(queue.iter().all(|waiter| !waiter.is_finished()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_gives_up_leaves_the_queue() {
        let (door, _metrics) = door(1, 4);
        let _held = door.admit(Priority::Normal).await.unwrap();
        for _ in 0..20 {
            let gave_up = timeout(Duration::from_millis(1), door.admit(Priority::Critical)).await;
            assert!(gave_up.is_err());
        }
        assert_eq!(door.waiting.load(Ordering::Relaxed), 0);
    }
}
