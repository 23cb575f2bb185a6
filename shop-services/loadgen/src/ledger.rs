//! What was meant to happen and what did, second by second: requests belong to the second they were meant to start in.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::connection::Outcome;

/// Something that happened to a call.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Entry {
    /// Its time has come.
    Offered {
        /// Index of the target.
        target: usize,
        /// Second of its intended start, since 1970.
        second: i64,
    },
    /// It ended.
    Done {
        /// Index of the target.
        target: usize,
        /// Second of its intended start, since 1970.
        second: i64,
        /// How.
        outcome: Outcome,
        /// From the intended start to the end.
        latency: Duration,
    },
}

/// Counts of one second or of a whole run at one target.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Calls whose time had come.
    pub offered: u64,
    /// Calls that ended, by outcome.
    pub ended: BTreeMap<Outcome, u64>,
    /// Calls answered well but later than the objective.
    pub over_slo: u64,
    latency: Option<Histogram<u64>>,
}

impl Tally {
    /// One call ended.
    pub(crate) fn done(&mut self, outcome: Outcome, latency: Duration, slo: Duration) {
        *self.ended.entry(outcome).or_default() += 1;
        if outcome != Outcome::Ok {
            return;
        }
        self.over_slo += u64::from(latency > slo);
        if self.latency.is_none() {
            self.latency = Histogram::new(2).ok();
        }
        if let Some(histogram) = &mut self.latency {
            // The histogram grows as needed, so that no latency is refused.
            let _ = histogram.record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX).max(1));
        }
    }

    /// Adds what another one counted.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.offered += other.offered;
        self.over_slo += other.over_slo;
        for (outcome, count) in &other.ended {
            *self.ended.entry(*outcome).or_default() += count;
        }
        match (&mut self.latency, &other.latency) {
            (Some(mine), Some(theirs)) => drop(mine.add(theirs)),
            (mine @ None, Some(theirs)) => *mine = Some(theirs.clone()),
            _ => {}
        }
    }

    /// Calls answered well.
    pub fn ok(&self) -> u64 {
        self.ended.get(&Outcome::Ok).copied().unwrap_or(0)
    }

    /// Calls that failed.
    pub fn failed(&self) -> u64 {
        self.ended.values().sum::<u64>() - self.ok()
    }

    /// Latency of good answers at a quantile of 0..1, milliseconds; `None` where there were none.
    pub fn latency_ms(&self, quantile: f64) -> Option<f64> {
        self.latency.as_ref().map(|h| h.value_at_quantile(quantile) as f64 / 1000.0)
    }

    fn settled(&self) -> bool {
        self.ended.values().sum::<u64>() >= self.offered
    }

    /// Failed calls by kind, each kind named.
    pub(crate) fn failures(&self) -> BTreeMap<&'static str, u64> {
        Outcome::FAILURES.iter().map(|o| (o.label(), self.ended.get(o).copied().unwrap_or(0))).collect()
    }
}

/// One second at one target, as a line of JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SecondRecord {
    /// The second, since 1970.
    pub t: i64,
    /// Name of the target.
    pub target: String,
    /// Requests per second that the model means on average.
    pub rate: f64,
    /// Calls meant to start in this second.
    pub offered: u64,
    /// Answered well.
    pub ok: u64,
    /// Failed, by kind.
    pub failed: BTreeMap<&'static str, u64>,
    /// Median latency of good answers, from the intended start.
    pub p50_ms: Option<f64>,
    /// 99th percentile of the same.
    pub p99_ms: Option<f64>,
    /// Answered well, but later than the objective.
    pub over_slo: u64,
}

/// A whole run at one target.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Name of the target.
    pub target: String,
    /// Seconds with at least one call.
    pub seconds: u64,
    /// Of those, seconds whose 99th percentile was over the objective or in which a call failed.
    pub seconds_over_slo: u64,
    /// Calls meant to start.
    pub offered: u64,
    /// Answered well.
    pub ok: u64,
    /// Failed, by kind.
    pub failed: BTreeMap<&'static str, u64>,
    /// Answered well, but later than the objective.
    pub over_slo: u64,
    /// Latency of good answers from the intended start.
    pub p50_ms: Option<f64>,
    /// 90th percentile.
    pub p90_ms: Option<f64>,
    /// 99th percentile.
    pub p99_ms: Option<f64>,
    /// Longest.
    pub max_ms: Option<f64>,
}

/// The book of one target.
#[derive(Debug)]
pub struct Ledger {
    target: String,
    slo: Duration,
    open: BTreeMap<i64, Tally>,
    whole: Tally,
    recent: Tally,
    seconds: u64,
    seconds_over_slo: u64,
}

impl Ledger {
    /// Empty.
    pub fn new(target: String, slo: Duration) -> Self {
        Self {
            target,
            slo,
            open: BTreeMap::new(),
            whole: Tally::default(),
            recent: Tally::default(),
            seconds: 0,
            seconds_over_slo: 0,
        }
    }

    /// Writes down one entry; its target is not looked at.
    pub fn enter(&mut self, entry: Entry) {
        match entry {
            Entry::Offered { second, .. } => {
                self.open.entry(second).or_default().offered += 1;
                self.recent.offered += 1;
            }
            Entry::Done { second, outcome, latency, .. } => {
                self.open.entry(second).or_default().done(outcome, latency, self.slo);
                self.recent.done(outcome, latency, self.slo);
            }
        }
    }

