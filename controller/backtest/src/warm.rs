//! Warm replicas in the plant: out of service at a share of the cost, and back within seconds.
//!
//! Ticks are 15 s long and their load is even, as everywhere in this plant. Within a tick a policy with a reserve reads the
//! fast signal every `signal_seconds`, in arrivals that are drawn out of the tick's own (Poisson arrivals, so the split is
//! multinomial): it knows of a tick's load what has arrived of it, and no more. What it takes back serves `return_seconds`
//! later. Pods that start and warm up do so by whole ticks, as for everyone.

use std::collections::VecDeque;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::plant::{Plant, Served, TICK};

/// What is assumed of warm replicas.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Warm {
    /// Cost of a warm replica as a share of a full one.
    pub cost: f64,
    /// Seconds between two readings of the fast signal, and so the age of what it shows.
    pub signal_seconds: f64,
    /// Decision → serving at full quota, seconds.
    pub return_seconds: f64,
    /// While warm replicas are there, the gateway holds at most what they would serve in so many seconds, and nobody longer
    /// than so many seconds.
    pub hold_seconds: f64,
}

impl Default for Warm {
    fn default() -> Self {
        Self { cost: 0.25, signal_seconds: 1.5, return_seconds: 0.3, hold_seconds: 2.5 }
    }
}

impl Warm {
    /// Readings per tick.
    pub fn per_tick(&self) -> u32 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and 15")]
        let readings = (TICK as f64 / self.signal_seconds.clamp(1.0, TICK as f64)).round() as u32;
        readings.max(1)
    }
}

/// A pod in service: since when it serves, and since when it serves all.
#[derive(Debug, Clone, Copy, PartialEq)]
struct InService {
    from: f64,
    full: f64,
}

/// Pods of a service with a reserve.
#[derive(Debug, Clone)]
pub struct WarmPods {
    service: Vec<InService>,
    /// When each was cut off, the newest last.
    warm: VecDeque<f64>,
    draining: Vec<f64>,
    waiting: f64,
    held: f64,
    retries: f64,
    tick: Sum,
    random: ChaCha8Rng,
}

/// What adds up within a tick, in seconds times its unit.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    dropped: f64,
    beyond: f64,
    paid: f64,
    warm: f64,
}

impl WarmPods {
    /// `count` pods in service at second 0.
    pub fn new(count: u32, seed: u64) -> Self {
        let ready = InService { from: f64::NEG_INFINITY, full: f64::NEG_INFINITY };
        Self {
            service: vec![ready; usize::try_from(count).unwrap_or(0)],
            warm: VecDeque::new(),
            draining: Vec::new(),
            waiting: 0.0,
            held: 0.0,
            retries: 0.0,
            tick: Sum::default(),
            random: ChaCha8Rng::seed_from_u64(seed),
        }
    }

    /// Pods in service, those that are starting among them.
    pub fn current(&self) -> u32 {
        u32::try_from(self.service.len()).unwrap_or(u32::MAX)
    }

    /// Pods in service that are ready at `second`.
    pub fn ready(&self, second: f64) -> u32 {
        u32::try_from(self.service.iter().filter(|p| p.from <= second).count()).unwrap_or(u32::MAX)
    }

    /// Warm pods.
    pub fn warm(&self) -> u32 {
        u32::try_from(self.warm.len()).unwrap_or(u32::MAX)
    }

    /// Requests that wait.
    pub fn waiting(&self) -> f64 {
        self.waiting
    }

