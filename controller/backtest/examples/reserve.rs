//! What a warm reserve saves: Presale with and without one at its default settings over a folder of recordings.
//!
//! `cargo run --release -p presale-backtest --example reserve -- DIR [NAME-PREFIX,…] [LEAD-SECONDS]`. *Smooth* is a recording
//! as in the race: some target keeps an HPA within the allowed share of unserved requests at no more than one and a half times
//! the oracle's replica-hours. A recording has *moderate bursts* if its peak is 3 to 10 times its mean; there every policy
//! without a reserve runs at every target of a sweep, Presale itself at every level, and the cheapest that leaves as little
//! unserved as the reserve does is the one compared with.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that answers on the terminal")]

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use presale_backtest::contest::{Contest, NAMES, TARGETS};
use presale_backtest::outcome::Outcome;
use presale_backtest::plant::Plant;
use presale_backtest::simulate::Scenario;
use presale_backtest::trace::{Trace, read_events};
use presale_models::Level;

/// Share of requests that may go unserved.
const ALLOWED: f64 = 0.001;
/// Longest step of a recording: 10 min.
const COARSEST: i64 = 600;
/// Days of training, at most.
const TRAIN: f64 = 14.0;
/// A recording that no HPA keeps within the allowance below this multiple of the oracle's replica-hours is not smooth.
const SMOOTH: f64 = 1.5;
/// Peak over mean of moderate bursts.
const MODERATE: (f64, f64) = (3.0, 10.0);
/// Targets below those of every sweep.
const LOW: [f64; 6] = [0.1, 0.15, 0.2, 0.25, 0.3, 0.35];
/// Levels of Presale without a reserve beside its default.
const LEVELS: [f64; 4] = [0.5, 0.8, 0.9, 0.99];
/// Costs of a warm replica as shares of a full one.
const COSTS: [f64; 3] = [0.1, 0.25, 1.0];
/// Policies that are not compared with: ours, and those that know the future.
const APART: [&str; 3] = ["presale-reserve", "oracle", "static-max"];

/// What one recording gave.
struct Race {
    name: String,
    peak: f64,
    warm_cost: f64,
    outcomes: Vec<Outcome>,
}

impl Race {
    fn first(&self, policy: &str) -> Option<&Outcome> {
        self.outcomes.iter().find(|o| o.policy == policy)
    }

    /// With and without a reserve, and the oracle.
    fn pair(&self) -> Option<(&Outcome, &Outcome, &Outcome)> {
        Some((self.first("presale-reserve")?, self.first("presale")?, self.first("oracle")?))
    }

    /// Replica-hours were a warm replica's cost `cost`.
    fn hours(&self, outcome: &Outcome, cost: f64) -> f64 {
        outcome.replica_hours + (cost - self.warm_cost) * outcome.warm_hours.unwrap_or(0.0)
    }

    fn is_smooth(&self) -> bool {
        let within = |o: &&Outcome| o.policy == "hpa" && o.unserved_ratio <= ALLOWED;
        let cheapest = self.outcomes.iter().filter(within).map(|o| o.oracle_ratio).fold(f64::INFINITY, f64::min);
        cheapest <= SMOOTH
    }

    fn is_moderate(&self) -> bool {
        (MODERATE.0..=MODERATE.1).contains(&self.peak)
    }

    /// Fewest replica-hours of any policy without a reserve that leaves no more than `allowed` unserved, and which it is; on a
    /// straight line between the settings of one policy.
    fn best_without(&self, allowed: f64) -> Option<(f64, &'static str)> {
        let at = |policy: &&'static str| Some((self.hours_at(policy, allowed)?, *policy));
        NAMES.iter().filter(|n| !APART.contains(n)).filter_map(at).min_by(|a, b| a.0.total_cmp(&b.0))
    }

