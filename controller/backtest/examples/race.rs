//! Races Presale at its default settings against the reactive autoscalers over a folder of recordings and prints the pooled
//! tables.
//!
//! `cargo run --release -p presale-backtest --example race -- DIR [NAME-PREFIX,…] [LEAD-SECONDS] [strict]`: HPA (with and without
//! `behavior`), KEDA and Knative's KPA run at every target of a sweep. A recording is *smooth* if some target keeps an HPA within
//! the allowed share of unserved requests at no more than one and a half times the oracle's replica-hours; there they are
//! reported at the best one setting for all smooth recordings and tuned per recording in hindsight. The others are *bursty*:
//! there all are compared where they leave as little unserved as Presale does.
//!
//! `strict` takes the plant's mercy away: what is offered beyond the capacity of the ready pods at their objective is unserved at
//! once, without queue, retry or warm-up.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that answers on the terminal")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use presale_backtest::contest::{Contest, TARGETS};
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

/// A recording that no HPA keeps within the allowance below this multiple of the oracle's replica-hours is bursty.
const SMOOTH: f64 = 1.5;
/// Targets below those of every sweep, for recordings on which nothing else suffices.
const LOW: [f64; 6] = [0.1, 0.15, 0.2, 0.25, 0.3, 0.35];
/// The autoscalers that only react, every one with the same knob.
const REACTIVE: [&str; 4] = ["hpa", "hpa-behavior", "keda", "knative"];

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
    fn is_smooth(&self) -> bool {
        self.tuned("hpa").is_some_and(|o| o.oracle_ratio <= SMOOTH)
    }

    /// How many more replica-hours Presale took than the cheapest reactive autoscaler at as little unserved, with that one's
    /// name; `None` where none of them gets there at any target.
    fn beside_the_best(&self) -> Option<(f64, &'static str)> {
        let ours = self.ours()?;
        let at = |policy: &&'static str| Some((self.hours_at(policy, ours.unserved_ratio)?, *policy));
        let (hours, policy) = REACTIVE.iter().filter_map(at).min_by(|a, b| a.0.total_cmp(&b.0))?;
        Some((ours.replica_hours / hours - 1.0, policy))
    }

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

fn race(path: &Path, lead: f64, strict: bool) -> Result<Option<Race>, String> {
    let trace = Trace::read(path).map_err(|e| e.to_string())?;
    if trace.step > COARSEST {
        return Ok(None);
    }
    let name = path.to_string_lossy().replace(".csv.gz", ".csv").replace(".csv", ".events.csv");
    let events = read_events(Path::new(&name)).unwrap_or_default();
    let plant = Plant { lead_seconds: lead, ..Plant::default() };
    let plant =
        if strict { Plant { queue_seconds: 0.0, retry_share: 0.0, warm_up_seconds: 0.0, ..plant } } else { plant };
    let Some(scenario) = Scenario::cut(&trace, events, plant, TRAIN, 1) else { return Ok(None) };
    let run = |only: &[&str], target: f64| {
        let only = only.iter().map(|n| (*n).to_owned()).collect();
        Contest { only, target, ..Contest::default() }.run(&scenario, &|_| (), &|_, _, _| ())
    };
    let mut outcomes = run(&["presale", "presale-net", "oracle"], TARGETS[0]);
    outcomes.extend(LOW.iter().chain(&TARGETS).flat_map(|target| run(&REACTIVE, *target)));
    Ok(Some(Race { name: trace.name, outcomes }))
}

/// Races over recordings on two threads; the answers come in the recordings' order.
fn race_all(paths: &[PathBuf], lead: f64, strict: bool) -> Vec<Option<Result<Option<Race>, String>>> {
    let next = AtomicUsize::new(0);
    let answers = Mutex::new(paths.iter().map(|_| None).collect::<Vec<_>>());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(path) = paths.get(index) else { break };
                    let answer = race(path, lead, strict);
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

/// The setting that keeps most recordings within the allowance, the cheapest of those.
fn best_setting(races: &[&Race], policy: &str) -> Option<String> {
    let mut settings: BTreeMap<&str, (usize, f64)> = BTreeMap::new();
    for outcome in races.iter().flat_map(|r| &r.outcomes).filter(|o| o.policy == policy) {
        let entry = settings.entry(&outcome.setting).or_default();
        entry.0 += usize::from(outcome.unserved_ratio <= ALLOWED);
        entry.1 += outcome.oracle_ratio;
    }
    let best = settings.into_iter().max_by(|(_, a), (_, b)| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)));
    best.map(|(setting, _)| setting.to_owned())
}

