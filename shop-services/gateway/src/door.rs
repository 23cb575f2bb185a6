//! The door to one service: as many requests as it serves well, found by watching; the rest wait by class, or leave.
//!
//! **Source**: the gradient of latency as in Netflix's concurrency-limits: where answers take twice as long as they
//! need to, fewer requests are let in; where they do not and the places are used, more.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use shop_kit::Priority;
use shop_kit::admission::{Limits, Refusal};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

/// Fewest places for each endpoint, and at all.
const LOWEST: (f64, f64) = (4.0, 8.0);
/// Places at the beginning.
const FIRST: f64 = 64.0;
/// How much longer than they need to answers may take.
const TOLERANCE: f64 = 2.0;
/// Time between two looks at the answers.
const LOOK: Duration = Duration::from_millis(250);
/// Answers to look at, at least.
const ANSWERS: u32 = 8;
/// How fast the shortest latency is forgotten, by answer: what is slow for hours is how it is, but what is slow now must
/// not become normal before it is over.
const FORGOTTEN: f64 = 0.0001;
/// Latency below which no answer is slow, in seconds: noise is not congestion.
const QUICK: f64 = 0.025;

/// Lets requests to one service in.
#[derive(Debug)]
pub struct Door {
    limits: Limits,
    state: Mutex<State>,
    waiting: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct State {
    inside: usize,
    limit: f64,
    lowest: f64,
    endpoints: usize,
    patience: Duration,
    /// One queue for each priority.
    queues: [VecDeque<oneshot::Sender<Permit>>; Priority::ALL.len()],
    since: Instant,
    answers: u32,
    slowness: f64,
    busiest: usize,
}

/// A place inside; dropping it gives the place to the next.
#[derive(Debug)]
pub struct Permit(Arc<Door>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.state().inside -= 1;
        self.0.call_in();
    }
}

