//! What a run cost and what it failed to serve, by the names that `presale backtest --json` writes.

use serde::Serialize;

use crate::plant::{Served, TICK};

/// Ticks per block of the bootstrap: six hours.
const BLOCK: usize = 6 * 240;

/// One policy at one setting.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    /// Stable name.
    pub policy: String,
    /// Position of its knob.
    pub setting: String,
    /// Replicas paid for, in hours, starting and draining ones too, warm ones at their share of a full one.
    pub replica_hours: f64,
    /// Warm replicas, in hours; absent without a reserve.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warm_hours: Option<f64>,
    /// `replica_hours` over the oracle's.
    pub oracle_ratio: f64,
    /// Requests that were dropped over those that were offered.
    pub unserved_ratio: f64,
    /// Share of minutes in which more than 1 % of the requests were beyond what ready replicas serve in time.
    pub violation_minutes_ratio: f64,
    /// Share of requests beyond what ready replicas serve in time.
    pub violated_requests_ratio: f64,
    /// `violation_minutes_ratio` inside of labelled events; absent without any.
    pub event_violation_minutes_ratio: Option<f64>,
    /// Changes of the replica count per day.
    pub actions_per_day: f64,
    /// Largest change at once.
    pub max_step: u32,
    /// Mean share of missing replicas (SPEC θU).
    pub under_provisioning: f64,
    /// Mean share of surplus replicas (SPEC θO).
    pub over_provisioning: f64,
    /// SPEC elastic speed-up against not scaling at all.
    pub elastic_speedup: f64,
    /// Replica-hours and unserved requests per six hours, for bootstrap intervals.
    #[serde(skip)]
    pub blocks: Vec<(f64, f64)>,
    /// SPEC time shares (τU, τO).
    #[serde(skip)]
    pub time_shares: (f64, f64),
    /// What happened inside of labelled events.
    #[serde(skip)]
    pub inside: Inside,
}

/// What a run cost and failed to serve inside of labelled events.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Inside {
    /// Minutes inside.
    pub minutes: u32,
    /// Those in which more than 1 % of the requests were beyond what ready replicas serve in time.
    pub violated_minutes: u32,
    /// Requests that were offered.
    pub offered: f64,
    /// Requests that were dropped.
    pub unserved: f64,
    /// Replicas paid for, in hours.
    pub replica_hours: f64,
}

/// Adds up a run.
#[derive(Debug, Default)]
pub struct Tally {
    ticks: usize,
    paid: f64,
    warm: f64,
    warm_cost: f64,
    offered: f64,
    unserved: f64,
    beyond: f64,
    minute: (f64, f64, bool),
    minutes: (u32, u32),
    inside: Inside,
    actions: u32,
    max_step: u32,
    under: f64,
    over: f64,
    under_ticks: u32,
    over_ticks: u32,
    blocks: Vec<(f64, f64)>,
}

impl Tally {
    /// For a plant in which a warm replica costs the share `warm_cost` of a full one.
    pub fn new(warm_cost: f64) -> Self {
        Self { warm_cost, ..Self::default() }
    }

