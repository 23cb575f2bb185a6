//! What events do to the load: learned per kind from those that are over, stated or learned of those to come, and seen of the
//! one that runs.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Factor, is_brief, span};
use crate::service_model::EventWindow;
use crate::training::Past;

/// Steps of evidence that weigh as much as the guess that an event does nothing.
const DOUBT: f64 = 24.0;
/// Scatter of a kind's single events before any were seen; weighs as much as one event.
const SCATTER: f64 = 0.3;
/// Scatter of the load around an event's own mean, where only that mean is believed.
const WITHIN: f64 = 0.1;
/// Variance of an event's ratio after an hour before any were seen, and the pairs of steps that it weighs.
const DRIFT: (f64, f64) = (0.0225, 24.0);
/// Largest square of a change that counts: sparse loads jump between nothing and something.
const MOST_APART: f64 = 1.0;
/// Over which time that variance is learned, and how long after its start an event still rises, seconds.
const APART: i64 = 1800;
const RISES: i64 = 900;
/// Time in which the ratio that is seen takes over from what was believed, seconds.
const TAPER: f64 = 720.0;
/// Share of a new minute in the ratio that is seen.
const NEW: f64 = 0.35;
/// How far what is seen may lie from what was believed: in deviations, and at least, and where nothing was believed.
const BELIEVABLE: (f64, f64, f64) = (3.0, 1.0, 2.3);
/// Windows that a model remembers.
const MOST: usize = 48;

/// Beliefs per kind, the windows that are not over, and the ratio of the one that runs.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Effects {
    kinds: BTreeMap<String, Factor>,
    drift: f64,
    step: i64,
    windows: Vec<Window>,
    seen: Option<Seen>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Window {
    from: i64,
    to: i64,
    brief: bool,
    belief: Factor,
}

/// Logarithm of the running event's ratio to the usual.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Seen {
    from: i64,
    until: i64,
    ratio: f64,
}

/// A factor, and whether its event lasts so long that the usual goes on learning.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Effect {
    pub(crate) factor: Factor,
    pub(crate) lasting: bool,
}

impl Effects {
    /// Learns from the events that were known when the data ended.
    pub(crate) fn learn(past: &Past, events: &[EventWindow]) -> Self {
        let end = past.grid.second_of(past.grid.len());
        let over: Vec<&EventWindow> =
            events.iter().filter(|e| e.known_from.as_second() <= end && e.start.as_second() < end).collect();
        let mut kinds: BTreeMap<String, Kind> = BTreeMap::new();
        let (mut square, mut pairs) = (DRIFT.0 * DRIFT.1, DRIFT.1);
        let apart = usize::try_from(APART / past.grid.step).unwrap_or(1).max(1);
        for event in over {
            let (from, to) = span(event);
            let ratios = past.ratios(from, to);
            kinds.entry(event.kind.clone()).or_default().add(&ratios);
            let risen = usize::try_from(RISES / past.grid.step).unwrap_or(0).min(ratios.len());
            if is_brief((from, to), past.grid.step) {
                for (a, b) in ratios[risen..].iter().zip(ratios[risen..].iter().skip(apart)) {
                    square += ((b - a) * (b - a)).min(MOST_APART) * 3600.0 / APART as f64;
                    pairs += 1.0;
                }
            }
        }
        let kinds = kinds.into_iter().map(|(kind, seen)| (kind, seen.belief())).collect();
        let mut effects = Self { kinds, drift: square / pairs, step: past.grid.step, windows: Vec::new(), seen: None };
        effects.announce(events, end);
        if let Some(running) = effects.running(end).copied() {
            let newest = past.ratios(running.from.max(end - RISES / 2), end);
            if let Some(ratio) = newest.last() {
                effects.seen = Some(Seen { from: running.from, until: end, ratio: *ratio });
            }
        }
        effects
    }

    /// Takes the calendar as it is known at `now`, in place of the one before.
    pub(crate) fn announce(&mut self, events: &[EventWindow], now: i64) {
        let known = |e: &&EventWindow| e.known_from <= Timestamp::from_second(now).unwrap_or(Timestamp::MAX);
        let mut windows: Vec<Window> = events
            .iter()
            .filter(known)
            .filter(|e| e.end.as_second() > now)
            .map(|e| {
                let (from, to) = span(e);
                let stated = e.uplift.map(|u| Factor { mean: u.ln_mean, sd: libm::hypot(u.ln_sd, WITHIN) });
                let belief = stated.or_else(|| self.kinds.get(&e.kind).copied()).unwrap_or(Factor::NONE);
                Window { from, to, brief: is_brief((from, to), self.step), belief }
            })
            .collect();
        windows.sort_by_key(|w| (w.from, w.to));
        windows.truncate(MOST);
        self.windows = windows;
    }

    /// What is expected of the load in `[from, to)` by who has seen everything before `now`; `None` in normal times.
    pub(crate) fn of(&self, from: i64, to: i64, now: i64) -> Option<Effect> {
        let over = self.windows.iter().filter(|w| w.from < to && w.to > from);
        over.map(|w| Effect { factor: self.factor(w, from, now), lasting: !w.brief })
            .reduce(|a, b| if b.factor.mean.abs() > a.factor.mean.abs() { b } else { a })
    }

