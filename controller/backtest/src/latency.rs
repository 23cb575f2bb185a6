//! How long requests take in the plant: the wait for one of a replica's slots, and their own work.
//!
//! **Source**: Erlang C with the factor of Allen and Cunneen; an M/G/c queue's waits fall off exponentially, and the
//! work is log-normal.

use std::f64::consts::FRAC_1_SQRT_2;

use crate::plant::Plant;

/// Cells of the waits, and the waits' mean over one of them.
const CELLS: (u32, f64) = (300, 10.0);

impl Plant {
    /// The latency that a share `quantile` of the requests keeps, where a replica takes each of `loads` requests/s for
    /// equally long.
    ///
    /// **Unit**: seconds; infinite where a load is above what a replica can do.
    pub fn latency(&self, loads: &[f64], quantile: f64) -> f64 {
        let waits: Vec<(f64, Vec<(f64, f64)>)> = loads.iter().map(|load| (*load, self.waits(*load))).collect();
        let all: f64 = loads.iter().sum();
        let late = |seconds: f64| {
            let after = |waits: &[(f64, f64)]| -> f64 {
                waits.iter().map(|(share, wait)| share * self.works_longer(seconds - wait)).sum()
            };
            waits.iter().map(|(load, waits)| load * after(waits)).sum::<f64>() > (1.0 - quantile) * all
        };
        let (mut low, mut high) = (0.0, self.service_mean());
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
    ///
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
    fn waits_longer(&self, load: f64, seconds: f64) -> f64 {
        let slots = f64::from(self.slots.max(1));
        let service = slots / self.throughput();
        let offered = load * service;
        if offered >= slots {
            return 1.0;
        }
        let decay = (slots - offered) * seconds / (service * self.variability.max(1e-6));
        erlang_c(self.slots.max(1), offered) * (-decay).exp()
    }

    /// Shares of the requests and how long each waits for a slot, seconds.
    fn waits(&self, load: f64) -> Vec<(f64, f64)> {
        let spare = self.throughput() - load;
        if spare <= 0.0 {
            return vec![(1.0, f64::INFINITY)];
        }
        let step = self.variability.max(1e-6) / spare / CELLS.1;
        let cells = (0..CELLS.0).map(|cell| {
            let (from, to) = (step * f64::from(cell), step * f64::from(cell + 1));
            (self.waits_longer(load, from) - self.waits_longer(load, to), f64::midpoint(from, to))
        });
        std::iter::once((1.0 - self.waits_longer(load, 0.0), 0.0)).chain(cells).collect()
    }

    /// Share of requests whose own work takes longer than `seconds`.
    fn works_longer(&self, seconds: f64) -> f64 {
        if seconds <= 0.0 {
            return 1.0;
        }
        // The squared coefficient of variation of the arrivals is 1.
        let spread = (2.0 * self.variability - 1.0).max(0.0).ln_1p().sqrt();
        let distance = (seconds / self.service_mean()).ln() + spread * spread / 2.0;
        // Without spread the quotient would be infinite, or 0 ÷ 0 at the mean itself, which is not above it.
        if spread <= 0.0 { f64::from(distance < 0.0) } else { 0.5 * libm::erfc(distance / spread * FRAC_1_SQRT_2) }
    }

    /// Mean of a request's own work, seconds.
    fn service_mean(&self) -> f64 {
        let evenly = f64::from(self.slots.max(1)) / self.throughput();
        if self.service_seconds > 0.0 { self.service_seconds } else { evenly }
    }

    /// Requests/s of one replica at saturation.
    fn throughput(&self) -> f64 {
        (self.saturation * self.replica_capacity).max(1e-12)
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

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, Exp};

    use super::*;

    fn plant() -> Plant {
        Plant { replica_capacity: 10.0, ..Plant::default() }
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
    fn one_slot_with_hardly_any_work_answers_as_the_textbook_says() {
        let plant = Plant { slots: 1, service_seconds: 1e-6, ..plant() };
        let exact = (0.8_f64 / 0.01).ln() / (10.0 - 8.0);
        let latency = plant.latency(&[8.0], 0.99);
        assert!((latency / exact - 1.0).abs() < 0.02, "{latency} beside {exact}");
        assert!(plant.latency(&[10.0], 0.99).is_infinite());
    }

    #[test]
    fn an_idle_replica_takes_what_a_request_takes() {
        let plant = Plant { service_seconds: 0.005, variability: 0.5, ..plant() };
        assert!((plant.latency(&[0.01], 0.99) - 0.005).abs() < 1e-5);
    }

    /// Requests that all take 40 ms, in four slots, in the order in which they come.
    #[test]
    fn even_work_in_four_slots_answers_as_it_is_played_request_by_request() {
        let (slots, service) = (4_usize, 0.04);
        let plant = Plant { slots: 4, variability: 0.5, replica_capacity: 100.0, ..Plant::default() };
        for share in [0.5, 0.7, 0.9] {
            let gaps = Exp::new(share * 100.0).unwrap();
            let mut random = ChaCha8Rng::seed_from_u64(7);
            let (mut at, mut free, mut took) = (0.0, vec![0.0_f64; slots], Vec::new());
            for _ in 0..400_000 {
                at += gaps.sample(&mut random);
                free.sort_by(f64::total_cmp);
                let done = free[0].max(at) + service;
                free[0] = done;
                took.push(done - at);
            }
            took.sort_by(f64::total_cmp);
            let (played, said) = (took[took.len() * 99 / 100], plant.latency(&[share * 100.0], 0.99));
            assert!((said / played - 1.0).abs() < 0.1, "{said} beside {played} at {share}");
        }
    }

    #[test]
    fn a_higher_load_takes_longer_and_the_objective_sets_the_capacity() {
        let plant = Plant { slots: 4, ..plant() };
        let latencies = [3.0, 5.0, 7.0, 9.0].map(|load| plant.latency(&[load], 0.99));
        assert!(latencies.is_sorted(), "{latencies:?}");
        let capacity = plant.capacity_within(3.0, 0.99);
        assert!(plant.latency(&[capacity], 0.99) <= 3.0 && plant.latency(&[capacity * 1.05], 0.99) > 3.0, "{capacity}");
        assert!(plant.capacity_within(0.1, 0.99) < 1e-9, "an idle replica takes 0.4 s");
    }
}
