//! How a run went: objectives minute by minute, and what became of every order.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use crate::journey::book::{Book, Minute};
use crate::journey::call::Class;
use crate::journey::orders::Fates;
use crate::journey::preset::Preset;

/// A whole run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    /// The kind of day.
    pub preset: Preset,
    /// Seed of its visits.
    pub seed: u64,
    /// How long it was, seconds.
    pub seconds: f64,
    /// True where it was stopped before its time.
    pub interrupted: bool,
    /// Visits that began.
    pub visits: u64,
    /// Retries of calls.
    pub retries: u64,
    /// Visitors who lost patience.
    pub abandoned: u64,
    /// Product pages without a part of theirs.
    pub partial_pages: u64,
    /// By class.
    pub classes: BTreeMap<&'static str, Judged>,
    /// What became of the orders.
    pub orders: Fates,
    /// Whether every objective was kept in every minute and no order lost.
    pub passed: bool,
}

/// One class over the run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Judged {
    /// Objective of a minute's 99th percentile, milliseconds.
    pub slo_ms: Option<u64>,
    /// Objective of the share answered well.
    pub availability: Option<f64>,
    /// Calls meant to start.
    pub offered: u64,
    /// Answered well.
    pub ok: u64,
    /// Failed, by kind, limits among them.
    pub failed: BTreeMap<&'static str, u64>,
    /// Latency of good answers from the intended start, milliseconds.
    pub p50_ms: Option<f64>,
    /// 99th percentile.
    pub p99_ms: Option<f64>,
    /// Longest.
    pub max_ms: Option<f64>,
    /// Minutes with calls.
    pub minutes: usize,
    /// Of those, minutes that miss an objective.
    pub bad_minutes: usize,
    /// The minute with the highest 99th percentile among the bad ones.
    pub worst: Option<Minute>,
}

impl Judged {
    fn of(class: Class, book: &Book) -> Self {
        let (whole, minutes) = (book.whole(class), book.minutes(class));
        let bad: Vec<&Minute> = minutes.iter().filter(|minute| minute.bad).collect();
        let by_p99 = |a: &&&Minute, b: &&&Minute| a.p99_ms.unwrap_or(0.0).total_cmp(&b.p99_ms.unwrap_or(0.0));
        Self {
            slo_ms: class.objectives().map(|(slo, _)| u64::try_from(slo.as_millis()).unwrap_or(u64::MAX)),
            availability: class.objectives().map(|(_, share)| share),
            offered: whole.offered,
            ok: whole.ok(),
            failed: whole.failures().into_iter().filter(|(_, count)| *count > 0).collect(),
            p50_ms: whole.latency_ms(0.5),
            p99_ms: whole.latency_ms(0.99),
            max_ms: whole.latency_ms(1.0),
            minutes: minutes.len(),
            bad_minutes: bad.len(),
            worst: bad.iter().max_by(by_p99).map(|minute| (*minute).clone()),
        }
    }
}

impl Verdict {
    /// Judges a run.
    pub fn of((preset, seed): (Preset, u64), (seconds, interrupted): (f64, bool), book: &Book, orders: Fates) -> Self {
        let classes: BTreeMap<&'static str, Judged> =
            Class::ALL.into_iter().map(|class| (class.name(), Judged::of(class, book))).collect();
        let passed = orders.lost.is_empty() && classes.values().all(|judged| judged.bad_minutes == 0);
        let Book { visits, retries, abandoned, partial, .. } = *book;
        Self {
            preset,
            seed,
            seconds,
            interrupted,
            visits,
            retries,
            abandoned,
            partial_pages: partial,
            classes,
            orders,
            passed,
        }
    }

    /// For people: a line per class, and the orders.
    pub fn table(&self) -> String {
        let mut text = format!(
            "{:<9}{:>9}{:>9}{:>8}{:>8}{:>8}{:>8}{:>6}  bad minutes\n",
            "", "offered", "ok", "failed", "p50", "p99", "max", "slo"
        );
        let ms = |value: Option<f64>| value.map_or("-".to_owned(), |ms| format!("{ms:.0}"));
        for (name, judged) in self.classes.iter().filter(|(_, judged)| judged.offered > 0) {
            let slo = judged.slo_ms.map_or("-".to_owned(), |slo| slo.to_string());
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "{name:<9}{:>9}{:>9}{:>8}{:>8}{:>8}{:>8}{slo:>6}  {} of {}",
                judged.offered,
                judged.ok,
                judged.failed.values().sum::<u64>(),
                ms(judged.p50_ms),
                ms(judged.p99_ms),
                ms(judged.max_ms),
                judged.bad_minutes,
                judged.minutes
            );
        }
        let Fates { accepted, ended, refused, lost } = &self.orders;
        let ended: Vec<String> = ended.iter().map(|(state, count)| format!("{count} {state}")).collect();
        let _ = writeln!(
            text,
            "orders: {accepted} accepted ({}), {refused} refused, {} lost",
            ended.join(", "),
            lost.len()
        );
        let _ = write!(text, "{}", if self.passed { "passed" } else { "NOT passed" });
        text
    }
}
