//! Recorded traffic as others keep it: `timestamp,value` CSV (plain or gzip) and Prometheus range JSON, put on a grid.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use jiff::{SignedDuration, Timestamp};
use presale_models::{EventWindow, Sample, Series};

/// Rows that are read at most: two years by the second.
const MOST_ROWS: usize = 64_000_000;

/// Why a file is no trace. Every variant names the file, the line and what would pass.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The file cannot be opened or read.
    #[error("{path}: cannot be read: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A line does not fit.
    #[error("{path}:{line}: {what}")]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong and what would pass.
        what: String,
    },
    /// The whole does not fit.
    #[error("{path}: {what}")]
    Whole {
        /// The file.
        path: PathBuf,
        /// What is wrong and what would pass.
        what: String,
    },
}

/// A recorded series as it came: seconds since the epoch and values, strictly ascending.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// File name without its endings.
    pub name: String,
    /// Seconds since the epoch.
    pub seconds: Vec<i64>,
    /// Values, finite and ≥ 0, in the trace's own unit.
    pub values: Vec<f64>,
    /// Spacing of the recording: the median distance of neighbours, seconds.
    pub step: i64,
}

impl Trace {
    /// Reads a file; `.gz` is unpacked, a leading `{` means Prometheus range JSON.
    ///
    /// # Errors
    /// [`TraceError`] with the file, the line and what would pass.
    pub fn read(path: &Path) -> Result<Self, TraceError> {
        let file = File::open(path).map_err(|source| TraceError::Read { path: path.into(), source })?;
        let inner: Box<dyn Read> = if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("gz")) {
            Box::new(MultiGzDecoder::new(BufReader::new(file)))
        } else {
            Box::new(file)
        };
        let mut reader = BufReader::with_capacity(1 << 16, inner);
        let first = reader.fill_buf().map_err(|source| TraceError::Read { path: path.into(), source })?;
        let json = first.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'{');
        let (seconds, values) = if json { from_json(path, reader)? } else { from_csv(path, reader)? };
        let step = median_step(&seconds).ok_or_else(|| TraceError::Whole {
            path: path.into(),
            what: "holds fewer than two rows: a recording of at least a few dozen steps would pass".into(),
        })?;
        Ok(Self { name: stem(path), seconds, values, step })
    }

    /// The mean of the recorded values per grid step of `step` seconds (multiples since the epoch); a step with less than
    /// half of its recordings is missing. `before` cuts everything at or after it.
    pub fn on_grid(&self, step: i64, before: Option<Timestamp>) -> Series {
        let step = step.max(1);
        let cut = before.map_or(i64::MAX, Timestamp::as_second);
        let n = self.seconds.partition_point(|s| *s < cut);
        let first = self.seconds.first().map_or(0, |s| s.div_euclid(step));
        let last = n.checked_sub(1).map_or(first - 1, |i| self.seconds[i].div_euclid(step));
        let end = if before.is_some() && cut.rem_euclid(step) == 0 { cut.div_euclid(step) - 1 } else { last };
        let len = usize::try_from(end - first + 1).unwrap_or(0);
        let mut sums = vec![(0.0, 0_i64); len];
        for (second, value) in self.seconds[..n].iter().zip(&self.values) {
            if let Some(slot) = usize::try_from(second.div_euclid(step) - first).ok().and_then(|i| sums.get_mut(i)) {
                slot.0 += value;
                slot.1 += 1;
            }
        }
        let enough = (step / 2 / self.step.max(1)).max(1);
        let samples = sums
            .into_iter()
            .map(|(sum, n)| if n >= enough { Sample::from_raw(sum / n as f64) } else { Sample::Missing })
            .collect();
        let start = Timestamp::from_second(first * step).unwrap_or(Timestamp::MIN);
        Series::new(start, SignedDuration::from_secs(step), samples).unwrap_or_else(|_| empty(start))
    }

    /// First recorded instant.
    pub fn start(&self) -> Timestamp {
        self.seconds.first().and_then(|s| Timestamp::from_second(*s).ok()).unwrap_or(Timestamp::MIN)
    }

    /// End of the last recorded step.
    pub fn end(&self) -> Timestamp {
        self.seconds.last().and_then(|s| Timestamp::from_second(s + self.step).ok()).unwrap_or(Timestamp::MAX)
    }
}