    /// Takes out the seconds before `now` in which every call has ended, in order, up to the first that has not.
    pub fn settled(&mut self, now: i64, rate: impl Fn(i64) -> f64) -> Vec<SecondRecord> {
        let mut records = Vec::new();
        while let Some(first) = self.open.first_entry() {
            if *first.key() >= now || !first.get().settled() {
                break;
            }
            let (t, tally) = first.remove_entry();
            records.push(self.record(t, &tally, rate(t)));
        }
        records
    }

    /// Takes out all that is left at the end of a run; calls that were stopped on their way are offered, and neither
    /// answered nor failed.
    pub fn close(&mut self, rate: impl Fn(i64) -> f64) -> Vec<SecondRecord> {
        let left = std::mem::take(&mut self.open);
        left.into_iter().map(|(t, tally)| self.record(t, &tally, rate(t))).collect()
    }

    fn record(&mut self, t: i64, tally: &Tally, rate: f64) -> SecondRecord {
        let p99_ms = tally.latency_ms(0.99);
        self.whole.merge(tally);
        self.seconds += 1;
        let slow = p99_ms.is_some_and(|p99| p99 > self.slo.as_secs_f64() * 1000.0);
        self.seconds_over_slo += u64::from(slow || tally.failed() > 0);
        SecondRecord {
            t,
            target: self.target.clone(),
            rate,
            offered: tally.offered,
            ok: tally.ok(),
            failed: tally.failures(),
            p50_ms: tally.latency_ms(0.5),
            p99_ms,
            over_slo: tally.over_slo,
        }
    }

    /// What happened since this was asked last.
    pub fn recent(&mut self) -> Tally {
        std::mem::take(&mut self.recent)
    }

    /// The whole run so far, settled seconds only.
    pub fn summary(&self) -> Summary {
        Summary {
            target: self.target.clone(),
            seconds: self.seconds,
            seconds_over_slo: self.seconds_over_slo,
            offered: self.whole.offered,
            ok: self.whole.ok(),
            failed: self.whole.failures(),
            over_slo: self.whole.over_slo,
            p50_ms: self.whole.latency_ms(0.5),
            p90_ms: self.whole.latency_ms(0.9),
            p99_ms: self.whole.latency_ms(0.99),
            max_ms: self.whole.latency_ms(1.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(second: i64, outcome: Outcome, ms: u64) -> Entry {
        Entry::Done { target: 0, second, outcome, latency: Duration::from_millis(ms) }
    }

    #[test]
    fn a_second_is_reported_once_all_its_calls_have_ended_and_in_order() {
        let mut ledger = Ledger::new("A".into(), Duration::from_millis(200));
        for second in [10, 10, 11] {
            ledger.enter(Entry::Offered { target: 0, second });
        }
        ledger.enter(done(11, Outcome::Ok, 5));
        ledger.enter(done(10, Outcome::Ok, 5));
        assert_eq!(ledger.settled(20, |_| 1.0), []);
        ledger.enter(done(10, Outcome::Timeout, 3_000));
        let records = ledger.settled(20, |_| 1.0);
        assert_eq!(records.iter().map(|r| (r.t, r.offered, r.ok)).collect::<Vec<_>>(), [(10, 2, 1), (11, 1, 1)]);
        assert_eq!(records[0].failed["timeout"], 1);
    }

    #[test]
    fn calls_stopped_on_their_way_are_offered_and_neither_answered_nor_failed() {
        let mut ledger = Ledger::new("A".into(), Duration::from_millis(200));
        for second in [10, 11, 11] {
            ledger.enter(Entry::Offered { target: 0, second });
        }
        ledger.enter(done(11, Outcome::Ok, 5));
        assert_eq!(ledger.close(|_| 1.0).len(), 2);
        let summary = ledger.summary();
        assert_eq!((summary.offered, summary.ok, summary.failed.values().sum::<u64>()), (3, 1, 0));
    }

    #[test]
    fn a_second_that_is_not_over_is_not_reported() {
        let mut ledger = Ledger::new("A".into(), Duration::from_millis(200));
        ledger.enter(Entry::Offered { target: 0, second: 10 });
        ledger.enter(done(10, Outcome::Ok, 5));
        assert_eq!(ledger.settled(10, |_| 1.0), []);
        assert_eq!(ledger.settled(11, |_| 1.0).len(), 1);
    }

    #[test]
    fn slow_answers_and_failures_make_a_second_bad_and_failures_have_no_latency() {
        let mut ledger = Ledger::new("A".into(), Duration::from_millis(200));
        for (second, outcome, ms) in [(1, Outcome::Ok, 150), (2, Outcome::Ok, 250), (3, Outcome::Shed, 1)] {
            ledger.enter(Entry::Offered { target: 0, second });
            ledger.enter(done(second, outcome, ms));
        }
        let records = ledger.settled(9, |_| 1.0);
        assert_eq!(records[2].p99_ms, None);
        let summary = ledger.summary();
        assert_eq!((summary.seconds, summary.seconds_over_slo, summary.over_slo), (3, 2, 1));
        assert_eq!((summary.ok, summary.failed["shed"]), (2, 1));
        assert!((summary.max_ms.unwrap() - 250.0).abs() < 3.0);
    }
}
