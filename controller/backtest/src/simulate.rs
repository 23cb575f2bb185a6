//! The simulation: one trace, one plant, every policy on the same arrivals and scrapes, no look-ahead.

use jiff::Timestamp;
use presale_models::EventWindow;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::outcome::{Outcome, Tally};
use crate::plant::{Plant, Pods, TICK, arrivals};
use crate::policy::{Past, Policy, Scrape, Sight, replicas};
use crate::trace::Trace;

const DAY: i64 = 86_400;

/// A trace cut into a training past and a scored time with its arrivals.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// The trace's name.
    pub name: String,
    /// What policies may learn from before the scored time.
    pub past: Past,
    /// Start of the scored time.
    pub start: Timestamp,
    /// Mean load per recorded step of the scored time; NaN where nothing was recorded.
    pub recorded: Vec<f64>,
    /// Offered load per tick.
    pub loads: Vec<f64>,
    /// Labelled events.
    pub events: Vec<EventWindow>,
    /// The plant, with its capacity filled in.
    pub plant: Plant,
    /// Ticks per recorded step.
    pub per_step: usize,
    /// Seed of arrivals, start-ups and scrape gaps.
    pub seed: u64,
}

/// A decision as the CSV shows it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// When.
    pub at: Timestamp,
    /// Offered load.
    pub load: f64,
    /// The policy's wish.
    pub desired: u32,
    /// Ready replicas.
    pub ready: u32,
}

impl Scenario {
    /// Cuts a trace: training = min(`train_days`, half of it). A capacity of 0 in the plant means mean load = 10 replicas.
    pub fn cut(trace: &Trace, events: Vec<EventWindow>, mut plant: Plant, train_days: f64, seed: u64) -> Option<Self> {
        let step = if trace.step < TICK { 60 } else { trace.step.max(TICK) / TICK * TICK };
        let grid = trace.on_grid(step, None);
        let all: Vec<f64> = grid.samples().iter().map(|s| s.value().unwrap_or(f64::NAN)).collect();
        let known: Vec<f64> = all.iter().copied().filter(|v| v.is_finite()).collect();
        if known.len() < 24 {
            return None;
        }
        if plant.replica_capacity <= 0.0 {
            plant.replica_capacity = (known.iter().sum::<f64>() / known.len() as f64 / 10.0).max(1e-9);
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of steps")]
        let wanted = (train_days * DAY as f64 / step as f64) as usize;
        let split = wanted.min(all.len() / 2);
        let start = Timestamp::from_second(grid.start().as_second() + step * i64::try_from(split).ok()?).ok()?;
        let per_step = usize::try_from(step / TICK).ok()?;
        let recorded = all[split..].to_vec();
        let loads =
            arrivals(&filled(&recorded, all[..split].iter().rev().copied().find(|v| v.is_finite())), per_step, seed);
        let past = Past { start: grid.start(), step, load: all[..split].to_vec() };
        Some(Self { name: trace.name.clone(), past, start, recorded, loads, events, plant, per_step, seed })
    }

    /// Start of a tick.
    pub fn time_of(&self, tick: usize) -> Timestamp {
        let seconds = TICK * i64::try_from(tick).unwrap_or(0);
        Timestamp::from_second(self.start.as_second() + seconds).unwrap_or(Timestamp::MAX)
    }

    /// Runs one policy over the scored time; `watch` sees every decision.
    pub fn run(&self, policy: &mut dyn Policy, watch: &mut dyn FnMut(Row)) -> Outcome {
        if policy.reserve().is_some() {
            return self.run_with_reserve(policy, watch);
        }
        let mut past = self.past.clone();
        let mut gaps = ChaCha8Rng::seed_from_u64(self.seed ^ 0x5ca1_ab1e);
        let begin = replicas(self.loads.first().copied().unwrap_or(0.0), self.plant.replica_capacity).max(1);
        let mut pods = Pods::new(begin + begin.div_ceil(4), self.seed);
        let mut tally = Tally::default();
        let mut before = pods.current();
        for (tick, load) in self.loads.iter().enumerate() {
            let step = tick / self.per_step;
            if tick > 0 && tick.is_multiple_of(self.per_step) {
                past.load.push(self.recorded[step - 1]);
            }
            let second = TICK as f64 * tick as f64;
            let failed = gaps.random::<f64>() < self.plant.scrape_gap_share;
            let sight = Sight {
                now: self.time_of(tick),
                tick,
                scrape: if failed { None } else { self.scrape(tick) },
                current: pods.current(),
                ready: pods.ready(second),
                warm: 0,
                past: &past,
            };
            let desired = policy.decide(&sight);
            pods.scale(desired, second, &self.plant);
            let served = pods.serve(*load, second, &self.plant);
            let now = sight.now;
            if self.recorded[step].is_finite() {
                let inside = self.events.iter().any(|e| e.start <= now && now < e.end);
                tally.add(served, replicas(*load, self.plant.replica_capacity), desired.abs_diff(before), inside);
            }
            before = desired;
            watch(Row { at: now, load: *load, desired, ready: served.ready });
        }
        tally.outcome(policy.name(), policy.setting())
    }

    /// Mean of the ticks of the scrape's window that ended before its delay; `None` where nothing was recorded.
    pub(crate) fn scrape(&self, tick: usize) -> Option<Scrape> {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few ticks")]
        let (window, delay) = (
            ((self.plant.scrape_window_seconds / TICK as f64).round() as usize).max(1),
            (self.plant.scrape_delay_seconds / TICK as f64) as usize,
        );
        let end = tick.checked_sub(delay)?;
        let from = end.saturating_sub(window);
        if end == from || self.recorded[(end - 1) / self.per_step].is_nan() {
            return None;
        }
        let load = self.loads[from..end].iter().sum::<f64>() / (end - from) as f64;
        Some(Scrape { at: self.time_of(end), load })
    }
}

/// Holds the last value over what was not recorded; such ticks are not scored.
fn filled(recorded: &[f64], before: Option<f64>) -> Vec<f64> {
    let mut last = before.unwrap_or(0.0);
    recorded
        .iter()
        .map(|v| {
            last = if v.is_finite() { *v } else { last };
            last
        })
        .collect()
}
