//! The record of decisions on disk: what was known and what was decided, so that any decision can be explained and replayed.
//!
//! One JSON object per line and one file per service, appended to; at its limit a file becomes the previous one, so that
//! at most two are kept. A line that a crash tore apart is skipped. The record is for people: losing it loses no safety.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use presale_planner::{Decision, PlanInput};
use presale_prometheus::ServiceKey;
use serde::{Deserialize, Serialize};

/// One decision with everything it rested on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// When.
    pub(crate) at: Timestamp,
    /// What was decided.
    pub(crate) decision: Decision,
    /// What was known.
    pub(crate) input: PlanInput,
}

/// The ledger of all services.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    directory: PathBuf,
    limit: u64,
    writing: Arc<Mutex<()>>,
}

/// The ledger cannot be written or read.
#[derive(Debug, thiserror::Error)]
#[error("{operation} {path}: {source}")]
pub(crate) struct LedgerError {
    operation: &'static str,
    path: String,
    #[source]
    source: io::Error,
}

impl Ledger {
    /// A ledger under `directory` that keeps at most twice `limit` bytes per service.
    pub(crate) fn new(directory: &Path, limit: u64) -> Self {
        Self { directory: directory.join("ledger"), limit, writing: Arc::default() }
    }

    /// Appends a record without holding anything up; a disk that refuses is a warning.
    pub(crate) async fn record(&self, key: &ServiceKey, record: Arc<Record>) {
        let (ledger, owner) = (self.clone(), key.clone());
        let written = tokio::task::spawn_blocking(move || ledger.append(&owner, &record)).await;
        if let Ok(Err(error)) = written {
            tracing::warn!(service = %key, %error, "a decision is not recorded; it stands all the same");
        }
    }

    /// Appends a record. Blocks on the disk.
    ///
    /// # Errors
    /// [`LedgerError`] with the path; the decision stands all the same.
    pub(crate) fn append(&self, key: &ServiceKey, record: &Record) -> Result<(), LedgerError> {
        let path = self.file(key);
        let failed = |operation| failure(operation, &path);
        let mut line = serde_json::to_vec(record).map_err(|e| failed("encode a record for")(e.into()))?;
        line.push(b'\n');
        let _one_at_a_time = self.writing.lock();
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed("make the folder of"))?;
        }
        if fs::metadata(&path).is_ok_and(|found| found.len() + line.len() as u64 > self.limit) {
            fs::rename(&path, previous(&path)).map_err(failed("rotate"))?;
        }
        let mut file = OpenOptions::new().create(true).append(true).open(&path).map_err(failed("open"))?;
        file.write_all(&line).map_err(failed("append to"))
    }

    /// The newest record at or before `at`; `None` where there is none. Blocks on the disk.
    ///
    /// # Errors
    /// [`LedgerError`] where a file exists and cannot be read.
    pub(crate) fn at(&self, key: &ServiceKey, at: Timestamp) -> Result<Option<Record>, LedgerError> {
        let path = self.file(key);
        match newest(&path, at)? {
            Some(record) => Ok(Some(record)),
            None => newest(&previous(&path), at),
        }
    }

    /// Bytes on disk. Blocks on the disk.
    pub(crate) fn bytes(&self) -> u64 {
        let files = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten();
        let sizes = files(&self.directory).flat_map(|folder| files(&folder.path()).collect::<Vec<_>>());
        sizes.filter_map(|file| file.metadata().ok()).map(|found| found.len()).sum()
    }

    /// Removes the record of a service that is gone. Blocks on the disk.
    pub(crate) fn forget(&self, key: &ServiceKey) {
        let path = self.file(key);
        for file in [previous(&path), path] {
            if let Err(error) = fs::remove_file(&file)
                && error.kind() != io::ErrorKind::NotFound
            {
                tracing::warn!(%error, file = %file.display(), "could not remove the ledger of a service that is gone");
            }
        }
    }

    /// Kubernetes names hold no separators, so they make safe paths.
    fn file(&self, key: &ServiceKey) -> PathBuf {
        self.directory.join(&key.namespace).join(format!("{}.jsonl", key.service))
    }
}

