//! What a run was: a table for people, JSON for programs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context;
use serde::Serialize;

use crate::round::Round;

/// A run.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    seed: u64,
    seconds: u64,
    /// Why it did not come to its end, where it did not.
    pub(crate) ended_early: Option<String>,
    pub(crate) rounds: Vec<Round>,
}

impl Summary {
    pub(crate) fn new(seed: u64, seconds: u64) -> Self {
        Self { seed, seconds, ended_early: None, rounds: Vec::new() }
    }

    /// Every promise that was not kept.
    pub(crate) fn broken(&self) -> Vec<String> {
        let nothing = (!self.rounds.is_empty() && self.rounds.iter().all(|round| round.verdict.orders.accepted == 0))
            .then(|| "no order was accepted: nothing is proved".to_owned());
        let broken = self.ended_early.iter().chain(self.rounds.iter().flat_map(|round| &round.broken));
        broken.cloned().chain(nothing).collect()
    }

    pub(crate) fn table(&self) -> String {
        let mut faults: BTreeMap<&str, (usize, f64)> = BTreeMap::new();
        let mut ended: BTreeMap<&str, u64> = BTreeMap::new();
        let (mut visits, mut accepted, mut refused, mut lost, mut shipped, mut refunded) = (0, 0, 0, 0, 0, 0);
        for round in &self.rounds {
            for fault in &round.faults {
                let (count, longest) = faults.entry(fault.kind).or_default();
                (*count, *longest) = (*count + 1, longest.max(fault.lasted));
            }
            let orders = &round.verdict.orders;
            for (state, count) in &orders.ended {
                *ended.entry(state).or_default() += count;
            }
            visits += round.verdict.visits;
            accepted += orders.accepted;
            refused += orders.refused;
            lost += orders.lost.len();
            shipped += round.shipped;
            refunded += round.refunded;
        }
        let mut text = format!("\nseed {}, {} s, {} rounds\n", self.seed, self.seconds, self.rounds.len());
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{:<22}{:>7}{:>12}", "fault", "times", "longest");
        for (kind, (count, longest)) in &faults {
            let _ = writeln!(text, "{kind:<22}{count:>7}{longest:>10.1} s");
        }
        let _ = writeln!(text, "{:<22}{:>7}", "all", faults.values().map(|(count, _)| count).sum::<usize>());
        let _ = writeln!(text, "visits {visits}; orders accepted {accepted}, refused {refused}, lost {lost}");
        for (state, count) in &ended {
            let _ = writeln!(text, "  {count:>6} {state}");
        }
        let _ = writeln!(text, "of those {shipped} shipped and {refunded} given their money back");
        let rules = self.rounds.last().map_or(0, |round| round.report.findings.len());
        let broken = self.broken();
        let _ = write!(text, "{rules} rules audited after each round; {} broken promises", broken.len());
        for promise in broken {
            let _ = write!(text, "\n  {promise}");
        }
        text
    }

    /// Writes it as JSON.
    pub(crate) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let doing = || format!("write {}", path.display());
        std::fs::create_dir_all(path.parent().unwrap_or(path)).with_context(doing)?;
        std::fs::write(path, serde_json::to_string_pretty(self)?).with_context(doing)
    }
}
