//! Knative: 1,200 generated histories through the pod autoscaler of Knative Serving and through our baseline.

use presale_backtest::baseline::knative::Knative;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use crate::replay::{HISTORIES, compare, replay};

/// Seconds between two ticks, and of a bucket, as in the simulation.
const TICK: i64 = 15;

#[derive(Debug, Serialize)]
struct History {
    target: f64,
    stable: i64,
    tick: i64,
    steps: Vec<Step>,
}

/// What is seen at one tick; no load = no pod reported, no ready = as many as were wished.
#[derive(Debug, Serialize)]
struct Step {
    load: Option<f64>,
    ready: Option<u32>,
}

#[test]
fn our_knative_counts_as_the_pod_autoscaler_of_knative_at_every_tick() {
    let histories: Vec<History> =
        (0..HISTORIES).map(|i| history(&mut ChaCha8Rng::seed_from_u64(u64::try_from(i).expect("small")))).collect();
    let theirs = replay("knative-replay", &histories);
    let moves: usize = theirs.iter().map(|counts| counts.windows(2).filter(|w| w[0] != w[1]).count()).sum();
    assert!(moves > 10 * HISTORIES, "the histories make the autoscaler move: {moves} times");
    compare(&histories, &theirs, ours);
}

/// Our baseline in the same loop: what it wishes is ready at the next tick, unless the history says otherwise.
fn ours(history: &History) -> Vec<u32> {
    let mut knative = Knative::new(1.0, history.target, history.stable);
    let mut wished = history.steps.first().and_then(|s| s.ready).unwrap_or(1);
    let mut second = 0;
    let mut counts = Vec::new();
    for step in &history.steps {
        wished = knative.tick(second, step.load, step.ready.unwrap_or(wished), wished);
        second += history.tick;
        counts.push(wished);
    }
    counts
}

/// A load of whole requests that wanders, jumps and rests, with gaps and pods that are late.
fn history(dice: &mut ChaCha8Rng) -> History {
    let target = f64::from(dice.random_range(1..=200));
    let top = target * f64::from(dice.random_range(2..=80));
    let (gaps, late) = (dice.random_bool(0.4), dice.random_bool(0.4));
    let wander = dice.random_range(0.0..0.2);
    let (mut level, mut gap) = (dice.random_range(0.0..top), 0);
    let first = dice.random_range(0..=20);
    let steps = (0..dice.random_range(60..=90))
        .map(|i| {
            level = (level + top * dice.random_range(-wander..=wander)).clamp(0.0, top);
            if dice.random_bool(0.05) {
                level = if dice.random_bool(0.2) { 0.0 } else { dice.random_range(0.0..top) };
            }
            if gaps && gap == 0 && dice.random_bool(0.06) {
                gap = dice.random_range(1..12);
            }
            gap = i32::max(gap - 1, 0);
            let straggle = (late && dice.random_bool(0.1)).then(|| dice.random_range(0..=40));
            Step { load: (gap == 0).then_some(level.round()), ready: if i == 0 { Some(first) } else { straggle } }
        })
        .collect();
    History { target, stable: TICK * dice.random_range(2..=8), tick: TICK, steps }
}
