//! Scores the forecaster on a folder of recordings, as it is and with one expert left out at a time.
//!
//! `cargo run --release -p presale-backtest --example ablation -- DIR [--all]`: 8 origins per recording over its last 40 %,
//! one day ahead, loss at six levels relative to the weekly seasonal naive with the quantiles of its own errors (the daily
//! one where less than two weeks precede), pooled as a geometric mean over the recordings. With `--all` one row per expert.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that answers on the terminal")]

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use jiff::{SignedDuration, Timestamp};
use presale_backtest::forecast::{Question, train_without};
use presale_backtest::trace::{Trace, read_events};
use presale_models::score::pinball::pinball;
use presale_models::{EventWindow, Expert, Level, PredictRequest, Target};

const ORIGINS: i64 = 8;
const LEVELS: [f64; 6] = [0.1, 0.5, 0.8, 0.9, 0.95, 0.99];
/// Seconds of the horizons that are pooled apart.
const HORIZONS: [i64; 3] = [900, 3600, 86_400];
const DAY: i64 = 86_400;

/// Sums of one recording and horizon.
#[derive(Debug, Clone, Copy, Default)]
struct Score {
    loss: f64,
    naive: f64,
    points: f64,
    below_q95: f64,
    inside_80: f64,
}

fn score(trace: &Trace, events: &[EventWindow], expert: Option<Expert>) -> [Score; 3] {
    let step = trace.step.max(300);
    let Ok(rows) = usize::try_from(DAY / step) else { return Default::default() };
    let levels: Vec<Level> = LEVELS.iter().filter_map(|p| Level::new(*p).ok()).collect();
    let question =
        Question { step, rows, levels: levels.clone(), target: Target::Point, time_zone: "UTC".into(), country: None };
    let all = trace.on_grid(step, None);
    let values: Vec<f64> = all.samples().iter().map(|s| s.value().unwrap_or(f64::NAN)).collect();
    let mut scores = [Score::default(); 3];
    let first = values.len() * 6 / 10;
    let room = values.len().saturating_sub(rows + first);
    for k in 0..ORIGINS {
        let Ok(offset) = usize::try_from(k) else { continue };
        let at = first + room * offset / 7;
        let seconds = all.start().as_second() + step * i64::try_from(at).unwrap_or(0);
        let Ok(origin) = Timestamp::from_second(seconds) else { continue };
        let Ok(model) = train_without(expert, trace, events, &question, origin) else { continue };
        let request =
            PredictRequest { origin, step: SignedDuration::from_secs(step), steps: rows, target: Target::Point };
        let Ok(forecast) = model.predict(&request) else { continue };
        let naive = Naive::new(&values[..at], rows);
        for (i, actual) in values[at..].iter().take(rows).enumerate().filter(|(_, y)| y.is_finite()) {
            let row: Vec<f64> = levels.iter().map(|l| forecast.value(i, *l).unwrap_or_default()).collect();
            for (horizon, score) in HORIZONS.iter().zip(&mut scores) {
                if step * i64::try_from(i).unwrap_or(0) < (*horizon).max(step) {
                    score.add(*actual, &row, &naive.row(&values[..at], i));
                }
            }
        }
    }
    scores
}

impl Score {
    fn add(&mut self, actual: f64, row: &[f64], naive: &[f64]) {
        let loss = |row: &[f64]| row.iter().zip(LEVELS).map(|(q, p)| pinball(actual, *q, p)).sum::<f64>();
        self.loss += loss(row);
        self.naive += loss(naive);
        self.points += 1.0;
        // Values that were stored as f32 may miss an equal one by a rounding.
        let slack = 1e-4 * actual.abs() + 1e-9;
        self.below_q95 += f64::from(u8::from(actual <= row[4] + slack));
        self.inside_80 += f64::from(u8::from(actual >= row[0] - slack && actual <= row[3] + slack));
    }
}

/// The seasonal naive with the quantiles of its own past errors.
struct Naive {
    lag: usize,
    errors: Vec<f64>,
}

