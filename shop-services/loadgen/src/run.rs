//! The live run: every session starts when the model says, at each target, whether or not the target keeps up.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use thiserror::Error;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::connection::{Connection, Outcome};
use crate::ledger::{Entry, Ledger, SecondRecord, Summary};
use crate::progress::Progress;
use crate::rate::seconds;
use crate::scrape::Exposition;
use crate::session::{Assortment, Call, LONGEST_SESSION, Visitors};
use crate::target::Target;

/// One run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Who comes.
    pub visitors: Visitors,
    /// What there is to ask for.
    pub assortment: Assortment,
    /// Where to: each target gets the same sessions.
    pub targets: Vec<Target>,
    /// How long.
    pub duration: Duration,
    /// Longest wait for one answer, from the moment it is asked for.
    pub timeout: Duration,
    /// Objective for the latency from the intended start.
    pub slo: Duration,
}

/// What the run stands on.
#[derive(Debug)]
pub struct Surroundings<W> {
    /// Wall clock at the start.
    pub now: Timestamp,
    /// Ends the run early when cancelled.
    pub stop: CancellationToken,
    /// Gets a line of JSON per second and target.
    pub records: W,
    /// Shows the run while it runs.
    pub progress: Progress,
    /// Counts for Prometheus, where asked for.
    pub exposition: Option<Exposition>,
}

/// A run ended early by a fault of its own.
#[derive(Debug, Error)]
pub enum RunError {
    /// Records cannot be written.
    #[error("the records cannot be written")]
    Records(#[from] std::io::Error),
    /// Too many connections for this process.
    #[error(
        "this process has no file descriptors left: raise the limit, for example `ulimit -n 65536`, or lower --rate"
    )]
    OutOfFiles,
}

/// How the run went.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    /// First second of the run, since 1970.
    pub start: i64,
    /// True where it was stopped before its time.
    pub interrupted: bool,
    /// The objective that seconds are held to, milliseconds.
    pub slo_ms: u64,
    /// One per target.
    pub targets: Vec<Summary>,
}

/// Times of the run: model seconds since 1970 on the process's own monotonic clock.
#[derive(Debug, Clone, Copy)]
struct Timetable {
    start: f64,
    end: f64,
    zero: Instant,
}

impl Timetable {
    fn instant(&self, unix: f64) -> Instant {
        self.zero + Duration::from_secs_f64((unix - self.start).max(0.0))
    }

    fn holds(&self, call: &Call) -> bool {
        (self.start..self.end).contains(&call.at)
    }
}

/// Runs the plan and returns what came of it.
///
/// # Errors
/// Where records cannot be written or this process runs out of file descriptors.
pub async fn run<W: Write + Send + 'static>(plan: Plan, around: Surroundings<W>) -> Result<Verdict, RunError> {
    let start = seconds(around.now);
    let timetable = Timetable { start, end: start + plan.duration.as_secs_f64(), zero: Instant::now() };
    let (entries, inbox) = unbounded_channel();
    let plan = Arc::new(plan);
    let stop = around.stop.clone();
    let book = tokio::spawn(keep_book(Arc::clone(&plan), timetable, inbox, around));
    arrivals(&plan, timetable, entries, &stop).await;
    // The book ends when the last visitor has dropped its sender; a panic in it is a defect that must show.
    match book.await {
        Ok(verdict) => verdict,
        Err(failed) => Err(RunError::Records(std::io::Error::other(failed))),
    }
}

async fn arrivals(plan: &Arc<Plan>, timetable: Timetable, entries: UnboundedSender<Entry>, stop: &CancellationToken) {
    let visits = TaskTracker::new();
    #[expect(clippy::cast_possible_truncation, reason = "minutes since 1970 are far below 2^63")]
    let minute_of = |unix: f64| (unix / 60.0).floor() as i64;
    // Sessions that began before the start still have calls to make.
    for minute in minute_of(timetable.start - LONGEST_SESSION)..=minute_of(timetable.end) {
        let ahead = timetable.instant(minute as f64 * 60.0 - 1.0);
        tokio::select! { () = sleep_until(ahead) => {}, () = stop.cancelled() => break }
        for session in plan.visitors.sessions(minute) {
            let calls: Arc<[Call]> = session.calls.into_iter().filter(|c| timetable.holds(c)).collect();
            for target in (0..plan.targets.len()).filter(|_| !calls.is_empty()) {
                let visit = visit(Arc::clone(plan), timetable, target, Arc::clone(&calls), entries.clone());
                let stop = stop.clone();
                visits.spawn(async move {
                    tokio::select! { () = visit => {}, () = stop.cancelled() => {} }
                });
            }
        }
    }
    visits.close();
    visits.wait().await;
}

