//! The HPA: 1,200 generated histories through the controller of Kubernetes in fake time and through our baseline.

use jiff::SignedDuration;
use presale_backtest::baseline::hpa::{Hpa, HpaBehavior, HpaSpec};
use presale_planner::{Behavior, Select, StepLimit};
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use crate::replay::{HISTORIES, compare, replay};

/// Seconds between two syncs.
const SYNC: i64 = 15;

#[derive(Debug, Serialize)]
struct History {
    min: u32,
    max: u32,
    replicas: u32,
    target: i64,
    behavior: Option<Directions>,
    steps: Vec<Step>,
}

/// The field `behavior`; a missing part is filled with the API server's default.
#[derive(Debug, Serialize)]
struct Directions {
    up: Option<Rules>,
    down: Option<Rules>,
}

#[derive(Debug, Serialize)]
struct Rules {
    window: Option<i64>,
    select: &'static str,
    policies: Vec<Limit>,
}

#[derive(Debug, Serialize)]
struct Limit {
    kind: &'static str,
    value: u32,
    period: i64,
}

/// What holds at one sync: the load in thousandths (none = unreadable), and a count that somebody set before it.
#[derive(Debug, Serialize)]
struct Step {
    load: Option<i64>,
    hand: Option<u32>,
}

#[test]
fn our_hpa_counts_as_the_controller_of_kubernetes_at_every_sync() {
    let histories: Vec<History> =
        (0..HISTORIES).map(|i| history(&mut ChaCha8Rng::seed_from_u64(u64::try_from(i).expect("small")))).collect();
    let theirs = replay("hpa-replay", &histories);
    let moves: usize = theirs.iter().map(|counts| counts.windows(2).filter(|w| w[0] != w[1]).count()).sum();
    assert!(moves > 4 * HISTORIES, "the histories make the controller move: {moves} times");
    compare(&histories, &theirs, ours);
}

/// Our baseline in the same loop: what it answers is the count that it finds at the next sync.
fn ours(history: &History) -> Vec<u32> {
    let behavior = history.behavior.as_ref().map(|given| {
        let otherwise = HpaBehavior::default();
        HpaBehavior { up: filled(given.up.as_ref(), otherwise.up), down: filled(given.down.as_ref(), otherwise.down) }
    });
    #[expect(clippy::cast_precision_loss, reason = "thousandths far below 2^53")]
    let spec = HpaSpec { target: 1.0, capacity: history.target as f64, min: history.min, max: history.max, behavior };
    let mut hpa = Hpa::new(spec);
    let mut current = history.replicas;
    let mut second = 0;
    let mut counts = Vec::new();
    for step in &history.steps {
        second += SYNC;
        current = step.hand.unwrap_or(current);
        #[expect(clippy::cast_precision_loss, reason = "thousandths far below 2^53")]
        let load = step.load.map(|l| l as f64);
        current = hpa.sync(second, load, current);
        counts.push(current);
    }
    counts
}

fn filled(given: Option<&Rules>, mut rules: Behavior) -> Behavior {
    let Some(given) = given else { return rules };
    rules.stabilization = given.window.map(SignedDuration::from_secs).or(rules.stabilization);
    rules.select = match given.select {
        "Min" => Select::Min,
        "Disabled" => Select::Disabled,
        _ => Select::Max,
    };
    if !given.policies.is_empty() {
        let limit = |l: &Limit| {
            let period = SignedDuration::from_secs(l.period);
            match l.kind {
                "Pods" => StepLimit::Pods { value: l.value, period },
                _ => StepLimit::Percent { value: l.value, period },
            }
        };
        rules.limits = given.policies.iter().map(limit).collect();
    }
    rules
}

fn history(dice: &mut ChaCha8Rng) -> History {
    let (min, max) = (dice.random_range(1..=4), dice.random_range(5..=120));
    let target = 10 * dice.random_range(1..=500);
    let replicas = if dice.random_bool(0.05) { 0 } else { dice.random_range(1..=max + 3) };
    let behavior = match dice.random_range(0..3) {
        0 => None,
        1 => Some(Directions { up: None, down: None }),
        _ => Some(Directions {
            up: dice.random_bool(0.8).then(|| rules(dice)),
            down: dice.random_bool(0.8).then(|| rules(dice)),
        }),
    };
    History { min, max, replicas, target, behavior, steps: steps(dice, target, max) }
}

fn rules(dice: &mut ChaCha8Rng) -> Rules {
    let windows = [0, 15, 30, 45, 60, 100, 180, 300, 420];
    let periods = [15, 30, 60, 75, 120, 180];
    let policy = |dice: &mut ChaCha8Rng| Limit {
        kind: if dice.random_bool(0.5) { "Pods" } else { "Percent" },
        value: dice.random_range(1..=60),
        period: *periods.choose(dice).expect("periods"),
    };
    Rules {
        window: dice.random_bool(0.7).then(|| *windows.choose(dice).expect("windows")),
        select: ["", "Max", "Max", "Min", "Disabled"].choose(dice).expect("choices"),
        policies: (0..dice.random_range(0..=3)).map(|_| policy(dice)).collect(),
    }
}

/// A load that wanders, waves, jumps or rests, with gaps, hand-set counts and loads exactly on the tolerance's edges.
fn steps(dice: &mut ChaCha8Rng, target: i64, max: u32) -> Vec<Step> {
    let top = f64::from(max) * 1.2;
    let (gaps, hands, edges) = (dice.random_bool(0.3), dice.random_bool(0.25), dice.random_bool(0.3));
    let (wave, wander) = (dice.random_range(0.0..0.4), dice.random_range(0.0..0.15));
    let period = dice.random_range(20.0..90.0);
    let (mut level, mut gap_left) = (dice.random_range(0.0..top), 0);
    let count = dice.random_range(60..=90);
    (0..count)
        .map(|i| {
            level = (level + top * dice.random_range(-wander..=wander)).clamp(0.0, top);
            if dice.random_bool(0.03) {
                level = dice.random_range(0.0..top);
            }
            if dice.random_bool(0.01) {
                level = 0.0;
            }
            let phase = f64::from(i) / period * std::f64::consts::TAU;
            let replicas = (level * (1.0 + wave * phase.sin())).max(0.0);
            #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "far below 2^53")]
            let mut load = (replicas * target as f64) as i64;
            if edges && dice.random_bool(0.3) {
                let whole = i64::from(dice.random_range(1..=max)) * target / 10;
                load = whole * [9, 10, 11].choose(dice).expect("edges") + dice.random_range(-1..=1);
            }
            if gaps && gap_left == 0 && dice.random_bool(0.04) {
                gap_left = dice.random_range(1..25);
            }
            gap_left = i32::max(gap_left - 1, 0);
            Step {
                load: (gap_left == 0).then_some(load.max(0)),
                hand: (hands && dice.random_bool(0.03)).then(|| dice.random_range(0..=max + 2)),
            }
        })
        .collect()
}
