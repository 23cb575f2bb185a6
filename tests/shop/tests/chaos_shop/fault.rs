//! What goes wrong, and when: a pure function of seed, round and lane, so that every run can be had again.

use std::fmt;
use std::time::Duration;

use presale_shop::{Link, NAMES, links};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use test_kit::Fault as Spoil;

/// Time without faults at the beginning of a round.
const GRACE: Duration = Duration::from_secs(3);

/// One thing that goes wrong.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Fault {
    /// `kill -9` of a service, the provider, `postgres` or `nats`; started again after a while.
    Kill(&'static str),
    /// A process stands still, as one whose machine is overloaded does: its leases end while it believes in them.
    Freeze(&'static str),
    /// What passes between some is spoiled.
    Network(Between, Spoil),
    /// The provider misbehaves so, in words and as a program.
    Provider(&'static str, Value),
}

/// Between whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Between {
    /// These two.
    Two(Link),
    /// This one and all whom it asks.
    From(&'static str),
    /// This one and all who ask it.
    To(&'static str),
}

/// A fault at its time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Strike {
    /// Since the round began.
    pub(crate) at: Duration,
    pub(crate) lasts: Duration,
    pub(crate) fault: Fault,
}

/// Faults of one kind come one after the other, those of different kinds at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    Services,
    Stores,
    Network,
    Provider,
}

impl Lane {
    pub(crate) const ALL: [Self; 4] = [Self::Services, Self::Stores, Self::Network, Self::Provider];

    /// Shortest and longest pause between two faults, milliseconds.
    const fn pause(self) -> (u64, u64) {
        match self {
            Self::Services => (2_000, 9_000),
            Self::Stores => (20_000, 50_000),
            Self::Network => (1_000, 8_000),
            Self::Provider => (3_000, 15_000),
        }
    }

    fn draw(self, rng: &mut ChaCha8Rng) -> (Fault, Duration) {
        match self {
            Self::Services => {
                let all: Vec<&'static str> = NAMES.into_iter().chain(["psp-sim"]).collect();
                let name = one_of(&all, rng);
                if rng.random_bool(0.7) {
                    (Fault::Kill(name), within(rng, 100, 4_000))
                } else {
                    (Fault::Freeze(name), within(rng, 1_000, 15_000))
                }
            }
            Self::Stores => (Fault::Kill(one_of(&["postgres", "nats"], rng)), within(rng, 100, 8_000)),
            Self::Network => {
                let between = between(rng);
                (Fault::Network(between, spoil(between, rng)), within(rng, 300, 12_000))
            }
            Self::Provider => {
                let (words, program) = program(rng);
                (Fault::Provider(words, program), within(rng, 3_000, 15_000))
            }
        }
    }
}

/// The faults of a lane in one round of so many seconds.
pub(crate) fn plan(lane: Lane, (seed, round): (u64, u64), seconds: u64) -> Vec<Strike> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(round * Lane::ALL.len() as u64 + lane as u64);
    let (mut strikes, mut at) = (Vec::new(), GRACE);
    loop {
        let (shortest, longest) = lane.pause();
        at += within(&mut rng, shortest, longest);
        let (fault, lasts) = lane.draw(&mut rng);
        if at + lasts > Duration::from_secs(seconds) {
            return strikes;
        }
        strikes.push(Strike { at, lasts, fault });
        at += lasts;
    }
}

fn one_of<T: Copy>(all: &[T], rng: &mut ChaCha8Rng) -> T {
    all[rng.random_range(0..all.len())]
}

fn within(rng: &mut ChaCha8Rng, from: u64, to: u64) -> Duration {
    Duration::from_millis(rng.random_range(from..to))
}

fn between(rng: &mut ChaCha8Rng) -> Between {
    let link = one_of(&links(), rng);
    match rng.random_range(0..5) {
        0 => Between::From(link.0),
        1 => Between::To(link.1),
        _ => Between::Two(link),
    }
}