    /// Adds one tick; `needed` are the replicas that its load needs, `change` the step of the replica count before it.
    pub fn add(&mut self, served: Served, needed: u32, change: u32, inside_event: bool) {
        if self.ticks.is_multiple_of(BLOCK) {
            self.blocks.push((0.0, 0.0));
        }
        self.ticks += 1;
        let paid = served.paid + self.warm_cost * served.warm;
        self.paid += paid;
        self.warm += served.warm;
        self.offered += served.offered;
        self.unserved += served.unserved;
        self.beyond += served.beyond_objective;
        let (hours, lost) = (paid * TICK as f64 / 3600.0, served.unserved * TICK as f64);
        if let Some(block) = self.blocks.last_mut() {
            block.0 += hours;
            block.1 += lost;
        }
        if inside_event {
            self.inside.offered += served.offered * TICK as f64;
            self.inside.unserved += lost;
            self.inside.replica_hours += hours;
        }
        self.minute =
            (self.minute.0 + served.offered, self.minute.1 + served.beyond_objective, self.minute.2 || inside_event);
        if self.ticks.is_multiple_of(4) {
            let violated = u32::from(self.minute.1 > 0.01 * self.minute.0);
            self.minutes = (self.minutes.0 + violated, self.minutes.1 + 1);
            if self.minute.2 {
                self.inside.violated_minutes += violated;
                self.inside.minutes += 1;
            }
            self.minute = (0.0, 0.0, false);
        }
        self.actions += u32::from(change > 0);
        self.max_step = self.max_step.max(change);
        let (need, have) = (f64::from(needed.max(1)), f64::from(served.ready));
        self.under += (need - have).max(0.0) / need;
        self.over += (have - need).max(0.0) / need;
        self.under_ticks += u32::from(have < need);
        self.over_ticks += u32::from(have > need);
    }

    /// The totals; ratios to others are filled in by [`relate`].
    pub fn outcome(self, policy: &str, setting: String) -> Outcome {
        let ticks = (self.ticks as f64).max(1.0);
        let share = |(a, b): (u32, u32)| f64::from(a) / f64::from(b.max(1));
        Outcome {
            policy: policy.into(),
            setting,
            replica_hours: self.paid * TICK as f64 / 3600.0,
            warm_hours: (self.warm > 0.0).then_some(self.warm * TICK as f64 / 3600.0),
            oracle_ratio: f64::NAN,
            unserved_ratio: self.unserved / self.offered.max(1e-12),
            violation_minutes_ratio: share(self.minutes),
            violated_requests_ratio: self.beyond / self.offered.max(1e-12),
            event_violation_minutes_ratio: (self.inside.minutes > 0)
                .then(|| share((self.inside.violated_minutes, self.inside.minutes))),
            actions_per_day: f64::from(self.actions) / (ticks * TICK as f64 / 86_400.0),
            max_step: self.max_step,
            under_provisioning: self.under / ticks,
            over_provisioning: self.over / ticks,
            elastic_speedup: f64::NAN,
            blocks: self.blocks,
            time_shares: (f64::from(self.under_ticks) / ticks, f64::from(self.over_ticks) / ticks),
            inside: self.inside,
        }
    }
}

/// Fills the ratios to the oracle and to a run without scaling.
pub fn relate(outcomes: &mut [Outcome], oracle_hours: f64, still: &Outcome) {
    for outcome in outcomes {
        outcome.oracle_ratio = outcome.replica_hours / oracle_hours.max(1e-12);
        let ratio = |a: f64, b: f64| (a.max(1e-6) / b.max(1e-6)).ln();
        let sum = ratio(still.under_provisioning, outcome.under_provisioning)
            + ratio(still.over_provisioning, outcome.over_provisioning)
            + ratio(still.time_shares.0, outcome.time_shares.0)
            + ratio(still.time_shares.1, outcome.time_shares.1);
        outcome.elastic_speedup = (sum / 4.0).exp();
    }
}

/// 90 % interval of the ratio of two policies' replica-hours and the first one's, by bootstrap over blocks of six hours.
pub fn hours_ratio_interval(a: &Outcome, b: &Outcome, seed: u64) -> (f64, f64) {
    use rand::{Rng, SeedableRng};
    let n = a.blocks.len().min(b.blocks.len());
    if n < 2 {
        return (f64::NAN, f64::NAN);
    }
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    let mut ratios: Vec<f64> = (0..500)
        .map(|_| {
            let (mut over, mut under) = (0.0, 0.0);
            for _ in 0..n {
                let i = random.random_range(0..n);
                over += a.blocks[i].0;
                under += b.blocks[i].0;
            }
            over / under.max(1e-12)
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    (ratios[25], ratios[474])
}
