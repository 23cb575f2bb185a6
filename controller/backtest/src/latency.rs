//! How long requests take in the plant: their work, and the wait for a slot or for the next period of the CPU limit.
//!
//! **Source**: Erlang C with the Allen–Cunneen factor; for a limited replica Lindley's recursion over the periods of its
//! limit ("CFS Bandwidth Control" of Linux).

use crate::limit::{Limit, carried};
use crate::plant::Plant;
use crate::work::{LogNormal, Work, compound, sum};

/// Cells per request of the grid that work is counted on, and cells per period at most.
const CELLS: (f64, usize) = (8.0, 2048);
/// Moments of a period at which requests come.
const MOMENTS: usize = 50;

/// Waits with their probabilities. **Unit**: seconds.
type Waits = Vec<(f64, f64)>;

impl Plant {
    /// The latency that a share `quantile` of the requests keeps, where a replica takes `loads` requests/s one after the
    /// other, for equally long. **Unit**: seconds; infinite where too many come to a replica that is never free.
    pub fn latency(&self, loads: &[f64], quantile: f64) -> f64 {
        let waits: Vec<(f64, Waits)> = loads.iter().map(|load| (*load, self.waits(*load))).collect();
        let all: f64 = loads.iter().sum();
        let service = self.service_time();
        let late = |seconds: f64| {
            let after =
                |waits: &Waits| waits.iter().map(|(share, wait)| share * service.above(seconds - wait)).sum::<f64>();
            let share = waits.iter().map(|(load, waits)| load * after(waits)).sum::<f64>() / all.max(f64::MIN_POSITIVE);
            share > 1.0 - quantile
        };
        let (mut low, mut high) = (0.0, service.mean());
        while late(high) {
            (low, high) = (high, high * 2.0);
            if high > 1e9 {
                return f64::INFINITY;
            }
        }
        while high - low > 1e-4 * high {
            let middle = f64::midpoint(low, high);
            (low, high) = if late(middle) { (middle, high) } else { (low, middle) };
        }
        high
    }

    /// The highest load of one replica at which a share `quantile` of the requests is answered within `seconds`.
    /// **Unit**: requests/s; 0 where even an idle replica takes longer.
    pub fn capacity_within(&self, seconds: f64, quantile: f64) -> f64 {
        let (mut low, mut high) = (0.0, self.throughput());
        while high - low > 1e-3 * self.throughput() {
            let middle = f64::midpoint(low, high);
            (low, high) = if self.latency(&[middle], quantile) > seconds { (low, middle) } else { (middle, high) };
        }
        low
    }

    /// Share of requests that wait longer than `seconds` for a slot, at `load` requests/s on one replica.
    pub fn waits_longer(&self, load: f64, seconds: f64) -> f64 {
        let slots = f64::from(self.slots.max(1));
        let service = slots / self.throughput();
        let offered = load * service;
        if offered >= slots {
            return 1.0;
        }
        let wait = erlang_c(self.slots.max(1), offered);
        let decay = (slots - offered) * seconds / (service * self.variability.max(1e-6));
        wait * (-decay).exp()
    }

    /// Requests/s of one replica at saturation.
    fn throughput(&self) -> f64 {
        (self.saturation * self.replica_capacity).max(1e-12)
    }

    fn service_time(&self) -> LogNormal {
        let evenly = f64::from(self.slots.max(1)) / self.throughput();
        LogNormal::new(if self.service_seconds > 0.0 { self.service_seconds } else { evenly }, self.service_variance())
    }

    /// Squared coefficient of variation of the service; that of the arrivals is 1.
    fn service_variance(&self) -> f64 {
        (2.0 * self.variability - 1.0).max(0.0)
    }

    fn waits(&self, load: f64) -> Waits {
        if self.quota_period_seconds > 0.0 { self.waits_for_quota(load) } else { self.waits_for_slot(load) }
    }

    fn waits_for_slot(&self, load: f64) -> Waits {
        let spare = self.throughput() - load;
        if spare <= 0.0 {
            return vec![(1.0, f64::INFINITY)];
        }
        let step = 0.1 * self.variability.max(1e-6) / spare;
        let cells = (0..300).map(|i| {
            let (from, to) = (step * f64::from(i), step * f64::from(i + 1));
            (self.waits_longer(load, from) - self.waits_longer(load, to), f64::midpoint(from, to))
        });
        std::iter::once((1.0 - self.waits_longer(load, 0.0), 0.0)).chain(cells).collect()
    }

