//! The live run of journeys: customers are there, visits come, every order is followed to its end.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use thiserror::Error;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::connection::{Connection, Outcome};
use crate::journey::book::Book;
use crate::journey::call::{Caller, Class, Entry};
use crate::journey::orders::Orders;
use crate::journey::people::{self, PeopleError};
use crate::journey::shopper::{Shopper, Street};
use crate::journey::verdict::Verdict;
use crate::journey::visit::{Arrivals, Visit};
use crate::progress::Progress;
use crate::session::Assortment;

/// One run.
#[derive(Debug)]
pub struct Plan {
    /// Who comes.
    pub arrivals: Arrivals,
    /// What there is to buy.
    pub assortment: Assortment,
    /// The gateway.
    pub target: SocketAddr,
    /// Customers with accounts.
    pub customers: u32,
    /// Mean thought between two calls, seconds.
    pub think: f64,
    /// Longest wait for one answer.
    pub timeout: Duration,
    /// Longest wait, after the last visit, for orders to come to rest.
    pub settle: Duration,
}

/// A run ended early by a fault of its own.
#[derive(Debug, Error)]
pub enum JourneyError {
    /// There are no customers.
    #[error(transparent)]
    People(#[from] PeopleError),
    /// Too many connections for this process.
    #[error(
        "this process has no file descriptors left: raise the limit, for example `ulimit -n 65536`, or lower --sessions"
    )]
    OutOfFiles,
    /// A defect of the book.
    #[error("the book of the run was lost")]
    Book(#[from] tokio::task::JoinError),
}

/// Runs the plan and returns what came of it.
///
/// # Errors
/// Where accounts cannot be opened or this process runs out of file descriptors.
pub async fn run(plan: Plan, progress: Progress, stop: CancellationToken) -> Result<Verdict, JourneyError> {
    people::open(plan.target, plan.customers).await?;
    let Plan { arrivals, assortment, target, customers, think, timeout, settle } = plan;
    let street = Arc::new(Street { assortment, customers, think, orders: Orders::default() });
    let (entries, inbox) = unbounded_channel();
    let zero = Instant::now();
    let halt = stop.child_token();
    let book = tokio::spawn(keep(inbox, arrivals, zero, progress, halt.clone()));
    let door = Door { street: Arc::clone(&street), entries, target, timeout, zero };
    come(&door, arrivals, &halt).await;
    drop(door);
    let book = book.await??;
    let seconds = zero.elapsed().as_secs_f64().min(arrivals.duration);
    let fates = street.orders.settle(target, settle).await;
    Ok(Verdict::of((arrivals.preset, arrivals.seed), (seconds, stop.is_cancelled()), &book, fates))
}

/// What every visitor comes through.
struct Door {
    street: Arc<Street>,
    entries: UnboundedSender<Entry>,
    target: SocketAddr,
    timeout: Duration,
    zero: Instant,
}

/// Lets every visit begin at its time, and waits until the last visitor has left.
async fn come(door: &Door, arrivals: Arrivals, stop: &CancellationToken) {
    let visits = TaskTracker::new();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds of a run")]
    let seconds = arrivals.duration.ceil() as u32;
    for second in 0..seconds {
        let ahead = door.zero + Duration::from_secs_f64((f64::from(second) - 0.5).max(0.0));
        tokio::select! { () = sleep_until(ahead) => {}, () = stop.cancelled() => break }
        for visit in arrivals.second(second) {
            let (mut shopper, stop) = (door.shopper(visit), stop.clone());
            visits.spawn(async move {
                let walk = async {
                    sleep_until(shopper.caller.at).await;
                    shopper.caller.tell(Entry::Visit);
                    // Whoever leaves early is in the book already.
                    let _ = shopper.walk(visit.journey).await;
                };
                tokio::select! { () = walk => {}, () = stop.cancelled() => {} }
            });
        }
    }
    visits.close();
    visits.wait().await;
}

impl Door {
    fn shopper(&self, visit: Visit) -> Shopper {
        let caller = Caller {
            at: self.zero + Duration::from_secs_f64(visit.at),
            zero: self.zero,
            timeout: self.timeout,
            book: self.entries.clone(),
            rng: ChaCha8Rng::seed_from_u64(visit.number),
            connection: Connection::from(self.target, people::address(visit.number)),
        };
        Shopper { caller, street: Arc::clone(&self.street), sale: visit.sale }
    }
}

async fn keep(
    mut inbox: UnboundedReceiver<Entry>,
    arrivals: Arrivals,
    zero: Instant,
    mut progress: Progress,
    stop: CancellationToken,
) -> Result<Book, JourneyError> {
    let mut book = Book::default();
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            entry = inbox.recv() => match entry {
                Some(Entry::Done { outcome: Outcome::OutOfFiles, .. }) => {
                    stop.cancel();
                    return Err(JourneyError::OutOfFiles);
                }
                Some(entry) => book.enter(entry),
                None => return Ok(book),
            },
            _ = tick.tick() => progress.say(zero.elapsed(), || line(&mut book, arrivals, zero)),
        }
    }
}

/// What happened in the last second or ten.
fn line(book: &mut Book, arrivals: Arrivals, zero: Instant) -> String {
    let elapsed = zero.elapsed().as_secs_f64();
    let mut line = format!("{elapsed:>5.0} s  model {:.1} visits/s, {} so far", arrivals.total(elapsed), book.visits);
    for (class, tally) in book.recent().into_iter().filter(|(class, _)| *class != Class::Settled) {
        let p99 = tally.latency_ms(0.99).map_or("-".to_owned(), |ms| format!("{ms:.0}"));
        let failed = tally.failed();
        let failed = if failed == 0 { String::new() } else { format!(" failed {failed}") };
        // Writing to a String cannot fail.
        let _ = write!(line, "  | {} {}{failed} p99 {p99} ms", class.name(), tally.offered);
    }
    line
}