/// One session at one target: calls at their times on one connection; a late answer delays the next call, and the
/// delay counts as latency, because it is timed from the intended start.
async fn visit(
    plan: Arc<Plan>,
    timetable: Timetable,
    target: usize,
    calls: Arc<[Call]>,
    entries: UnboundedSender<Entry>,
) {
    let mut connection = Connection::new(plan.targets[target].address);
    for call in calls.iter() {
        let intended = timetable.instant(call.at);
        sleep_until(intended).await;
        #[expect(clippy::cast_possible_truncation, reason = "seconds since 1970 are far below 2^63")]
        let second = call.at.floor() as i64;
        // The book only stops listening when the run is over.
        let _ = entries.send(Entry::Offered { target, second });
        let outcome = connection.get(&plan.assortment.path(call), Instant::now() + plan.timeout).await;
        let _ = entries.send(Entry::Done { target, second, outcome, latency: intended.elapsed() });
    }
}

async fn keep_book<W: Write>(
    plan: Arc<Plan>,
    timetable: Timetable,
    mut inbox: UnboundedReceiver<Entry>,
    mut around: Surroundings<W>,
) -> Result<Verdict, RunError> {
    let mut ledgers: Vec<Ledger> = plan.targets.iter().map(|t| Ledger::new(t.name.clone(), plan.slo)).collect();
    let rate = |second: i64| plan.visitors.rate.total(second as f64 + 0.5);
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            entry = inbox.recv() => match entry {
                Some(Entry::Done { outcome: Outcome::OutOfFiles, .. }) => {
                    around.stop.cancel();
                    return Err(RunError::OutOfFiles);
                }
                Some(entry) => enter(&mut ledgers, around.exposition.as_ref(), &plan, entry),
                None => break,
            },
            _ = tick.tick() => {
                let now = timetable.start + timetable.zero.elapsed().as_secs_f64();
                #[expect(clippy::cast_possible_truncation, reason = "seconds since 1970 are far below 2^63")]
                let now = now.floor() as i64;
                let settled = ledgers.iter_mut().flat_map(|l| l.settled(now, rate));
                write(&mut around.records, settled)?;
                around.progress.show(timetable.zero.elapsed(), rate(now), &plan.targets, &mut ledgers);
            }
        }
    }
    write(&mut around.records, ledgers.iter_mut().flat_map(|l| l.close(rate)))?;
    #[expect(clippy::cast_possible_truncation, reason = "seconds since 1970 are far below 2^63")]
    let start = timetable.start.floor() as i64;
    Ok(Verdict {
        start,
        interrupted: around.stop.is_cancelled(),
        slo_ms: u64::try_from(plan.slo.as_millis()).unwrap_or(u64::MAX),
        targets: ledgers.iter().map(Ledger::summary).collect(),
    })
}

fn enter(ledgers: &mut [Ledger], exposition: Option<&Exposition>, plan: &Plan, entry: Entry) {
    let (Entry::Offered { target, .. } | Entry::Done { target, .. }) = entry;
    ledgers[target].enter(entry);
    if let Some(exposition) = exposition {
        exposition.enter(&plan.targets[target].name, entry);
    }
}

fn write<W: Write>(out: &mut W, records: impl Iterator<Item = SecondRecord>) -> Result<(), RunError> {
    for record in records {
        serde_json::to_writer(&mut *out, &record).map_err(std::io::Error::from)?;
        out.write_all(b"\n")?;
    }
    Ok(out.flush()?)
}