    /// Before the start it is what is believed. Of a lasting event that runs the usual has learned by itself; of a brief one
    /// the ratio that is seen takes over and grows unsure with the distance.
    fn factor(&self, window: &Window, from: i64, now: i64) -> Factor {
        if window.from >= now {
            return window.belief;
        }
        if !window.brief {
            return Factor::NONE;
        }
        let Some(seen) = self.seen.filter(|seen| seen.from == window.from) else { return window.belief };
        let weight = ((seen.until - window.from) as f64 / TAPER).clamp(0.0, 1.0);
        let hours = (from - seen.until).max(60) as f64 / 3600.0;
        let believed = (1.0 - weight) * window.belief.sd;
        Factor {
            mean: window.belief.mean + weight * (seen.ratio - window.belief.mean),
            sd: libm::sqrt(believed * believed + self.drift * hours),
        }
    }

    /// Whether a time lies inside a known event.
    pub(crate) fn inside(&self, second: i64) -> bool {
        self.windows.iter().any(|w| w.from <= second && second < w.to)
    }

    /// The brief event that runs in the second before `second`.
    fn running(&self, second: i64) -> Option<&Window> {
        self.windows.iter().rfind(|w| w.brief && w.from < second && second <= w.to)
    }

    /// Whether the usual waits at a time for a brief event to end.
    pub(crate) fn waits(&self, second: i64) -> bool {
        self.running(second + 1).is_some()
    }

    /// Takes in the load of a minute inside of a brief event, and what is usual then, both in log space.
    pub(crate) fn see(&mut self, second: i64, z: f64, usual: f64) {
        let Some(&Window { from, belief, .. }) = self.running(second + 1) else { return };
        let ratio = Factor::between(z, usual);
        if ratio.is_nan() {
            return;
        }
        let (deviations, least, blind) = BELIEVABLE;
        let reach = if belief == Factor::NONE { blind } else { (deviations * belief.sd).max(least) };
        let ratio = ratio.clamp(belief.mean - reach, belief.mean + reach);
        let before = self.seen.filter(|seen| seen.from == from).map_or(ratio, |seen| seen.ratio);
        self.seen = Some(Seen { from, until: second + 60, ratio: before + NEW * (ratio - before) });
    }
}

/// Sums over the events of one kind.
#[derive(Debug, Clone, Default)]
struct Kind {
    sum: f64,
    steps: f64,
    within: f64,
    means: Vec<f64>,
}

impl Kind {
    fn add(&mut self, ratios: &[f64]) {
        if ratios.is_empty() {
            return;
        }
        let sum: f64 = ratios.iter().sum();
        let mean = sum / ratios.len() as f64;
        self.sum += sum;
        self.steps += ratios.len() as f64;
        self.within += ratios.iter().map(|r| (r - mean) * (r - mean)).sum::<f64>();
        self.means.push(mean);
    }

    /// Drawn to doing nothing where evidence is thin; as unsure as single events of the kind scattered.
    fn belief(&self) -> Factor {
        if self.means.is_empty() {
            return Factor::NONE;
        }
        let mean = self.sum / (self.steps + DOUBT);
        let between: f64 = self.means.iter().map(|m| (m - mean) * (m - mean)).sum();
        let scatter = (SCATTER * SCATTER + between) / (1.0 + self.means.len() as f64);
        Factor { mean, sd: libm::sqrt(scatter + self.within / self.steps) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(from: i64, to: i64, belief: Factor) -> Effects {
        Effects {
            drift: 0.04,
            step: 300,
            windows: vec![Window { from, to, brief: is_brief((from, to), 300), belief }],
            ..Effects::default()
        }
    }

    #[test]
    fn what_is_seen_takes_over_from_what_was_believed() {
        let belief = Factor { mean: 1.0, sd: 0.5 };
        let mut effects = window(6000, 13_200, belief);
        assert_eq!(effects.of(6000, 6300, 5700).map(|e| e.factor), Some(belief));
        assert_eq!(effects.of(3000, 3300, 2700), None);
        let usual = 2.0;
        for minute in 0..20 {
            let z = libm::log1p(libm::expm1(usual) * 5.0);
            effects.see(6000 + 60 * minute, z, usual);
        }
        let soon = effects.of(7200, 7500, 7200).unwrap().factor;
        let later = effects.of(10_800, 11_100, 7200).unwrap().factor;
        assert!((soon.mean - libm::log(5.0)).abs() < 0.01 && soon.sd < 0.05, "{soon:?}");
        assert!((later.sd - 0.2).abs() < 0.01, "{later:?}");
    }

    #[test]
    fn of_a_week_that_runs_the_usual_learns_by_itself() {
        let effects = window(0, 7 * 86_400, Factor { mean: 1.0, sd: 0.5 });
        assert_eq!(effects.of(86_400, 86_700, 80_000), Some(Effect { factor: Factor::NONE, lasting: true }));
        assert!(!effects.waits(80_000) && effects.inside(80_000));
    }

    #[test]
    fn a_kind_is_as_unsure_as_its_events_scattered() {
        let mut alike = Kind::default();
        let mut apart = Kind::default();
        for i in 0..8 {
            alike.add(&[1.0; 24]);
            apart.add(&[if i % 2 == 0 { 0.4 } else { 1.6 }; 24]);
        }
        let (alike, apart) = (alike.belief(), apart.belief());
        assert!((alike.mean - 0.89).abs() < 0.01 && alike.sd < 0.2, "{alike:?}");
        assert!((apart.mean - alike.mean).abs() < 1e-9 && apart.sd > 0.5, "{apart:?}");
        assert_eq!(Kind::default().belief(), Factor::NONE);
    }
}