    fn hours_at(&self, policy: &str, allowed: f64) -> Option<f64> {
        let mut sweep: Vec<(f64, f64)> =
            self.outcomes.iter().filter(|o| o.policy == policy).map(|o| (o.unserved_ratio, o.replica_hours)).collect();
        sweep.sort_by(|a, b| a.1.total_cmp(&b.1));
        let fits = sweep.iter().position(|(unserved, _)| *unserved <= allowed)?;
        let (unserved, hours) = sweep[fits];
        Some(match fits.checked_sub(1).map(|before| sweep[before]) {
            Some((more, fewer)) if more > unserved => {
                hours + (fewer - hours) * (allowed - unserved) / (more - unserved)
            }
            _ => hours,
        })
    }
}

fn race(path: &Path, lead: f64) -> Result<Option<Race>, String> {
    let trace = Trace::read(path).map_err(|e| e.to_string())?;
    if trace.step > COARSEST {
        return Ok(None);
    }
    let mean = trace.values.iter().sum::<f64>() / trace.values.len().max(1) as f64;
    let peak = trace.values.iter().copied().fold(0.0, f64::max) / mean.max(1e-12);
    let name = path.to_string_lossy().replace(".csv.gz", ".csv").replace(".csv", ".events.csv");
    let events = read_events(Path::new(&name)).unwrap_or_default();
    let plant = Plant { lead_seconds: lead, ..Plant::default() };
    let warm_cost = plant.warm.cost;
    let Some(scenario) = Scenario::cut(&trace, events, plant, TRAIN, 1) else { return Ok(None) };
    let run = |only: &[&str], target: f64, level: f64| {
        let (only, level) = (only.iter().map(|n| (*n).to_owned()).collect(), Level::new(level).ok());
        let contest = Contest { only, target, ..Contest::default() };
        let contest = Contest { level: level.unwrap_or(contest.level), ..contest };
        contest.run(&scenario, &|_| (), &|_, _, _| ())
    };
    let default = Contest::default().level.get();
    let mut outcomes = run(&["presale-reserve", "presale", "presale-net", "oracle", "static-max"], TARGETS[0], default);
    let mut race = Race { name: trace.name, peak, warm_cost, outcomes: Vec::new() };
    let swept: Vec<&str> = if race.is_moderate() {
        outcomes.extend(LEVELS.iter().flat_map(|level| run(&["presale", "presale-net"], TARGETS[0], *level)));
        outcomes.extend(run(&["seasonal-naive-q95"], TARGETS[0], default));
        let apart = ["presale", "presale-net", "seasonal-naive-q95"];
        NAMES.iter().filter(|n| !APART.contains(n) && !apart.contains(n)).copied().collect()
    } else {
        vec!["hpa"]
    };
    outcomes.extend(LOW.iter().chain(&TARGETS).flat_map(|target| run(&swept, *target, default)));
    race.outcomes = outcomes;
    Ok(Some(race))
}

/// Races over recordings on two threads; the answers come in the recordings' order.
fn race_all(paths: &[PathBuf], lead: f64) -> Vec<Option<Result<Option<Race>, String>>> {
    let next = AtomicUsize::new(0);
    let answers = Mutex::new(paths.iter().map(|_| None).collect::<Vec<_>>());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(path) = paths.get(index) else { break };
                    let answer = race(path, lead);
                    if let Ok(mut answers) = answers.lock() {
                        answers[index] = Some(answer);
                    }
                }
            });
        }
    });
    answers.into_inner().unwrap_or_default()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let n = values.len();
    if n == 0 { f64::NAN } else { f64::midpoint(values[(n - 1) / 2], values[n / 2]) }
}

