//! The run of a policy with a reserve: ticks as for everyone, and within them the fast signal.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Binomial, Distribution};

use crate::outcome::{Outcome, Tally};
use crate::plant::TICK;
use crate::policy::{Glance, Policy, Sight, replicas};
use crate::simulate::{Row, Scenario};
use crate::warm::WarmPods;

impl Scenario {
    /// [`Scenario::run`] for a policy with a reserve. Arrivals, scrapes and their gaps are those of every other policy.
    pub(crate) fn run_with_reserve(&self, policy: &mut dyn Policy, watch: &mut dyn FnMut(Row)) -> Outcome {
        let plant = &self.plant;
        let mut past = self.past.clone();
        let mut gaps = ChaCha8Rng::seed_from_u64(self.seed ^ 0x5ca1_ab1e);
        let mut split = ChaCha8Rng::seed_from_u64(self.seed ^ 0x0fa5_751e);
        let begin = replicas(self.loads.first().copied().unwrap_or(0.0), plant.replica_capacity).max(1);
        let mut pods = WarmPods::new(begin + begin.div_ceil(4), self.seed);
        let mut tally = Tally::new(plant.warm.cost);
        let mut before = pods.current();
        let per_tick = plant.warm.per_tick();
        let seconds = TICK as f64 / f64::from(per_tick);
        let mut arrived = 0.0;
        for (tick, load) in self.loads.iter().enumerate() {
            let step = tick / self.per_step;
            if tick > 0 && tick.is_multiple_of(self.per_step) {
                past.load.push(self.recorded[step - 1]);
            }
            let start = TICK as f64 * tick as f64;
            let failed = gaps.random::<f64>() < plant.scrape_gap_share;
            let mut left = load * TICK as f64;
            let mut wanted = 0;
            for part in 0..per_tick {
                let second = start + seconds * f64::from(part);
                let sight = Sight {
                    now: self.time_of(tick),
                    tick,
                    scrape: if failed { None } else { self.scrape(tick) },
                    current: pods.current(),
                    ready: pods.ready(second),
                    warm: pods.warm(),
                    past: &past,
                };
                let glance = Glance { seconds, requests: arrived, waiting: pods.waiting() };
                let again = policy.glance(&sight, glance);
                let desired = if part == 0 { Some(policy.decide(&sight)) } else { again };
                if let Some(desired) = desired {
                    pods.scale((desired, policy.reserve().unwrap_or(0)), second, plant);
                    wanted = desired + policy.reserve().unwrap_or(0);
                }
                pods.serve(*load, (second, seconds), plant);
                arrived = drawn(left, per_tick - part, &mut split);
                left -= arrived;
            }
            let served = pods.close(*load, start, plant);
            let now = self.time_of(tick);
            if self.recorded[step].is_finite() {
                let inside = self.events.iter().any(|e| e.start <= now && now < e.end);
                tally.add(served, replicas(*load, plant.replica_capacity), wanted.abs_diff(before), inside);
            }
            before = wanted;
            watch(Row { at: now, load: *load, desired: wanted, ready: served.ready });
        }
        tally.outcome(policy.name(), policy.setting())
    }
}

/// Of `left` requests in `parts` parts of a tick those of the first.
fn drawn(left: f64, parts: u32, random: &mut ChaCha8Rng) -> f64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of requests")]
    let requests = left.round().max(0.0) as u64;
    Binomial::new(requests, 1.0 / f64::from(parts)).map_or(0.0, |d| d.sample(random) as f64)
}