fn empty(start: Timestamp) -> Series {
    match Series::new(start, SignedDuration::from_secs(1), Vec::new()) {
        Ok(series) => series,
        Err(_) => unreachable!("one second is longer than zero"),
    }
}

/// Reads `start,end,name,kind` with `end` exclusive. Kinds that can only be known afterwards (`anomaly`, `outage`,
/// `blackout`, `unforeseen-*`, `*shutdown`) are known from their end on.
///
/// # Errors
/// [`TraceError`] with the file, the line and what would pass.
pub fn read_events(path: &Path) -> Result<Vec<EventWindow>, TraceError> {
    let file = File::open(path).map_err(|source| TraceError::Read { path: path.into(), source })?;
    let mut events = Vec::new();
    for (index, line) in BufReader::new(file).lines().enumerate() {
        let line = line.map_err(|source| TraceError::Read { path: path.into(), source })?;
        let fields: Vec<&str> = line.split(',').map(str::trim).collect();
        if (index == 0 && fields[0].eq_ignore_ascii_case("start")) || line.trim().is_empty() {
            continue;
        }
        let bad = |what: &str| TraceError::Line { path: path.into(), line: index + 1, what: what.into() };
        let [start, end, .., kind] = fields.as_slice() else { return Err(bad("needs start,end,name,kind")) };
        let start = parse_time(start).ok_or_else(|| bad("start is no RFC 3339 time and no epoch"))?;
        let end = parse_time(end).ok_or_else(|| bad("end is no RFC 3339 time and no epoch"))?;
        if end <= start {
            return Err(bad("ends before it starts: a later end would pass"));
        }
        let (start, end) = (stamp(start), stamp(end));
        let known_from = if known_afterwards(kind) { end } else { Timestamp::MIN };
        events.push(EventWindow { start, end, kind: (*kind).into(), known_from, uplift: None });
    }
    Ok(events)
}

fn known_afterwards(kind: &str) -> bool {
    matches!(kind, "anomaly" | "outage" | "blackout") || kind.starts_with("unforeseen") || kind.ends_with("shutdown")
}

fn stamp(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap_or(Timestamp::MAX)
}

fn from_csv(path: &Path, mut reader: impl BufRead) -> Result<(Vec<i64>, Vec<f64>), TraceError> {
    let (mut seconds, mut values) = (Vec::new(), Vec::new());
    let (mut line, mut number, mut zoned) = (Vec::new(), 0, None);
    loop {
        line.clear();
        let read =
            reader.read_until(b'\n', &mut line).map_err(|source| TraceError::Read { path: path.into(), source })?;
        if read == 0 {
            break;
        }
        number += 1;
        let bad = |what: String| TraceError::Line { path: path.into(), line: number, what };
        let text = std::str::from_utf8(&line).map_err(|_| bad("is not UTF-8: a text file would pass".into()))?;
        let text = text.trim_start_matches('\u{feff}').trim();
        let mut fields = text.split([',', ';', '\t']).map(|f| f.trim().trim_matches('"'));
        let (time, value) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
        if text.is_empty() || (number == 1 && parse_time(time).is_none()) {
            continue;
        }
        let second = parse_time(time).ok_or_else(|| {
            bad(format!("'{time}' is no time: RFC 3339 (2026-01-31T12:00:00Z) or epoch seconds would pass"))
        })?;
        if *zoned.get_or_insert(time.contains('T')) != time.contains('T') {
            return Err(bad("mixes RFC 3339 and epoch times: one of them throughout would pass".into()));
        }
        if seconds.last().is_some_and(|last| second <= *last) {
            let what = if seconds.last() == Some(&second) {
                "repeats the time of the row before"
            } else {
                "is older than the row before"
            };
            return Err(bad(format!("{what}: strictly ascending times would pass (sort -u)")));
        }
        if value.is_empty() || value.eq_ignore_ascii_case("nan") {
            continue;
        }
        let parsed: f64 = value.parse().map_err(|_| bad(format!("'{value}' is no number")))?;
        if !parsed.is_finite() || parsed < 0.0 {
            return Err(bad(format!("value {value} is out of range: finite numbers from 0 up would pass")));
        }
        if seconds.len() >= MOST_ROWS {
            return Err(bad(format!("is beyond {MOST_ROWS} rows: a coarser step would pass")));
        }
        seconds.push(second);
        values.push(parsed);
    }
    if seconds.is_empty() {
        return Err(TraceError::Whole {
            path: path.into(),
            what: "is empty: rows of timestamp,value would pass".into(),
        });
    }
    Ok((seconds, values))
}