/// Only where HTTP is spoken can answers be replaced or cut short.
fn spoil(between: Between, rng: &mut ChaCha8Rng) -> Spoil {
    let speaks_http = match between {
        Between::Two((_, to)) | Between::To(to) => !matches!(to, "postgres" | "nats"),
        Between::From(_) => false,
    };
    match rng.random_range(0..if speaks_http { 5 } else { 3 }) {
        0 => Spoil::Delay(within(rng, 20, 1_500)),
        1 => Spoil::Cut,
        2 => Spoil::HalfOpen,
        3 => Spoil::Status(one_of(&[500, 502, 503, 504], rng)),
        _ => Spoil::Truncate(rng.random_range(0..80)),
    }
}

/// Wrong amounts are left out: an answer about something else than was asked is given to a person, and nobody is here.
/// So are refusals to give money back.
fn program(rng: &mut ChaCha8Rng) -> (&'static str, Value) {
    let some = rng.random_range(1..6_u32);
    let mut program = usual();
    let (words, field, value) = match rng.random_range(0..6) {
        0 => ("declines", "decline_payments", some),
        1 => ("loses answers", "lose_answers", some),
        2 => ("answers with no JSON", "malformed", some),
        3 => ("answers with a megabyte", "oversize", some),
        4 => ("is slow", "latency_ms", rng.random_range(500..8_000)),
        _ => ("sends notices late and often", "notice_delay_ms", rng.random_range(100..25_000)),
    };
    program[field] = json!(value);
    if field == "notice_delay_ms" {
        program["notices"] = json!(some + 1);
    }
    (words, program)
}

/// The provider on a good day: a notice, sent before the answer.
pub(crate) fn usual() -> Value {
    json!({"notices": 1})
}

impl Between {
    pub(crate) fn holds(self, (from, to): Link) -> bool {
        match self {
            Self::Two(link) => link == (from, to),
            Self::From(one) => one == from,
            Self::To(one) => one == to,
        }
    }
}

impl Fault {
    /// What kind of fault it is, for counting.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Kill("postgres") => "PostgreSQL killed",
            Self::Kill("nats") => "NATS killed",
            Self::Kill(_) => "service killed",
            Self::Freeze(_) => "service frozen",
            Self::Network(_, Spoil::Delay(_)) => "network slow",
            Self::Network(_, Spoil::Cut) => "network cut",
            Self::Network(_, Spoil::HalfOpen) => "network silent",
            Self::Network(_, Spoil::Status(_)) => "answers replaced",
            Self::Network(..) => "answers cut short",
            Self::Provider(..) => "provider misbehaves",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill(name) => write!(f, "{name} killed"),
            Self::Freeze(name) => write!(f, "{name} frozen"),
            Self::Network(between, spoil) => write!(f, "{between}: {spoil:?}"),
            Self::Provider(words, program) => write!(f, "the provider {words}: {program}"),
        }
    }
}

impl fmt::Display for Between {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Two((from, to)) => write!(f, "{from} -> {to}"),
            Self::From(from) => write!(f, "{from} -> everybody"),
            Self::To(to) => write!(f, "everybody -> {to}"),
        }
    }
}

#[test]
fn the_same_seed_brings_the_same_faults_and_an_hour_every_kind_of_them() {
    let hour = |seed| {
        let rounds = (0..12).flat_map(|round| Lane::ALL.map(|lane| plan(lane, (seed, round), 300)));
        rounds.flatten().collect::<Vec<_>>()
    };
    let strikes = hour(7);
    assert_eq!(strikes, hour(7));
    assert_ne!(strikes, hour(8));
    assert!(strikes.iter().all(|strike| strike.at + strike.lasts <= Duration::from_mins(5)));
    let kinds: std::collections::BTreeSet<&str> = strikes.iter().map(|strike| strike.fault.kind()).collect();
    assert_eq!(kinds.len(), 10, "{kinds:?}");
    for name in NAMES.into_iter().chain(["psp-sim", "postgres", "nats"]) {
        assert!(strikes.iter().any(|strike| strike.fault == Fault::Kill(name)), "{name} is never killed");
    }
}
