//! The simulated plant: pods that start late and warm up, drain, queue and overflow, under seeded arrivals and scrapes.
//!
//! **Source**: start-up, drain and warm-up settings as in the kubelet and HPA documentation; waits by Erlang C with the
//! Allen–Cunneen factor.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, LogNormal, Poisson};
use serde::{Deserialize, Serialize};

use crate::warm::Warm;

/// Seconds per tick of the simulation.
pub const TICK: i64 = 15;

/// Everything that is assumed of the cluster; printed with every result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Plant {
    /// Created → ready, 95th percentile, seconds.
    pub lead_seconds: f64,
    /// Spread of the start-up times (deviation of their logarithm).
    pub lead_spread: f64,
    /// Share of start-ups that must wait for a new node.
    pub node_add_share: f64,
    /// Further wait for a new node, seconds, drawn evenly between the two.
    pub node_add_seconds: (f64, f64),
    /// A stopping pod costs but serves nothing new for so long, seconds.
    pub drain_seconds: f64,
    /// A new pod serves half for so long, seconds.
    pub warm_up_seconds: f64,
    /// Requests/s that one replica serves within its latency objective, in the trace's unit.
    pub replica_capacity: f64,
    /// Throughput at saturation over the capacity at the objective.
    pub saturation: f64,
    /// Longest queue in seconds of capacity.
    pub queue_seconds: f64,
    /// Share of unserved requests that come back in the next tick.
    pub retry_share: f64,
    /// Worker slots per replica, for the wait.
    pub slots: u32,
    /// Mean of the squared coefficients of variation of arrivals and service (1 = M/M/c).
    pub variability: f64,
    /// A scrape shows the mean of so many seconds before it.
    pub scrape_window_seconds: f64,
    /// Age of a scrape when it can be read, seconds.
    pub scrape_delay_seconds: f64,
    /// Share of scrapes that fail.
    pub scrape_gap_share: f64,
    /// Warm replicas, for policies that hold some.
    pub warm: Warm,
}

impl Default for Plant {
    fn default() -> Self {
        Self {
            lead_seconds: 180.0,
            lead_spread: 0.18,
            node_add_share: 0.02,
            node_add_seconds: (30.0, 90.0),
            drain_seconds: 30.0,
            warm_up_seconds: 60.0,
            replica_capacity: 0.0,
            saturation: 1.0,
            queue_seconds: 1.0,
            retry_share: 0.3,
            slots: 16,
            variability: 1.0,
            scrape_window_seconds: 60.0,
            scrape_delay_seconds: 5.0,
            scrape_gap_share: 0.001,
            warm: Warm::default(),
        }
    }
}

impl Plant {
    /// Draws one start-up time, seconds.
    pub fn start_up(&self, random: &mut ChaCha8Rng) -> f64 {
        let median = self.lead_seconds * (-1.645 * self.lead_spread).exp();
        let base = LogNormal::new(median.max(1e-3).ln(), self.lead_spread).map_or(median, |d| d.sample(random));
        let node = random.random::<f64>() < self.node_add_share;
        let (from, to) = self.node_add_seconds;
        base + if node { random.random_range(from..=to.max(from)) } else { 0.0 }
    }

    /// Share of requests that wait longer than `seconds`, at `load` requests/s on one replica.
    pub fn waits_longer(&self, load: f64, seconds: f64) -> f64 {
        let slots = f64::from(self.slots.max(1));
        let service = slots / (self.saturation * self.replica_capacity).max(1e-12);
        let offered = load * service;
        if offered >= slots {
            return 1.0;
        }
        let wait = erlang_c(self.slots.max(1), offered);
        let decay = (slots - offered) * seconds / (service * self.variability.max(1e-6));
        wait * (-decay).exp()
    }
}

/// Probability that an arrival finds all `slots` busy, at `offered` erlangs below `slots`.
pub fn erlang_c(slots: u32, offered: f64) -> f64 {
    let mut blocked = 1.0;
    for n in 1..=slots {
        blocked = offered * blocked / (f64::from(n) + offered * blocked);
    }
    let busy = offered / f64::from(slots);
    blocked / (1.0 - busy * (1.0 - blocked))
}

/// Offered load per tick with seeded arrivals inside the recorded steps.
pub fn arrivals(recorded: &[f64], ticks_per_step: usize, seed: u64) -> Vec<f64> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let seconds = TICK as f64;
    let draw = |rate: &f64| {
        let mean = rate * seconds;
        (0..ticks_per_step)
            .map(
                |_| if mean > 0.0 { Poisson::new(mean).map_or(mean, |d| d.sample(&mut random)) / seconds } else { 0.0 },
            )
            .collect::<Vec<f64>>()
    };
    recorded.iter().flat_map(draw).collect()
}

/// Pods of one service.
#[derive(Debug, Clone)]
pub struct Pods {
    running: Vec<f64>,
    draining: Vec<f64>,
    queue: f64,
    retries: f64,
    random: ChaCha8Rng,
}

