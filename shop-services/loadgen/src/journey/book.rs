//! What happened, minute by minute and class by class.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::connection::Outcome;
use crate::journey::call::{Class, Entry};
use crate::ledger::Tally;

/// Calls belong to the minute that they were meant to start in.
#[derive(Debug, Default)]
pub struct Book {
    minutes: BTreeMap<(Class, u32), Tally>,
    recent: BTreeMap<Class, Tally>,
    /// Visits that began.
    pub visits: u64,
    /// Retries of calls.
    pub retries: u64,
    /// Visitors who lost patience.
    pub abandoned: u64,
    /// Product pages without a part of theirs.
    pub partial: u64,
}

/// One minute of one class.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Minute {
    /// Minutes since the start of the run.
    pub minute: u32,
    /// Calls meant to start in it.
    pub offered: u64,
    /// Answered well.
    pub ok: u64,
    /// Turned away because they came too often, which is no fault of the shop's.
    pub limited: u64,
    /// Failed otherwise, by kind.
    pub failed: BTreeMap<&'static str, u64>,
    /// 99th percentile of good answers from the intended start, milliseconds.
    pub p99_ms: Option<f64>,
    /// Whether it misses an objective.
    pub bad: bool,
}

impl Book {
    /// Writes down one entry.
    pub fn enter(&mut self, entry: Entry) {
        match entry {
            Entry::Visit => self.visits += 1,
            Entry::Partial => self.partial += 1,
            Entry::Abandoned => self.abandoned += 1,
            Entry::Offered { class, second } => {
                self.minutes.entry((class, second / 60)).or_default().offered += 1;
                self.recent.entry(class).or_default().offered += 1;
            }
            Entry::Done { class, second, outcome, latency, retries } => {
                let slo = class.objectives().map_or(Duration::MAX, |(slo, _)| slo);
                self.retries += u64::from(retries);
                self.minutes.entry((class, second / 60)).or_default().done(outcome, latency, slo);
                self.recent.entry(class).or_default().done(outcome, latency, slo);
            }
        }
    }

    /// What happened since this was asked last, by class.
    pub fn recent(&mut self) -> BTreeMap<Class, Tally> {
        std::mem::take(&mut self.recent)
    }

    /// The minutes of one class, in order.
    pub fn minutes(&self, class: Class) -> Vec<Minute> {
        let own = self.minutes.range((class, 0)..=(class, u32::MAX));
        own.map(|((_, minute), tally)| judged(class, *minute, tally)).collect()
    }

    /// The whole run of one class.
    pub fn whole(&self, class: Class) -> Tally {
        let mut whole = Tally::default();
        for (_, tally) in self.minutes.range((class, 0)..=(class, u32::MAX)) {
            whole.merge(tally);
        }
        whole
    }
}

/// A minute is bad where its 99th percentile is over the objective, or less than the objective's share was answered
/// well of the calls that were not turned away for coming too often.
fn judged(class: Class, minute: u32, tally: &Tally) -> Minute {
    let limited = tally.ended.get(&Outcome::Limited).copied().unwrap_or(0);
    let failed: BTreeMap<&'static str, u64> =
        tally.failures().into_iter().filter(|(kind, count)| *count > 0 && *kind != Outcome::Limited.label()).collect();
    let p99_ms = tally.latency_ms(0.99);
    let bad = class.objectives().is_some_and(|(slo, share)| {
        let failures: u64 = failed.values().sum();
        let counted = tally.ok() + failures;
        let slow = p99_ms.is_some_and(|p99| p99 > slo.as_secs_f64() * 1000.0);
        slow || (counted > 0 && (failures as f64) > (1.0 - share) * counted as f64)
    });
    Minute { minute, offered: tally.offered, ok: tally.ok(), limited, failed, p99_ms, bad }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(class: Class, second: u32, outcome: Outcome, ms: u64) -> Entry {
        Entry::Done { class, second, outcome, latency: Duration::from_millis(ms), retries: 0 }
    }

    #[test]
    fn a_minute_is_bad_by_slowness_or_failures_and_not_by_limits() {
        let mut book = Book::default();
        for second in 0..50 {
            book.enter(done(Class::Browse, second, Outcome::Ok, 20));
            book.enter(done(Class::Browse, 60 + second, Outcome::Ok, 250));
            book.enter(done(Class::Browse, 120 + second, Outcome::Ok, 20));
            book.enter(done(Class::Browse, 180 + second, Outcome::Ok, 20));
        }
        book.enter(done(Class::Browse, 130, Outcome::Shed, 1));
        book.enter(done(Class::Browse, 190, Outcome::Limited, 1));
        let bad: Vec<bool> = book.minutes(Class::Browse).iter().map(|minute| minute.bad).collect();
        assert_eq!(bad, [false, true, true, false]);
        assert_eq!(book.minutes(Class::Order), []);
        assert_eq!(book.whole(Class::Browse).ok(), 200);
    }

    #[test]
    fn robots_have_no_objective() {
        let mut book = Book::default();
        book.enter(done(Class::Robot, 1, Outcome::Shed, 1));
        assert!(!book.minutes(Class::Robot)[0].bad);
    }
}