fn from_json(path: &Path, reader: impl Read) -> Result<(Vec<i64>, Vec<f64>), TraceError> {
    let whole = |what: String| TraceError::Whole { path: path.into(), what };
    let json: serde_json::Value = serde_json::from_reader(reader).map_err(|e| whole(format!("is no JSON: {e}")))?;
    let result = json.pointer("/data/result").or_else(|| json.get("result")).and_then(|r| r.as_array());
    let series = match result.map(Vec::as_slice) {
        Some([one]) => one,
        Some(many) => {
            return Err(whole(format!("holds {} series: exactly one would pass (sum(…) in the query)", many.len())));
        }
        None => return Err(whole("has no data.result: the answer of /api/v1/query_range would pass".into())),
    };
    let (mut seconds, mut values) = (Vec::new(), Vec::new());
    for pair in series.get("values").and_then(|v| v.as_array()).into_iter().flatten() {
        let time = pair.get(0).and_then(serde_json::Value::as_f64);
        let value = pair.get(1).and_then(|v| v.as_str()).and_then(|v| v.parse::<f64>().ok());
        let (Some(time), Some(value)) = (time, value) else {
            return Err(whole("holds a value that is no [time, \"number\"]".into()));
        };
        #[expect(clippy::cast_possible_truncation, reason = "seconds since the epoch")]
        let second = time.floor() as i64;
        if value.is_finite() && value >= 0.0 && seconds.last().is_none_or(|last| second > *last) {
            seconds.push(second);
            values.push(value);
        }
    }
    if seconds.is_empty() { Err(whole("holds no values".into())) } else { Ok((seconds, values)) }
}

fn parse_time(text: &str) -> Option<i64> {
    if let Ok(seconds) = text.parse::<f64>() {
        #[expect(clippy::cast_possible_truncation, reason = "bounded by the filter")]
        return (0.0..4e12)
            .contains(&seconds)
            .then(|| if seconds > 4e10 { seconds / 1000.0 } else { seconds }.floor() as i64);
    }
    text.parse::<Timestamp>()
        .ok()
        .or_else(|| text.replacen(' ', "T", 1).parse::<Timestamp>().ok())
        .or_else(|| format!("{}Z", text.replacen(' ', "T", 1)).parse::<Timestamp>().ok())
        .or_else(|| format!("{text}T00:00:00Z").parse::<Timestamp>().ok())
        .map(Timestamp::as_second)
}

fn median_step(seconds: &[i64]) -> Option<i64> {
    let mut steps: Vec<i64> = seconds.windows(2).map(|w| w[1] - w[0]).collect();
    steps.sort_unstable();
    steps.get(steps.len() / 2).copied()
}

fn stem(path: &Path) -> String {
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    name.trim_end_matches(".gz").trim_end_matches(".csv").trim_end_matches(".json").to_owned()
}