fn print_smooth(races: &[&Race]) {
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
    let of = |policy: &str| races.iter().filter_map(|r| r.outcomes.iter().find(|o| o.policy == policy)).collect();
    line("oracle", "perfect foresight", of("oracle"));
    line("presale", "as shipped", of("presale"));
    line("presale-net", "no forecast", of("presale-net"));
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

/// Presale beside the best reactive autoscaler of each bursty recording, where both leave as little unserved.
fn print_bursty(races: &[&Race]) {
    println!("\n| bursty recording | presale ÷ oracle | unserved | best reactive at as little | presale takes more |");
    println!("|---|--:|--:|---|--:|");
    let mut more = Vec::new();
    for race in races {
        let Some(ours) = race.ours() else { continue };
        let (policy, beside) = match race.beside_the_best() {
            Some((beside, policy)) => (policy, format!("{:+.1} %", 100.0 * beside)),
            None => ("none", "–".into()),
        };
        more.extend(race.beside_the_best().map(|(beside, _)| beside));
        let (ratio, lost) = (ours.oracle_ratio, 100.0 * ours.unserved_ratio);
        println!("| {} | {ratio:.3} | {lost:.3} % | {policy} | {beside} |", race.name);
    }
    let few = more.iter().filter(|m| **m <= 0.03).count();
    let n = more.len();
    println!("| median of {n}; {few} of them at most +3 % | | | | {:+.1} % |", 100.0 * median(more));
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(folder) = arguments.first() else {
        eprintln!("race: name a folder of timestamp,value recordings");
        std::process::exit(2);
    };
    let prefixes: Vec<&str> = arguments.get(1).map_or("", String::as_str).split(',').collect();
    let lead = arguments.get(2).and_then(|l| l.parse().ok()).unwrap_or(180.0);
    let strict = arguments.get(3).is_some_and(|word| word == "strict");
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(|e| Some(e.ok()?.path()));
    let named = |p: &PathBuf| {
        let name = p.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let asked_for = prefixes.iter().any(|prefix| name.starts_with(prefix));
        asked_for && name.contains(".csv") && !name.contains(".events.")
    };
    let mut paths: Vec<PathBuf> = entries.filter(named).collect();
    paths.sort();
    println!(
        "| recording (lead {lead} s) | presale ÷ oracle | unserved | actions/day | HPA tuned ÷ oracle |\n|---|--:|--:|--:|--:|"
    );
    let mut races = Vec::new();
    for (path, outcome) in paths.iter().zip(race_all(&paths, lead, strict)) {
        match outcome {
            Some(Ok(Some(race))) => {
                if let Some(o) = race.ours().filter(|_| race.is_smooth()) {
                    let tuned = race.tuned("hpa").map_or("never".into(), |o| format!("{:.3}", o.oracle_ratio));
                    let (ratio, lost) = (o.oracle_ratio, 100.0 * o.unserved_ratio);
                    println!("| {} | {ratio:.3} | {lost:.4} % | {:.0} | {tuned} |", race.name, o.actions_per_day);
                }
                races.push(race);
            }
            Some(Ok(None)) | None => eprintln!("{}: too coarse or too short, left out", path.display()),
            Some(Err(refused)) => eprintln!("{refused}"),
        }
    }
    let (smooth, bursty): (Vec<&Race>, Vec<&Race>) = races.iter().partition(|race| race.is_smooth());
    print_smooth(&smooth);
    if !bursty.is_empty() {
        print_bursty(&bursty);
    }
}