    /// Orders or deletes pods until there are `desired` and `reserve` of them, then cuts off or takes back until `desired`
    /// that serve all are in service: warm ones stand in for those that are starting or warming up.
    pub fn scale(&mut self, (desired, reserve): (u32, u32), second: f64, plant: &Plant) {
        let (desired, reserve) = (usize::try_from(desired).unwrap_or(0), usize::try_from(reserve).unwrap_or(0));
        while self.service.len() + self.warm.len() < desired + reserve {
            let from = whole_ticks(second + plant.start_up(&mut self.random));
            self.service.push(InService { from, full: from + whole_ticks(plant.warm_up_seconds) });
        }
        self.delete(self.service.len() + self.warm.len() - desired - reserve, desired, second, plant);
        // The oldest first; the starting ones last.
        self.service.sort_by(|a, b| a.full.total_cmp(&b.full));
        let able = self.service.iter().filter(|p| p.full <= second + plant.warm.return_seconds).count();
        for _ in desired..able {
            self.service.remove(0);
            self.warm.push_back(second);
        }
        for _ in able..desired {
            // The newest may not even have drained.
            if self.warm.pop_back().is_none() {
                break;
            }
            let at = second + plant.warm.return_seconds;
            self.service.push(InService { from: at, full: at });
        }
    }

    /// Deletes pods: those that are starting, warm ones, then those in service, the youngest first.
    fn delete(&mut self, surplus: usize, desired: usize, second: f64, plant: &Plant) {
        self.service.sort_by(|a, b| a.from.total_cmp(&b.from));
        for _ in 0..surplus {
            let starting = self.service.last().is_some_and(|p| p.from > second + plant.warm.return_seconds);
            if starting && self.service.len() > desired {
                self.service.pop();
            } else if let Some(cut) = self.warm.pop_front() {
                self.draining.extend((cut + plant.drain_seconds > second).then_some(cut + plant.drain_seconds));
            } else if self.service.pop().is_some_and(|p| p.from <= second) {
                self.draining.push(second + plant.drain_seconds);
            }
        }
    }

    /// Serves `seconds` of `offered` requests/s from `second` on.
    pub fn serve(&mut self, offered: f64, (second, seconds): (f64, f64), plant: &Plant) {
        let until = second + seconds;
        let worked =
            |p: &InService| 0.5 * ((until - p.from.max(second)).max(0.0) + (until - p.full.max(second)).max(0.0));
        let worked: f64 = self.service.iter().map(|p| worked(p).min(seconds)).sum::<f64>() * plant.replica_capacity;
        let arriving = offered + self.retries;
        let work = arriving * seconds + self.waiting;
        let left = work - work.min(worked * plant.saturation);
        // The rate at the end: what has come back by then serves.
        let rate = self.service.iter().map(|p| {
            if p.full < until {
                1.0
            } else if p.from < until {
                0.5
            } else {
                0.0
            }
        });
        let rate = rate.sum::<f64>() * plant.replica_capacity;
        let in_pods = left.min(rate * plant.queue_seconds);
        let behind_them = plant.warm.hold_seconds * plant.replica_capacity * f64::from(self.warm());
        let held_on = self.held.min(plant.warm.hold_seconds * rate);
        self.held = (left - in_pods).min(behind_them.max(held_on));
        self.waiting = in_pods + self.held;
        self.tick.dropped += left - self.waiting;
        self.tick.beyond += (arriving * seconds - worked).max(0.0).min(offered * seconds);
        let cooling = self.warm.iter().filter(|cut| **cut + plant.drain_seconds > second).count();
        self.draining.retain(|until| *until > second);
        self.tick.paid += seconds * (self.service.len() + cooling + self.draining.len()) as f64;
        self.tick.warm += seconds * (self.warm.len() - cooling) as f64;
    }

    /// Closes the tick that began at `second`.
    pub fn close(&mut self, offered: f64, second: f64, plant: &Plant) -> Served {
        let (sum, seconds) = (std::mem::take(&mut self.tick), TICK as f64);
        let dropped = sum.dropped / seconds;
        self.retries = dropped * plant.retry_share;
        Served {
            offered,
            unserved: (dropped - self.retries).max(0.0),
            beyond_objective: sum.beyond / seconds,
            paid: sum.paid / seconds,
            warm: sum.warm / seconds,
            ready: self.ready(second) + self.warm(),
        }
    }
}

/// The first tick at or after `second`.
fn whole_ticks(second: f64) -> f64 {
    (second / TICK as f64).ceil() * TICK as f64
}
