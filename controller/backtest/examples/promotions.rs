//! Races Presale over semi-synthetic promotions on a folder of recordings: told of them, not told, and the HPA at its best.
//!
//! `cargo run --release -p presale-backtest --example promotions -- DIR [ONLY] [LEAD-SECONDS] [SEED] [JSON-FILE]`: ONLY are
//! prefixes of names, separated by commas. Every day or two a promotion of ×2 to ×10 lies on the recording; its true size
//! nobody sees, the merchant's guess is off by up to ×2. Prints violation minutes inside of the announced windows,
//! replica-hours and unserved requests per recording and pooled, and how often the load inside lay below the forecast
//! quantiles.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that answers on the terminal")]

use std::path::{Path, PathBuf};

use presale_backtest::rush_contest::{Race, Run, UNANNOUNCED, race, scenario};
use presale_backtest::rush_coverage::{Coverage, Covered, coverage};
use presale_backtest::rush_verdict::{Best, Sum, at, fewer, one_setting, tuned};
use presale_backtest::trace::Trace;
use serde::Serialize;

/// Longest step of a recording that is raced over: 10 min.
const COARSEST: i64 = 600;
/// Shortest recording, in days.
const SHORTEST: i64 = 5;
const DAY: i64 = 86_400;

/// What one recording gave.
#[derive(Debug, Serialize)]
struct Scored {
    #[serde(flatten)]
    race: Race,
    coverage: Coverage,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(folder) = arguments.first() else {
        eprintln!("promotions: name a folder of timestamp,value recordings");
        std::process::exit(2);
    };
    let only: Vec<&str> =
        arguments.get(1).map_or("", String::as_str).split(',').map(str::trim).filter(|p| !p.is_empty()).collect();
    let lead = arguments.get(2).and_then(|l| l.parse().ok()).unwrap_or(180.0);
    let seed = arguments.get(3).and_then(|s| s.parse().ok()).unwrap_or(1);
    println!(
        "violated: minutes inside of promotions with more than 1 % of the requests beyond what ready replicas serve"
    );
    println!("lead {lead} s, seed {seed}\n");
    println!(
        "| recording | promotions | minutes | violated: presale | not told | HPA tuned | ÷ oracle: presale | not told | HPA tuned | unserved: presale | not told | HPA tuned |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
    let mut results: Vec<Scored> = Vec::new();
    for path in recordings(Path::new(folder), &only) {
        match one(&path, lead, seed) {
            Ok(Some(result)) => {
                print_recording(&result.race);
                results.push(result);
            }
            Ok(None) => eprintln!("{}: too coarse or too short, left out", path.display()),
            Err(refused) => eprintln!("{refused}"),
        }
    }
    if let Some(file) = arguments.get(4) {
        let json = serde_json::to_vec_pretty(&results).unwrap_or_default();
        if let Err(refused) = std::fs::write(file, json) {
            eprintln!("{file}: {refused}");
        }
    }
    let mut total = Coverage::default();
    for result in &results {
        total.before.merge(&result.coverage.before);
        total.during.merge(&result.coverage.during);
    }
    print_pooled(&results.into_iter().map(|result| result.race).collect::<Vec<_>>());
    print_coverage(&total);
}

fn one(path: &Path, lead: f64, seed: u64) -> Result<Option<Scored>, String> {
    let trace = Trace::read(path).map_err(|e| e.to_string())?;
    let length = trace.end().as_second() - trace.start().as_second();
    if trace.step > COARSEST || length < SHORTEST * DAY {
        return Ok(None);
    }
    let Some((scenario, rushes)) = scenario(&trace, lead, seed) else { return Ok(None) };
    let name = scenario.name.clone();
    let race = race(&scenario, &rushes, &|share| eprint!("\r{name}: {:.0} %   ", 100.0 * share));
    let coverage = coverage(&scenario, &rushes);
    eprintln!("\r{name}: done   ");
    Ok(Some(Scored { race, coverage }))
}

fn recordings(folder: &Path, only: &[&str]) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(|e| Some(e.ok()?.path()));
    let named = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let wanted = only.is_empty() || only.iter().any(|prefix| name.starts_with(prefix));
        wanted && name.contains(".csv") && !name.contains(".events.")
    };
    let mut paths: Vec<PathBuf> = entries.filter(named).collect();
    paths.sort();
    paths
}

fn print_recording(race: &Race) {
    let runs = [race.of("presale"), race.of(UNANNOUNCED), tuned(race, Best::NoDearer)];
    let oracle = race.of("oracle").map_or(f64::NAN, |run| run.replica_hours);
    let cells = |cell: &dyn Fn(&Run) -> String| {
        runs.iter().map(|run| run.map_or_else(|| "–".to_owned(), cell)).collect::<Vec<_>>().join(" | ")
    };
    println!(
        "| {} | {} | {} | {} | {} | {} |",
        race.recording,
        race.promotions,
        race.runs.first().map_or(0, |run| run.inside.minutes),
        cells(&|run| run.inside.violated_minutes.to_string()),
        cells(&|run| format!("{:.3}", run.replica_hours / oracle)),
        cells(&|run| format!("{:.3} %", 100.0 * run.unserved_ratio)),
    );
}

fn print_pooled(races: &[Race]) {
    let of = |policy: &str| Sum::of(races.iter().filter_map(|race| race.of(policy)));
    let (oracle, ours, untold) = (of("oracle"), of("presale"), of(UNANNOUNCED));
    println!(
        "\n| pooled over {} recordings | setting | violated minutes | of those inside | ÷ oracle | ÷ oracle inside | unserved, mean | unserved inside | presale violates less by |",
        races.len()
    );
    println!("|---|---|--:|--:|--:|--:|--:|--:|--:|");
    let line = |name: &str, setting: &str, sum: &Sum| {
        let less = fewer(&ours, sum).map_or_else(|| "–".to_owned(), |less| format!("{:.1} %", 100.0 * less));
        println!(
            "| {name} | {setting} | {} | {:.2} % | {:.3} | {:.3} | {:.3} % | {:.3} % | {less} |",
            sum.inside.violated_minutes,
            100.0 * f64::from(sum.inside.violated_minutes) / f64::from(sum.inside.minutes.max(1)),
            sum.replica_hours / oracle.replica_hours,
            sum.inside.replica_hours / oracle.inside.replica_hours,
            100.0 * sum.unserved_ratio,
            100.0 * sum.inside.unserved / sum.inside.offered.max(1e-12),
        );
    };
    line("oracle", "perfect foresight", &oracle);
    line("presale", "told of promotions", &ours);
    line("presale", "not told", &untold);
    for best in Best::ALL {
        if let Some((policy, setting)) = one_setting(races, best) {
            let sum = Sum::of(at(races, &policy, &setting));
            line(&policy, &format!("{setting}: {}", best.words()), &sum);
        }
        let sum = Sum::of(races.iter().filter_map(|race| tuned(race, best)));
        line("hpa", &format!("per recording in hindsight: {}", best.words()), &sum);
    }
}

fn print_coverage(coverage: &Coverage) {
    println!(
        "\n| forecasts of the load inside of promotions | steps | in the 80 % band | in the 95 % band | at or below q95 |"
    );
    println!("|---|--:|--:|--:|--:|");
    let line = |name: &str, covered: &Covered| {
        let [within_80, within_95, below_95] = covered.percent();
        println!("| {name} | {} | {within_80:.1} % | {within_95:.1} % | {below_95:.1} % |", covered.steps);
    };
    line("made a day, an hour and a quarter of an hour before the start", &coverage.before);
    line("made while it runs, the next hour", &coverage.during);
}