impl Naive {
    fn new(past: &[f64], day: usize) -> Self {
        let lag = if past.len() >= 14 * day { 7 * day } else { day };
        let mut errors: Vec<f64> =
            (lag..past.len()).map(|i| past[i] - past[i - lag]).filter(|e| e.is_finite()).collect();
        errors.sort_by(f64::total_cmp);
        Self { lag, errors }
    }

    fn row(&self, past: &[f64], i: usize) -> Vec<f64> {
        let known = (1..=past.len() / self.lag.max(1)).filter_map(|k| (past.len() + i).checked_sub(k * self.lag));
        let point = known.filter_map(|at| past.get(at)).copied().find(|v| v.is_finite()).unwrap_or(0.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index below the length")]
        let at = |p: f64| (p * self.errors.len().saturating_sub(1) as f64).round() as usize;
        LEVELS.iter().map(|p| (point + self.errors.get(at(*p)).copied().unwrap_or(0.0)).max(0.0)).collect()
    }
}

fn recordings(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|e| Some(e.ok()?.path()))
        .filter(|p| p.to_string_lossy().contains(".csv") && !p.to_string_lossy().contains(".events."))
        .collect();
    paths.sort();
    paths
}

fn events_of(path: &Path) -> Vec<EventWindow> {
    let name = path.to_string_lossy().replace(".csv.gz", ".csv").replace(".csv", ".events.csv");
    read_events(Path::new(&name)).unwrap_or_default()
}

/// All recordings with one expert left out (or none), on two threads.
fn pool(traces: &[(Trace, Vec<EventWindow>)], expert: Option<Expert>) -> Vec<(usize, [Score; 3])> {
    let queue: Mutex<VecDeque<usize>> = Mutex::new((0..traces.len()).collect());
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(i) = queue.lock().ok().and_then(|mut q| q.pop_front()) {
                    let scores = score(&traces[i].0, &traces[i].1, expert);
                    if let Ok(mut done) = done.lock() {
                        done.push((i, scores));
                    }
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_default();
    done.sort_by_key(|(i, _)| *i);
    done
}

fn print_row(name: &str, scores: &[(usize, [Score; 3])]) {
    let mut cells = Vec::new();
    for h in 0..HORIZONS.len() {
        let usable: Vec<&Score> = scores.iter().map(|(_, s)| &s[h]).filter(|s| s.naive > 0.0 && s.loss > 0.0).collect();
        let n = usable.len().max(1) as f64;
        let logs: f64 = usable.iter().map(|s| (s.loss / s.naive).ln()).sum();
        let of = |get: fn(&Score) -> f64| usable.iter().map(|s| get(s) / s.points).sum::<f64>() / n;
        cells.push(format!("{:.3} | {:.3} | {:.3}", (logs / n).exp(), of(|s| s.below_q95), of(|s| s.inside_80)));
    }
    println!("| {name} | {} |", cells.join(" | "));
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(folder) = arguments.first() else {
        eprintln!("ablation: name a folder of timestamp,value recordings");
        std::process::exit(2);
    };
    let mut traces = Vec::new();
    for path in recordings(Path::new(folder)) {
        match Trace::read(&path) {
            Ok(trace) if trace.step < DAY && trace.end().as_second() - trace.start().as_second() > 5 * DAY => {
                traces.push((trace, events_of(&path)));
            }
            Ok(trace) => eprintln!("{}: too coarse or shorter than five days, left out", trace.name),
            Err(refused) => eprintln!("{refused}"),
        }
    }
    eprintln!("{} recordings", traces.len());
    println!("| left out | WQL 15 min | q95 | 80 % | WQL 1 h | q95 | 80 % | WQL 24 h | q95 | 80 % |");
    println!("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
    let whole = pool(&traces, None);
    print_row("nothing", &whole);
    if arguments.iter().any(|a| a == "--all") {
        for expert in Expert::ALL {
            print_row(&format!("{expert:?}"), &pool(&traces, Some(expert)));
        }
        return;
    }
    println!("\n| recording | 15 min | 1 h | 24 h |\n|---|--:|--:|--:|");
    for (i, scores) in &whole {
        let cell = |s: &Score| format!("{:.3}", s.loss / s.naive);
        println!("| {} | {} |", traces[*i].0.name, scores.iter().map(cell).collect::<Vec<_>>().join(" | "));
    }
}
