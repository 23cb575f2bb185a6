//! Work as distributions on a grid: what one request costs, and what many bring.
//!
//! **Source**: Panjer (1981) for the sum of a Poisson number of costs.

use std::f64::consts::FRAC_1_SQRT_2;

/// Probabilities of 0, 1, 2, … cells of work.
pub(crate) type Work = Vec<f64>;

/// What is less likely is left out.
const NEGLIGIBLE: f64 = 1e-12;

/// A log-normal cost: some pages take a multiple of others.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LogNormal {
    mean: f64,
    spread: f64,
}

impl LogNormal {
    /// By its mean and its squared coefficient of variation.
    pub(crate) fn new(mean: f64, variance: f64) -> Self {
        Self { mean, spread: variance.ln_1p().sqrt() }
    }

    /// The mean.
    pub(crate) fn mean(&self) -> f64 {
        self.mean
    }

    /// Probability of more than `x`.
    pub(crate) fn above(&self, x: f64) -> f64 {
        if x <= 0.0 {
            return 1.0;
        }
        // Without spread the quotient would be infinite, or 0 ÷ 0 at the mean itself, which is not above it.
        let distance = (x / self.mean).ln() + self.spread * self.spread / 2.0;
        if distance >= 0.0 && self.spread <= 0.0 { 0.0 } else { normal_above(distance / self.spread) }
    }

    /// Mean of what is missing to `x`, 0 where nothing is.
    fn missing_to(&self, x: f64) -> f64 {
        if x <= 0.0 {
            return 0.0;
        }
        if self.spread <= 0.0 {
            return (x - self.mean).max(0.0);
        }
        let distance = (x / self.mean).ln() / self.spread;
        let (below, cost_below) = (distance + self.spread / 2.0, distance - self.spread / 2.0);
        x * normal_above(-below) - self.mean * normal_above(-cost_below)
    }

    /// The same in cells of this width: each cost is shared between its two neighbours, so that the mean stays.
    pub(crate) fn on_grid(&self, width: f64) -> Work {
        let missing = |cell: f64| self.missing_to(cell * width) / width;
        let mut work = vec![missing(1.0)];
        let mut left = 1.0 - work[0];
        while left > NEGLIGIBLE.sqrt() && work.len() < 100_000 {
            let cell = work.len() as f64;
            let share = (missing(cell + 1.0) - 2.0 * missing(cell) + missing(cell - 1.0)).max(0.0);
            left -= share;
            work.push(share);
        }
        closed(work, left)
    }
}

/// Work of a Poisson number of requests, of which `mean` come on average; `mean` is below 700.
pub(crate) fn compound(mean: f64, request: &Work) -> Work {
    let mut work = vec![(-mean * (1.0 - request[0])).exp()];
    let mut left = 1.0 - work[0];
    while left > NEGLIGIBLE.sqrt() && work.len() < 100_000 {
        let cells = work.len();
        let reach = cells.min(request.len() - 1);
        let shares = (1..=reach).map(|cost| cost as f64 * request[cost] * work[cells - cost]);
        let share = mean / cells as f64 * shares.sum::<f64>();
        left -= share;
        work.push(share);
    }
    closed(work, left)
}

/// Gives what was left out to the last cell.
fn closed(mut work: Work, left: f64) -> Work {
    if let Some(last) = work.last_mut() {
        *last += left.max(0.0);
    }
    work
}

/// Work of both.
pub(crate) fn sum(a: &Work, b: &Work) -> Work {
    let mut both = vec![0.0; (a.len() + b.len()).saturating_sub(1)];
    for (i, p) in a.iter().enumerate() {
        for (cell, q) in both[i..].iter_mut().zip(b) {
            *cell += p * q;
        }
    }
    while both.len() > 1 && both.last().is_some_and(|last| *last < NEGLIGIBLE) {
        both.pop();
    }
    both
}

fn normal_above(x: f64) -> f64 {
    0.5 * libm::erfc(x * FRAC_1_SQRT_2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(work: &Work) -> f64 {
        work.iter().enumerate().map(|(cells, p)| cells as f64 * p).sum()
    }

    fn variance(work: &Work) -> f64 {
        let mean = mean(work);
        work.iter().enumerate().map(|(cells, p)| (cells as f64 - mean).powi(2) * p).sum()
    }

    #[test]
    fn a_cost_keeps_mean_and_variance_on_the_grid() {
        for (squared, width) in [(0.0, 0.125), (0.5, 0.125), (1.0, 0.117)] {
            let work = LogNormal::new(1.0, squared).on_grid(width);
            assert!((work.iter().sum::<f64>() - 1.0).abs() < 1e-9);
            assert!((mean(&work) * width - 1.0).abs() < 1e-4, "{}", mean(&work) * width);
            assert!((variance(&work) * width * width - squared).abs() < 0.03, "{}", variance(&work) * width * width);
        }
    }

    #[test]
    fn many_requests_bring_what_wald_says() {
        let request = LogNormal::new(1.0, 0.5).on_grid(0.125);
        let work = compound(6.0, &request);
        assert!((work.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        assert!((mean(&work) * 0.125 - 6.0).abs() < 1e-2, "{}", mean(&work) * 0.125);
        assert!((variance(&work) * 0.125 * 0.125 - 6.0 * 1.5).abs() < 0.1);
    }

    #[test]
    fn the_tail_of_a_cost_is_the_log_normal_ones() {
        let cost = LogNormal::new(2.0, 1.0);
        let median = 2.0 / 2.0_f64.sqrt();
        assert!((cost.above(median) - 0.5).abs() < 1e-9 && (cost.above(0.0) - 1.0).abs() < 1e-9);
        let same = LogNormal::new(2.0, 0.0);
        assert_eq!([same.above(1.9), same.above(2.0), same.above(2.1)], [1.0, 0.0, 0.0]);
    }
}