/// What happened in one tick.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Served {
    /// Requests/s that were offered, without retries.
    pub offered: f64,
    /// Requests/s that were dropped.
    pub unserved: f64,
    /// Requests/s above what the ready pods serve within the objective.
    pub beyond_objective: f64,
    /// Pods that are paid for in full, as a mean over the tick.
    pub paid: f64,
    /// Warm pods, as a mean over the tick; 0 without a reserve.
    pub warm: f64,
    /// Pods that are ready.
    pub ready: u32,
}

impl Pods {
    /// `count` warm pods at second 0.
    pub fn new(count: u32, seed: u64) -> Self {
        let warm = f64::NEG_INFINITY;
        Self {
            running: vec![warm; usize::try_from(count).unwrap_or(0)],
            draining: Vec::new(),
            queue: 0.0,
            retries: 0.0,
            random: ChaCha8Rng::seed_from_u64(seed),
        }
    }

    /// Pods in the spec.
    pub fn current(&self) -> u32 {
        u32::try_from(self.running.len()).unwrap_or(u32::MAX)
    }

    /// Pods that are ready at `second`.
    pub fn ready(&self, second: f64) -> u32 {
        u32::try_from(self.running.iter().filter(|r| **r <= second).count()).unwrap_or(u32::MAX)
    }

    /// Orders or stops pods; those that are not ready yet are stopped first.
    pub fn scale(&mut self, desired: u32, second: f64, plant: &Plant) {
        while self.current() < desired {
            self.running.push(second + plant.start_up(&mut self.random));
        }
        if self.current() > desired {
            self.running.sort_by(f64::total_cmp);
            for ready_at in self.running.split_off(usize::try_from(desired).unwrap_or(usize::MAX)) {
                if ready_at <= second {
                    self.draining.push(second + plant.drain_seconds);
                }
            }
        }
    }

    /// Serves one tick of `offered` requests/s.
    pub fn serve(&mut self, offered: f64, second: f64, plant: &Plant) -> Served {
        self.draining.retain(|until| *until > second);
        let share = |ready_at: &f64| match second - ready_at {
            age if age < 0.0 => 0.0,
            age if age < plant.warm_up_seconds => 0.5,
            _ => 1.0,
        };
        let capacity: f64 = self.running.iter().map(share).sum::<f64>() * plant.replica_capacity;
        let arriving = offered + self.retries;
        let seconds = TICK as f64;
        let work = arriving * seconds + self.queue;
        let done = work.min(capacity * plant.saturation * seconds);
        let left = work - done;
        self.queue = left.min(capacity * plant.queue_seconds);
        let dropped = (left - self.queue) / seconds;
        self.retries = dropped * plant.retry_share;
        Served {
            offered,
            unserved: (dropped - self.retries).max(0.0),
            beyond_objective: (arriving - capacity).max(0.0).min(offered),
            paid: f64::from(self.current() + u32::try_from(self.draining.len()).unwrap_or(0)),
            warm: 0.0,
            ready: self.ready(second),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plant() -> Plant {
        Plant { replica_capacity: 10.0, node_add_share: 0.0, ..Plant::default() }
    }

    #[test]
    fn a_pod_serves_nothing_half_and_all_in_turn() {
        let plant = plant();
        let mut pods = Pods::new(0, 1);
        pods.scale(1, 0.0, &plant);
        assert!(pods.serve(10.0, 15.0, &plant).unserved > 0.0, "still starting");
        assert_eq!(pods.ready(400.0), 1);
        let ready_at = pods.running[0];
        assert!(pods.serve(10.0, ready_at + 1.0, &plant).beyond_objective > 0.0, "still cold");
        pods.queue = 0.0;
        pods.retries = 0.0;
        let warm = pods.serve(10.0, ready_at + 61.0, &plant);
        assert!(warm.unserved.abs() < 1e-9 && warm.beyond_objective.abs() < 1e-9, "{warm:?}");
    }

    #[test]
    fn nineteen_of_twenty_pods_start_within_the_lead_time() {
        let plant = plant();
        let mut random = ChaCha8Rng::seed_from_u64(3);
        let late = (0..4000).filter(|_| plant.start_up(&mut random) > plant.lead_seconds).count();
        assert!((120..=280).contains(&late), "{late} of 4000 were late");
    }

    #[test]
    fn the_wait_formula_knows_the_textbook_values() {
        assert!((erlang_c(1, 0.5) - 0.5).abs() < 1e-12, "M/M/1 waits with probability rho");
        assert!((erlang_c(2, 1.0) - 1.0 / 3.0).abs() < 1e-12);
        let plant = plant();
        assert!(plant.waits_longer(9.0, 0.1) < plant.waits_longer(10.0, 0.1));
        assert!((plant.waits_longer(11.0, 0.1) - 1.0).abs() < 1e-12, "saturated");
    }

    #[test]
    fn the_same_seed_brings_the_same_arrivals_around_the_recorded_rate() {
        let a = arrivals(&[100.0; 500], 4, 7);
        assert_eq!(a, arrivals(&[100.0; 500], 4, 7));
        let mean = a.iter().sum::<f64>() / a.len() as f64;
        assert!((mean - 100.0).abs() < 1.0, "{mean}");
    }
}
