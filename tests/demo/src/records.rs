//! What the load generator wrote down, second by second, for both sides.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::io::Write;
use std::ops::AddAssign;
use std::sync::{Arc, Mutex, PoisonError};

use loadgen::connection::Outcome;
use serde::{Deserialize, Serialize, Serializer};

use crate::scenario::SIDES;

/// One second at one side; requests belong to the second that they were meant to start in.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Second {
    /// Requests that were meant to start.
    pub(crate) offered: u64,
    /// Those that failed.
    pub(crate) failed: Failed,
    /// 99th percentile of the good answers, from the intended start; `None` where there was none.
    pub(crate) p99_ms: Option<f64>,
}

/// Failed requests by kind, in the order of [`Outcome::FAILURES`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Failed([u64; Outcome::FAILURES.len()]);

impl Failed {
    /// All kinds together.
    pub(crate) fn all(&self) -> u64 {
        self.0.iter().sum()
    }

    fn of(counts: &BTreeMap<String, u64>) -> Self {
        Self(Outcome::FAILURES.map(|kind| counts.get(kind.label()).copied().unwrap_or(0)))
    }

    fn kinds(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Outcome::FAILURES.into_iter().zip(self.0).filter(|(_, n)| *n > 0).map(|(kind, n)| (kind.label(), n))
    }
}

impl AddAssign for Failed {
    fn add_assign(&mut self, other: Self) {
        for (sum, n) in self.0.iter_mut().zip(other.0) {
            *sum += n;
        }
    }
}

impl Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failed", self.all())?;
        for (i, (kind, n)) in self.kinds().enumerate() {
            write!(f, "{} {kind} {n}", if i == 0 { ":" } else { "," })?;
        }
        Ok(())
    }
}

impl Serialize for Failed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.kinds())
    }
}

/// Seconds since 1970, and what happened in them at each side.
pub(crate) type Seconds = BTreeMap<i64, [Option<Second>; SIDES.len()]>;

/// The book that the generator writes into while the view reads from it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Records(Arc<Mutex<Seconds>>);

impl Records {
    /// Everything that has settled so far.
    pub(crate) fn seconds(&self) -> Seconds {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A writer for the generator's lines of JSON.
    pub(crate) fn sink(&self) -> Sink {
        Sink { records: self.clone(), line: Vec::new() }
    }
}

/// Takes lines of JSON.
#[derive(Debug)]
pub(crate) struct Sink {
    records: Records,
    line: Vec<u8>,
}

#[derive(Deserialize)]
struct Line {
    t: i64,
    target: String,
    offered: u64,
    failed: BTreeMap<String, u64>,
    p99_ms: Option<f64>,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        for byte in bytes {
            if *byte == b'\n' {
                let line: Line = serde_json::from_slice(&self.line)?;
                self.line.clear();
                let second = Second { offered: line.offered, failed: Failed::of(&line.failed), p99_ms: line.p99_ms };
                if let Some(side) = SIDES.iter().position(|side| *side == line.target) {
                    let mut seconds = self.records.0.lock().unwrap_or_else(PoisonError::into_inner);
                    if let Some(place) = seconds.entry(line.t).or_default().get_mut(side) {
                        *place = Some(second);
                    }
                }
            } else {
                self.line.push(*byte);
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// So many requests that failed in one way.
    pub(crate) fn failed(kind: &str, n: u64) -> Failed {
        Failed::of(&BTreeMap::from([(kind.to_owned(), n)]))
    }

    #[test]
    fn failures_are_told_by_kind() {
        let mut all = failed("shed", 2);
        all += failed("timeout", 1);
        assert_eq!(all.to_string(), "3 failed: shed 2, timeout 1");
        assert_eq!(Failed::default().to_string(), "0 failed");
        assert_eq!(serde_json::to_string(&all).unwrap(), r#"{"shed":2,"timeout":1}"#);
    }

    #[test]
    fn lines_that_come_in_pieces_fill_both_sides_of_their_second() {
        let records = Records::default();
        let mut sink = records.sink();
        let line = |side| {
            format!(
                "{{\"t\":7,\"target\":\"{side}\",\"rate\":1.0,\"offered\":5,\"ok\":3,\
                 \"failed\":{{\"shed\":2}},\"p50_ms\":1.0,\"p99_ms\":9.5,\"over_slo\":0}}\n"
            )
        };
        let text = line("Presale") + &line("HPA");
        let (first, second) = text.split_at(40);
        sink.write_all(first.as_bytes()).unwrap();
        assert!(records.seconds().is_empty());
        sink.write_all(second.as_bytes()).unwrap();
        let expected = Some(Second { offered: 5, failed: failed("shed", 2), p99_ms: Some(9.5) });
        assert_eq!(records.seconds()[&7], [expected, expected]);
    }
}