fn previous(path: &Path) -> PathBuf {
    path.with_extension("previous.jsonl")
}

fn newest(path: &Path, at: Timestamp) -> Result<Option<Record>, LedgerError> {
    #[derive(Deserialize)]
    struct Stamp {
        at: Timestamp,
    }
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(failure("open", path))?,
    };
    let mut found = None;
    for line in BufReader::new(file).split(b'\n') {
        let line = line.map_err(failure("read", path))?;
        // A torn line is no record.
        if serde_json::from_slice::<Stamp>(&line).is_ok_and(|stamp| stamp.at <= at) {
            found = Some(line);
        }
    }
    Ok(found.and_then(|line| serde_json::from_slice(&line).ok()))
}

fn failure(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> LedgerError {
    let path = path.display().to_string();
    move |source| LedgerError { operation, path, source }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use presale_models::{Level, Reading, Series};
    use presale_planner::{Behavior, ForecastInput, Mode, Policy, ReplicaCounts, Saturation, Select, Trust, decide};

    use super::*;

    fn record(second: i64) -> Record {
        let now = Timestamp::from_second(1_800_000_000 + second).unwrap();
        let free = Behavior { stabilization: None, limits: vec![], select: Select::Max };
        let input = PlanInput {
            now,
            policy: Policy {
                min: 2,
                max: 20,
                fixed: None,
                mode: Mode::Auto,
                level: Level::new(0.95).unwrap(),
                trust: Trust::Earned,
                up: free.clone(),
                down: free,
                paused_out: false,
                paused_in: false,
                hand_hold: SignedDuration::from_mins(5),
            },
            replicas: ReplicaCounts { current: 2, ready: 2, starting: 0 },
            load: Reading::Fresh { value: 311.1 / 3.0, at: now },
            recent: Series::new(now, SignedDuration::from_secs(15), vec![]).unwrap(),
            saturation: Saturation { latency: Reading::Empty, latency_limit: None, over_since: None },
            forecast: ForecastInput::Unavailable { reason: "not_enough_history".into() },
            capacity_p10: Some(50.0),
            capacity_p50: Some(60.0),
            lead_time: SignedDuration::from_mins(3),
            promotions: vec![],
            history: vec![],
            changes: vec![],
            hand_scaled: None,
            conflict: None,
            reserve: None,
        };
        Record { at: now, decision: decide(&input), input }
    }

    fn key() -> ServiceKey {
        ServiceKey::new("shop", "catalog")
    }

    #[test]
    fn a_decision_comes_back_as_it_was_and_replays_to_itself() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::new(folder.path(), 1 << 20);
        for second in [0, 15, 30] {
            ledger.append(&key(), &record(second)).unwrap();
        }
        let found = ledger.at(&key(), record(29).at).unwrap().unwrap();
        assert_eq!(found, record(15));
        assert_eq!(decide(&found.input), found.decision);
        assert_eq!(ledger.at(&key(), record(-1).at).unwrap(), None);
    }

    #[test]
    fn a_torn_line_is_skipped_and_what_follows_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::new(folder.path(), 1 << 20);
        ledger.append(&key(), &record(0)).unwrap();
        let mut file = OpenOptions::new().append(true).open(ledger.file(&key())).unwrap();
        file.write_all(b"{\"at\":\"2027-01\n").unwrap();
        ledger.append(&key(), &record(30)).unwrap();
        assert_eq!(ledger.at(&key(), record(40).at).unwrap(), Some(record(30)));
    }

    #[test]
    fn disk_use_is_bounded_and_the_newest_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::new(folder.path(), 10_000);
        for tick in 0..100 {
            ledger.append(&key(), &record(tick * 15)).unwrap();
        }
        assert!(ledger.bytes() <= 20_000, "{}", ledger.bytes());
        assert_eq!(ledger.at(&key(), record(10_000).at).unwrap(), Some(record(99 * 15)));
        ledger.forget(&key());
        assert_eq!(ledger.bytes(), 0);
    }
}
