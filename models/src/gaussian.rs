//! The normal distribution as far as uplift and capacity need it: quantiles, and what a lower bound teaches.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// Φ⁻¹(p); p is held within (1e-12, 1 − 1e-12), NaN gives 0.
///
/// **Source**: Acklam's rational approximation (relative error < 1.2e-9), one Halley step on top.
pub(crate) fn quantile(p: f64) -> f64 {
    if p.is_nan() {
        return 0.0;
    }
    let p = p.clamp(1e-12, 1.0 - 1e-12);
    let x = acklam(p);
    let error = cdf(x) - p;
    let step = error * libm::sqrt(2.0 * PI) * libm::exp(x * x / 2.0);
    x - step / (1.0 + x * step / 2.0)
}

const A: [f64; 6] = [
    -3.969_683_028_665_376e1,
    2.209_460_984_245_205e2,
    -2.759_285_104_469_687e2,
    1.383_577_518_672_69e2,
    -3.066_479_806_614_716e1,
    2.506_628_277_459_239,
];
const B: [f64; 6] = [
    -5.447_609_879_822_406e1,
    1.615_858_368_580_409e2,
    -1.556_989_798_598_866e2,
    6.680_131_188_771_972e1,
    -1.328_068_155_288_572e1,
    1.0,
];
const C: [f64; 6] = [
    -7.784_894_002_430_293e-3,
    -3.223_964_580_411_365e-1,
    -2.400_758_277_161_838,
    -2.549_732_539_343_734,
    4.374_664_141_464_968,
    2.938_163_982_698_783,
];
const D: [f64; 5] =
    [7.784_695_709_041_462e-3, 3.224_671_290_700_398e-1, 2.445_134_137_142_996, 3.754_408_661_907_416, 1.0];

fn acklam(p: f64) -> f64 {
    let tail = |p: f64| {
        let q = libm::sqrt(-2.0 * libm::log(p));
        polynomial(&C, q) / polynomial(&D, q)
    };
    if p < 0.024_25 {
        tail(p)
    } else if p > 1.0 - 0.024_25 {
        -tail(1.0 - p)
    } else {
        let q = p - 0.5;
        polynomial(&A, q * q) * q / polynomial(&B, q * q)
    }
}

/// Highest power first.
fn polynomial(coefficients: &[f64], x: f64) -> f64 {
    coefficients.iter().fold(0.0, |sum, c| sum * x + c)
}

fn cdf(x: f64) -> f64 {
    0.5 * libm::erfc(-x * FRAC_1_SQRT_2)
}

/// Mean and variance of x − mean for a normal x of that variance, given that x − mean ≥ `bound`.
pub(crate) fn at_least(bound: f64, variance: f64) -> (f64, f64) {
    let sd = libm::sqrt(variance);
    if sd <= 0.0 {
        return (bound.max(0.0), 0.0);
    }
    let a = bound / sd;
    let hazard = hazard(a);
    let left = (1.0 + a * hazard - hazard * hazard).clamp(0.0, 1.0);
    (sd * hazard, variance * left)
}

/// φ(a) / (1 − Φ(a)); its asymptote far out, where both underflow.
fn hazard(a: f64) -> f64 {
    if a > 25.0 {
        return a + 1.0 / a;
    }
    let density = libm::exp(-a * a / 2.0) / libm::sqrt(2.0 * PI);
    density / (0.5 * libm::erfc(a * FRAC_1_SQRT_2))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Seeded standard normal draws (`SplitMix64` and inversion).
    pub(crate) struct Draws(u64);

    impl Draws {
        pub(crate) fn new(seed: u64) -> Self {
            Self(seed)
        }

        pub(crate) fn normal(&mut self) -> f64 {
            self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = self.0;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            z ^= z >> 31;
            quantile(((z >> 11) as f64 + 0.5) / (1_u64 << 53) as f64)
        }
    }

    #[test]
    fn quantiles_match_the_tables() {
        for (p, z) in
            [(0.5, 0.0), (0.9, 1.281_551_565_5), (0.95, 1.644_853_627), (0.975, 1.959_963_985), (0.001, -3.090_232_306)]
        {
            assert!((quantile(p) - z).abs() < 1e-8, "{p}");
        }
    }

    #[test]
    fn a_lower_bound_far_below_teaches_nothing_and_far_above_is_taken_at_its_word() {
        let (shift, left) = at_least(-8.0, 1.0);
        assert!(shift.abs() < 1e-9 && (left - 1.0).abs() < 1e-9);
        let (shift, left) = at_least(30.0, 1.0);
        assert!((shift - 30.0).abs() < 0.05 && left < 0.01);
    }
}