    /// A limited replica works off what comes at once, and rests until its next period when it has used up one's share.
    fn waits_for_quota(&self, load: f64) -> Waits {
        let period = self.quota_period_seconds;
        let budget = self.throughput() * period;
        let share = whole(budget * CELLS.0).clamp(1, CELLS.1);
        let (width, idle_cost) = (budget / share as f64, self.idle_cost.max(1.0));
        let cost = |mean: f64| LogNormal::new(mean, self.service_variance()).on_grid(width);
        let limit = Limit { share, most: whole(self.queue_seconds / period * share as f64), idle_cost };
        let (one, lone) = (cost(1.0), cost(idle_cost));
        let (in_a_row, alone) = (Come::of(load * period, &one), Come::of(load * period, &lone));
        let carried = carried(&limit, &alone.whole, &in_a_row.whole);
        let pace = self.service_time().mean() / f64::from(self.slots.max(1)) * width;
        let mut waits = Waits::new();
        for (moment, (alone, in_a_row)) in alone.before.iter().zip(&in_a_row.before).enumerate() {
            let phase = (moment as f64 + 0.5) / MOMENTS as f64;
            let places = limit.places(&carried, &sum(alone, &lone), &sum(in_a_row, &one));
            for (periods, (probability, inside)) in places.into_iter().enumerate() {
                let rest = (periods as f64 - phase) * period + inside * pace;
                waits.push((probability / MOMENTS as f64, if periods == 0 { 0.0 } else { rest }));
            }
        }
        waits
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

/// Work that comes in a period.
struct Come {
    /// Until each of its moments.
    before: Vec<Work>,
    /// In the whole.
    whole: Work,
}

impl Come {
    /// That of `requests` on average.
    fn of(requests: f64, request: &Work) -> Self {
        let half = compound(requests / (2 * MOMENTS) as f64, request);
        let moment = sum(&half, &half);
        let before: Vec<Work> =
            std::iter::successors(Some(half.clone()), |earlier| Some(sum(earlier, &moment))).take(MOMENTS).collect();
        let whole = before.last().map_or_else(Vec::new, |last| sum(last, &half));
        Self { before, whole }
    }
}

/// A count of cells, rounded up but for what is the rounding of floats.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
fn whole(cells: f64) -> usize {
    (cells - 1e-9).ceil() as usize
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, Exp1};

    use super::*;

    fn plant() -> Plant {
        Plant { replica_capacity: 10.0, ..Plant::default() }
    }

    /// A replica whose requests all cost the same and take no time until its share of a period is used up.
    fn limited(budget: f64) -> Plant {
        let capacity = budget / 0.1;
        Plant {
            replica_capacity: capacity,
            quota_period_seconds: 0.1,
            service_seconds: 1e-6,
            variability: 0.5,
            queue_seconds: 10.0,
            ..Plant::default()
        }
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
    fn a_replica_that_works_evenly_answers_as_erlang_says() {
        // One slot and hardly any time of its own: the latency is the wait of M/M/1.
        let plant = Plant { slots: 1, service_seconds: 1e-6, ..plant() };
        let exact = (0.8_f64 / 0.01).ln() / (10.0 - 8.0);
        let latency = plant.latency(&[8.0], 0.99);
        assert!((latency / exact - 1.0).abs() < 0.02, "{latency} beside {exact}");
        assert!(plant.latency(&[10.0], 0.99).is_infinite());
    }

    #[test]
    fn an_idle_replica_takes_what_a_request_takes() {
        let plant = Plant { service_seconds: 0.005, variability: 0.5, ..limited(6.0) };
        assert!((plant.latency(&[0.01], 0.99) - 0.005).abs() < 1e-5);
    }

    #[test]
    fn a_limited_replica_answers_as_one_that_is_played_request_by_request() {
        for (budget, share) in [(3.0, 0.35), (5.7, 0.5), (5.7, 0.8), (14.0, 0.88)] {
            let plant = limited(budget);
            let (predicted, played) = (plant.latency(&[share * budget / 0.1], 0.99), played(budget, share));
            assert!((predicted / played - 1.0).abs() < 0.06, "{predicted} beside {played} at {share} of {budget}");
        }
    }

    /// 99th percentile of twenty hours' requests in one queue, each in the first period that has a share left for it.
    fn played(budget: f64, share: f64) -> f64 {
        let (period, mut random) = (0.1, ChaCha8Rng::seed_from_u64(5));
        let (mut at, mut current, mut left) = (random.random::<f64>(), 0.0, budget);
        let mut waits = Vec::new();
        while at < 72_000.0 {
            let gap: f64 = Exp1.sample(&mut random);
            at += gap * period / (share * budget);
            let now = (at / period).floor();
            if now > current {
                (current, left) = (now, budget);
            }
            left -= 1.0;
            while left < 0.0 {
                (current, left) = (current + 1.0, left + budget);
            }
            waits.push(if current > now { current * period - at } else { 0.0 });
        }
        waits.sort_by(f64::total_cmp);
        waits[waits.len() * 99 / 100]
    }

    #[test]
    fn a_higher_load_takes_longer_and_the_objective_sets_the_capacity() {
        let plant = limited(5.7);
        let latencies = [0.3, 0.5, 0.7, 0.9].map(|share| plant.latency(&[share * 57.0], 0.99));
        assert!(latencies.is_sorted(), "{latencies:?}");
        let capacity = plant.capacity_within(0.2, 0.99);
        assert!(plant.latency(&[capacity], 0.99) <= 0.2 && plant.latency(&[capacity * 1.05], 0.99) > 0.2, "{capacity}");
    }

    #[test]
    fn requests_that_are_dearer_alone_wait_more_at_a_low_load_and_saturate_as_late() {
        let (same, dearer) = (limited(12.0), Plant { idle_cost: 2.3, ..limited(12.0) });
        let late = |plant: &Plant, share: f64| plant.latency(&[share * 120.0], 0.99);
        assert!(late(&dearer, 0.4) > 2.0 * late(&same, 0.4), "{} {}", late(&dearer, 0.4), late(&same, 0.4));
        assert!(late(&dearer, 0.9) < 0.5, "{}", late(&dearer, 0.9));
    }

    #[test]
    fn a_queue_that_may_not_grow_keeps_its_last_wait_within_bounds() {
        let plant = Plant { queue_seconds: 0.2, ..limited(5.7) };
        let latency = plant.latency(&[100.0], 0.99);
        assert!((0.2..=0.5).contains(&latency), "{latency}");
    }
}