fn print_smooth(races: &[&Race], lead: f64) {
    println!(
        "\n| smooth recording (lead {lead} s) | without ÷ oracle | unserved | changes/day | with ÷ oracle at .1 | .25 | 1.0 | unserved | changes/day | excess, with ÷ without |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
    let mut columns: [Vec<f64>; 5] = Default::default();
    for race in races {
        let Some((with, without, oracle)) = race.pair() else { continue };
        let [low, middle, high] = COSTS.map(|cost| race.hours(with, cost) / oracle.replica_hours);
        let excess = (middle - 1.0) / (without.oracle_ratio - 1.0);
        println!(
            "| {} | {:.3} | {:.4} % | {:.0} | {low:.3} | {middle:.3} | {high:.3} | {:.4} % | {:.0} | {excess:.2} |",
            race.name,
            without.oracle_ratio,
            100.0 * without.unserved_ratio,
            without.actions_per_day,
            100.0 * with.unserved_ratio,
            with.actions_per_day,
        );
        for (column, value) in columns.iter_mut().zip([without.oracle_ratio, low, middle, high, excess]) {
            column.push(value);
        }
    }
    let within =
        |policy: &str| races.iter().filter(|r| r.first(policy).is_some_and(|o| o.unserved_ratio <= ALLOWED)).count();
    let (before, after, all) = (within("presale"), within("presale-reserve"), races.len());
    let [without, low, middle, high, excess] = columns.map(median);
    println!(
        "| median | {without:.3} | {before} of {all} within 0.1 % | | {low:.3} | {middle:.3} | {high:.3} | {after} of {all} within 0.1 % | | {excess:.2} |"
    );
}

fn print_moderate(races: &[&Race], lead: f64) {
    println!(
        "\n| moderate bursts (lead {lead} s) | peak ÷ mean | unserved, with | ÷ oracle | best without at as little | at .1 | .25 | 1.0 | presale ÷ oracle | unserved |"
    );
    println!("|---|--:|--:|--:|---|--:|--:|--:|--:|--:|");
    let mut columns: [Vec<f64>; 3] = Default::default();
    for race in races {
        let Some((with, without, _)) = race.pair() else { continue };
        let (best, named) = match race.best_without(with.unserved_ratio) {
            Some((hours, policy)) => (hours, policy.to_owned()),
            None => (race.first("static-max").map_or(f64::NAN, |o| o.replica_hours), "none; static-max".to_owned()),
        };
        let beside = COSTS.map(|cost| race.hours(with, cost) / best - 1.0);
        let cells = beside.map(|b| format!("{:+.1} %", 100.0 * b));
        println!(
            "| {} | {:.1} | {:.4} % | {:.3} | {named} | {} | {:.3} | {:.4} % |",
            race.name,
            race.peak,
            100.0 * with.unserved_ratio,
            with.oracle_ratio,
            cells.join(" | "),
            without.oracle_ratio,
            100.0 * without.unserved_ratio,
        );
        for (column, value) in columns.iter_mut().zip(beside) {
            column.push(value);
        }
    }
    let cells = columns.map(|c| format!("{:+.1} %", 100.0 * median(c)));
    println!("| median of {} | | | | | {} | | |", races.len(), cells.join(" | "));
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(folder) = arguments.first() else {
        eprintln!("reserve: name a folder of timestamp,value recordings");
        std::process::exit(2);
    };
    let prefixes: Vec<&str> = arguments.get(1).map_or("", String::as_str).split(',').collect();
    let lead = arguments.get(2).and_then(|l| l.parse().ok()).unwrap_or(180.0);
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(|e| Some(e.ok()?.path()));
    let named = |p: &PathBuf| {
        let name = p.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let asked_for = prefixes.iter().any(|prefix| name.starts_with(prefix));
        asked_for && name.contains(".csv") && !name.contains(".events.")
    };
    let mut paths: Vec<PathBuf> = entries.filter(named).collect();
    paths.sort();
    let mut races = Vec::new();
    for (path, outcome) in paths.iter().zip(race_all(&paths, lead)) {
        match outcome {
            Some(Ok(Some(race))) => races.push(race),
            Some(Ok(None)) | None => eprintln!("{}: too coarse or too short, left out", path.display()),
            Some(Err(refused)) => eprintln!("{refused}"),
        }
    }
    let smooth: Vec<&Race> = races.iter().filter(|r| r.is_smooth()).collect();
    let moderate: Vec<&Race> = races.iter().filter(|r| r.is_moderate()).collect();
    print_smooth(&smooth, lead);
    print_moderate(&moderate, lead);
}