/// One request in a queue; counts itself out however its wait ends.
struct Waiting(Arc<AtomicUsize>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Door {
    /// A door that never lets in more than `limits.concurrency`.
    pub fn new(limits: Limits, now: Instant) -> Arc<Self> {
        let state = State {
            inside: 0,
            limit: FIRST.min(highest(&limits)),
            lowest: LOWEST.1.min(highest(&limits)),
            endpoints: 0,
            patience: limits.queue_timeout,
            queues: Default::default(),
            since: now,
            answers: 0,
            slowness: 0.0,
            busiest: 0,
        };
        Arc::new(Self { limits, state: Mutex::new(state), waiting: Arc::default() })
    }

    /// Lets a request in, at once or after those of higher priority and those before it; it waits no longer than `at_most`.
    ///
    /// # Errors
    /// Turned away at once where the queue is full for this priority, later where the wait took too long.
    pub async fn enter(self: &Arc<Self>, priority: Priority, at_most: Duration) -> Result<Permit, Refusal> {
        let (called, _waiting, patience) = {
            let mut state = self.state();
            if state.has_place() && state.nobody_before(priority) {
                return Ok(self.permit(&mut state));
            }
            let waiting = Waiting(Arc::clone(&self.waiting));
            if self.waiting.fetch_add(1, Ordering::Relaxed) >= priority.share_of(self.limits.queue) {
                return Err(Refusal::Shed);
            }
            let (call, called) = oneshot::channel();
            state.join(priority, call);
            (called, waiting, state.patience.min(at_most))
        };
        match timeout(patience, called).await {
            Ok(Ok(permit)) => Ok(permit),
            // The door does not drop a caller's place; one that is gone would be a full door.
            Ok(Err(_)) => Err(Refusal::Shed),
            Err(_) => Err(Refusal::WaitedTooLong),
        }
    }

    /// An answer took so many times as long as it needs to.
    pub fn answered(self: &Arc<Self>, slowness: f64, now: Instant) {
        self.state().learn(slowness, now, highest(&self.limits));
        self.call_in();
    }

    /// How long requests wait from now on: longer than `queue_timeout` while more endpoints are about to come; `None` = as
    /// usual.
    pub fn waits(&self, longest: Option<Duration>) {
        self.state().patience = longest.map_or(self.limits.queue_timeout, |long| long.max(self.limits.queue_timeout));
    }

    /// The service has so many endpoints now; each that comes serves as many requests as those that were there.
    pub fn leads_to(self: &Arc<Self>, endpoints: usize) {
        let lowest = (LOWEST.0 * endpoints as f64).max(LOWEST.1).min(highest(&self.limits));
        {
            let mut state = self.state();
            let before = std::mem::replace(&mut state.endpoints, endpoints);
            if before > 0 && endpoints > before {
                state.limit = (state.limit * endpoints as f64 / before as f64).min(highest(&self.limits));
            }
            state.lowest = lowest;
            state.limit = state.limit.max(lowest);
        }
        self.call_in();
    }

    /// Requests let in at the same time at present.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and a usize")]
    pub fn limit(&self) -> usize {
        self.state().limit as usize
    }

    /// Gives free places to those who wait, the most important first.
    fn call_in(self: &Arc<Self>) {
        loop {
            let (call, permit) = {
                let mut state = self.state();
                if !state.has_place() {
                    return;
                }
                let Some(call) = state.next() else { return };
                (call, self.permit(&mut state))
            };
            // Who has given up meanwhile gives the place back.
            drop(call.send(permit));
        }
    }

    fn permit(self: &Arc<Self>, state: &mut State) -> Permit {
        state.inside += 1;
        state.busiest = state.busiest.max(state.inside);
        Permit(Arc::clone(self))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn highest(limits: &Limits) -> f64 {
    (limits.concurrency as f64).max(1.0)
}

impl State {
    fn has_place(&self) -> bool {
        (self.inside as f64) < self.limit.floor()
    }

    fn nobody_before(&self, priority: Priority) -> bool {
        self.queues[priority as usize..].iter().flatten().all(oneshot::Sender::is_closed)
    }

    fn join(&mut self, priority: Priority, call: oneshot::Sender<Permit>) {
        let queue = &mut self.queues[priority as usize];
        // Those in front gave up first; without this, a queue that is never served would only grow.
        while queue.front().is_some_and(oneshot::Sender::is_closed) {
            queue.pop_front();
        }
        queue.push_back(call);
    }

    fn next(&mut self) -> Option<oneshot::Sender<Permit>> {
        let mut calls = self.queues.iter_mut().rev().flat_map(|queue| std::iter::from_fn(|| queue.pop_front()));
        calls.find(|call| !call.is_closed())
    }

    fn learn(&mut self, slowness: f64, now: Instant, highest: f64) {
        self.answers += 1;
        self.slowness += slowness;
        if self.answers < ANSWERS || now.saturating_duration_since(self.since) < LOOK {
            return;
        }
        let gradient = (TOLERANCE * f64::from(self.answers) / self.slowness).clamp(0.5, 1.0);
        let used = self.busiest as f64 >= self.limit / 2.0;
        let headroom = if used || gradient < 1.0 { self.limit.sqrt() } else { 0.0 };
        self.limit = (self.limit * gradient + headroom).clamp(self.lowest, highest);
        (self.since, self.answers, self.slowness, self.busiest) = (now, 0, 0.0, self.inside);
    }
}

/// How long answers of one route need to take: the shortest seen, forgotten slowly.
#[derive(Debug, Default)]
pub struct Pace(Mutex<Option<f64>>);

impl Pace {
    /// How many times as long as it needs to an answer took.
    pub fn slowness(&self, took: Duration) -> f64 {
        let took = took.as_secs_f64();
        let mut pace = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let shortest = pace.filter(|shortest| *shortest < took).unwrap_or(took);
        let slowness = took / shortest.max(QUICK);
        *pace = Some(shortest + (took - shortest) * FORGOTTEN);
        slowness
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::sleep;

    /// Longer than any queue.
    const LONG: Duration = Duration::from_mins(1);

    fn door(concurrency: usize, queue: usize) -> Arc<Door> {
        Door::new(Limits { concurrency, queue, queue_timeout: Duration::from_secs(1) }, Instant::now())
    }

    #[tokio::test(start_paused = true)]
    async fn a_free_place_goes_to_the_most_important_who_waits() {
        let door = door(1, 16);
        let held = door.enter(Priority::Low, LONG).await.unwrap();
        let (told, mut order) = tokio::sync::mpsc::unbounded_channel();
        for priority in [Priority::Low, Priority::Normal, Priority::Critical, Priority::High, Priority::Critical] {
            let (door, told) = (Arc::clone(&door), told.clone());
            tokio::spawn(async move {
                let _permit = door.enter(priority, LONG).await.unwrap();
                told.send(priority).unwrap();
            });
            sleep(Duration::from_millis(1)).await;
        }
        drop((held, told));
        let mut entered = Vec::new();
        while let Some(priority) = order.recv().await {
            entered.push(priority);
        }
        let expected = [Priority::Critical, Priority::Critical, Priority::High, Priority::Normal, Priority::Low];
        assert_eq!(entered, expected);
        assert_eq!(door.state().inside, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn the_low_are_turned_away_first_and_nobody_waits_for_ever() {
        let door = door(1, 4);
        let held = door.enter(Priority::Normal, LONG).await.unwrap();
        let first = tokio::spawn({
            let door = Arc::clone(&door);
            async move { door.enter(Priority::Low, LONG).await.map(drop) }
        });
        sleep(Duration::from_millis(1)).await;
        assert_eq!(door.enter(Priority::Low, LONG).await.unwrap_err(), Refusal::Shed);
        assert_eq!(door.enter(Priority::Critical, LONG).await.unwrap_err(), Refusal::WaitedTooLong);
        assert_eq!(first.await.unwrap().unwrap_err(), Refusal::WaitedTooLong);
        for _ in 0..100 {
            assert!(timeout(Duration::from_millis(1), door.enter(Priority::Low, LONG)).await.is_err());
        }
        assert!(door.state().queues[0].len() < 3, "who gave up is forgotten");
        drop(held);
        drop(door.enter(Priority::Low, LONG).await.unwrap());
    }

    /// A service of `workers` that need 50 ms each, with `inside` requests in it.
    fn took(inside: usize, workers: usize) -> Duration {
        Duration::from_millis(50 * inside.max(workers) as u64 / workers as u64)
    }

    #[tokio::test(start_paused = true)]
    async fn finds_how_much_a_service_serves_well_and_more_when_it_grows() {
        let door = door(512, 0);
        let pace = Pace::default();
        let mut now = Instant::now();
        let mut serve = |workers, rounds| {
            for _ in 0..rounds {
                door.state().busiest = door.limit();
                now += Duration::from_millis(30);
                door.answered(pace.slowness(took(door.limit(), workers)), now);
            }
            door.limit()
        };
        pace.slowness(took(1, 4));
        let few = serve(4, 500);
        assert!((8..=16).contains(&few), "{few} places for four workers");
        let many = serve(40, 1_000);
        assert!((80..=160).contains(&many), "{many} places for forty workers");
    }

    #[tokio::test(start_paused = true)]
    async fn requests_wait_for_endpoints_that_are_about_to_come_but_not_past_their_deadline() {
        let door = door(64, 16);
        door.leads_to(2);
        door.state().limit = 2.0;
        let held =
            [door.enter(Priority::Normal, LONG).await.unwrap(), door.enter(Priority::Normal, LONG).await.unwrap()];
        door.waits(Some(Duration::from_secs(5)));
        let hasty = door.enter(Priority::Normal, Duration::from_millis(100)).await;
        assert_eq!(hasty.unwrap_err(), Refusal::WaitedTooLong);
        let waiting = tokio::spawn({
            let door = Arc::clone(&door);
            async move { door.enter(Priority::Normal, LONG).await.map(drop) }
        });
        sleep(Duration::from_secs(3)).await;
        door.leads_to(4);
        assert_eq!(waiting.await.unwrap(), Ok(()));
        assert_eq!(door.limit(), 16, "four places for each, and as many for those that came");
        door.waits(None);
        drop(held);
    }
}
