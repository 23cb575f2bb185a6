//! Races Presale at its default settings against HPA and KEDA over a folder of recordings and prints the pooled tables.
//!
//! `cargo run --release -p presale-backtest --example race -- DIR [NAME-PREFIX] [LEAD-SECONDS]`: HPA (with and without
//! `behavior`) and KEDA run at every target of the sweep and are reported at their best one setting for all recordings, and
//! tuned per recording in hindsight; both within the allowed share of unserved requests, and where they leave as little unserved
//! as Presale does.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that answers on the terminal")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use presale_backtest::contest::Contest;
use presale_backtest::outcome::Outcome;
use presale_backtest::plant::Plant;
use presale_backtest::simulate::Scenario;
use presale_backtest::trace::{Trace, read_events};

/// Share of requests that may go unserved.
const ALLOWED: f64 = 0.001;
/// Longest step of a recording that is raced over: 10 min.
const COARSEST: i64 = 600;
/// Days of training, at most.
const TRAIN: f64 = 14.0;

/// What one recording gave: its name and every policy at every setting.
struct Race {
    name: String,
    outcomes: Vec<Outcome>,
}

impl Race {
    fn ours(&self) -> Option<&Outcome> {
        self.outcomes.iter().find(|o| o.policy == "presale")
    }

    fn at(&self, policy: &str, setting: &str) -> Option<&Outcome> {
        self.outcomes.iter().find(|o| o.policy == policy && o.setting == setting)
    }

    /// The cheapest setting of a policy that serves all but the allowed share.
    fn tuned(&self, policy: &str) -> Option<&Outcome> {
        let fits = self.outcomes.iter().filter(|o| o.policy == policy && o.unserved_ratio <= ALLOWED);
        fits.min_by(|a, b| a.replica_hours.total_cmp(&b.replica_hours))
    }
}

impl Race {
    /// Replica-hours at which a policy's sweep leaves as little unserved as `allowed`, on a straight line between its settings.
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
    let name = path.to_string_lossy().replace(".csv.gz", ".csv").replace(".csv", ".events.csv");
    let events = read_events(Path::new(&name)).unwrap_or_default();
    let plant = Plant { lead_seconds: lead, ..Plant::default() };
    let Some(scenario) = Scenario::cut(&trace, events, plant, TRAIN, 1) else { return Ok(None) };
    let run = |only: &[&str], sweep: bool| {
        let only = only.iter().map(|n| (*n).to_owned()).collect();
        Contest { only, sweep, ..Contest::default() }.run(&scenario, &|_| (), &|_, _, _| ())
    };
    let mut outcomes = run(&["presale", "presale-net"], false);
    outcomes.extend(run(&["hpa", "hpa-behavior", "keda"], true));
    Ok(Some(Race { name: trace.name, outcomes }))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let n = values.len();
    if n == 0 { f64::NAN } else { f64::midpoint(values[(n - 1) / 2], values[n / 2]) }
}

/// The setting that keeps most recordings within the allowance, the cheapest of those.
fn best_setting(races: &[Race], policy: &str) -> Option<String> {
    let mut settings: BTreeMap<&str, (usize, f64)> = BTreeMap::new();
    for outcome in races.iter().flat_map(|r| &r.outcomes).filter(|o| o.policy == policy) {
        let entry = settings.entry(&outcome.setting).or_default();
        entry.0 += usize::from(outcome.unserved_ratio <= ALLOWED);
        entry.1 += outcome.oracle_ratio;
    }
    let best = settings.into_iter().max_by(|(_, a), (_, b)| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)));
    best.map(|(setting, _)| setting.to_owned())
}

fn print_pooled(races: &[Race]) {
    println!(
        "\n| policy | setting | ÷ oracle, median | worst | within {:.1} % unserved | actions/day, median |",
        100.0 * ALLOWED
    );
    println!("|---|---|--:|--:|--:|--:|");
    let line = |name: &str, setting: &str, outcomes: Vec<&Outcome>| {
        let ratios: Vec<f64> = outcomes.iter().map(|o| o.oracle_ratio).collect();
        let worst = ratios.iter().copied().fold(0.0, f64::max);
        let fits = outcomes.iter().filter(|o| o.unserved_ratio <= ALLOWED).count();
        let actions = median(outcomes.iter().map(|o| o.actions_per_day).collect());
        println!(
            "| {name} | {setting} | {:.3} | {worst:.3} | {fits} of {} | {actions:.0} |",
            median(ratios),
            races.len()
        );
    };
    line("presale", "as shipped", races.iter().filter_map(Race::ours).collect());
    line(
        "presale-net",
        "no forecast",
        races.iter().filter_map(|r| r.outcomes.iter().find(|o| o.policy == "presale-net")).collect(),
    );
    for policy in ["hpa", "hpa-behavior", "keda"] {
        if let Some(setting) = best_setting(races, policy) {
            line(policy, &setting, races.iter().filter_map(|r| r.at(policy, &setting)).collect());
            let saved = races
                .iter()
                .filter_map(|r| Some(1.0 - r.ours()?.replica_hours / r.at(policy, &setting)?.replica_hours));
            println!(
                "| presale saves against it | | {:.1} % of the replica-hours | | | |",
                100.0 * median(saved.collect())
            );
        }
        line(policy, "tuned per recording in hindsight", races.iter().filter_map(|r| r.tuned(policy)).collect());
        let excess =
            races.iter().filter_map(|r| Some((r.ours()?.oracle_ratio - 1.0) / (r.tuned(policy)?.oracle_ratio - 1.0)));
        println!("| presale's excess over the oracle ÷ its | | {:.2} | | | |", median(excess.collect()));
        let equal = races.iter().filter_map(|r| {
            let ours = r.ours()?;
            Some(1.0 - ours.replica_hours / r.hours_at(policy, ours.unserved_ratio)?)
        });
        let equal: Vec<f64> = equal.collect();
        println!(
            "| presale saves against it at equal unserved ({} of {}) | | {:.1} % of the replica-hours | | | |",
            equal.len(),
            races.len(),
            100.0 * median(equal)
        );
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(folder) = arguments.first() else {
        eprintln!("race: name a folder of timestamp,value recordings");
        std::process::exit(2);
    };
    let prefix = arguments.get(1).map_or("", String::as_str);
    let lead = arguments.get(2).and_then(|l| l.parse().ok()).unwrap_or(180.0);
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(|e| Some(e.ok()?.path()));
    let named = |p: &PathBuf| {
        let name = p.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.starts_with(prefix) && name.contains(".csv") && !name.contains(".events.")
    };
    let mut paths: Vec<PathBuf> = entries.filter(named).collect();
    paths.sort();
    println!(
        "| recording (lead {lead} s) | presale ÷ oracle | unserved | actions/day | HPA tuned ÷ oracle |\n|---|--:|--:|--:|--:|"
    );
    let mut races = Vec::new();
    for path in paths {
        match race(&path, lead) {
            Ok(Some(race)) => {
                if let Some(o) = race.ours() {
                    let tuned = race.tuned("hpa").map_or("never".into(), |o| format!("{:.3}", o.oracle_ratio));
                    let (ratio, lost) = (o.oracle_ratio, 100.0 * o.unserved_ratio);
                    println!("| {} | {ratio:.3} | {lost:.4} % | {:.0} | {tuned} |", race.name, o.actions_per_day);
                }
                races.push(race);
            }
            Ok(None) => eprintln!("{}: too coarse or too short, left out", path.display()),
            Err(refused) => eprintln!("{refused}"),
        }
    }
    print_pooled(&races);
}
