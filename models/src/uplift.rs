//! Promotions: how much they multiply the load, from what people expect and from what past promotions did.
//!
//! Log-normal: ln u = ln x + b + d(kind) + ε, where x is what people expect, b their habitual bias, d the kind's. Each
//! past promotion moves b and d, narrows their variance, and tells how much single ones scatter; a censored one (the service
//! was saturated, so the true demand was higher) can only move b and d up.
//!
//! **Source**: conjugate normal (Kalman) update, the scatter by online EM (Cappé and Moulines, 2009); censored update by the
//! moments of the truncated normal (Tobin, 1958).

mod curve;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::gaussian;

pub use curve::Curve;

/// Standard deviation of people's bias before any promotion was seen (ln units).
const BIAS_SD: f64 = 0.25;
/// Standard deviation of a kind's bias before any promotion of it was seen.
const KIND_SD: f64 = 0.15;
/// Scatter of single promotions around what was expected.
const SCATTER_SD: f64 = 0.28;
/// How many promotions the guess at the scatter weighs as much as.
const SCATTER_WEIGHT: f64 = 6.0;
/// Least scatter that a stated range may claim: people are surer than they should be.
const LEAST_STATED_SD: f64 = 0.15;
/// Expected uplift where nobody stated one.
const UNSTATED: f64 = 1.5;
/// z of the 90 % quantile: a stated range low..high is read as the middle 80 %.
const Z90: f64 = 1.281_551_565_544_600_4;

/// What people expect of a promotion. **Unit**: ratio to normal load, 1 = no uplift. **Range**: 0 < low ≤ likely ≤ high.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Expectation {
    low: f64,
    likely: f64,
    high: f64,
}

/// A range that is none.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error(
    "expected uplift {low} .. {likely} .. {high} is no range: finite numbers with 0 < low ≤ likely ≤ high would pass"
)]
pub struct ExpectationError {
    /// As stated.
    pub low: f64,
    /// As stated.
    pub likely: f64,
    /// As stated.
    pub high: f64,
}

impl Expectation {
    /// A stated range.
    ///
    /// # Errors
    /// [`ExpectationError`] unless 0 < `low` ≤ `likely` ≤ `high`, all finite.
    pub fn new(low: f64, likely: f64, high: f64) -> Result<Self, ExpectationError> {
        let ordered = 0.0 < low && low <= likely && likely <= high && high.is_finite();
        if ordered { Ok(Self { low, likely, high }) } else { Err(ExpectationError { low, likely, high }) }
    }

    /// The likely value.
    pub fn likely(&self) -> f64 {
        self.likely
    }

    /// Scatter that the range claims, within what is believable; the usual one where the range is a single number.
    fn sd(&self) -> f64 {
        let stated = libm::log(self.high / self.low) / (2.0 * Z90);
        if stated > 0.0 { stated.clamp(LEAST_STATED_SD, 1.5) } else { SCATTER_SD }
    }

    /// Highest ratio that the range admits; `None` where it is a single number.
    fn most(&self) -> Option<f64> {
        (self.high > self.likely).then_some(self.high)
    }
}

/// What one past promotion did to one service: the durable memory of uplift.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ObservedUplift {
    /// Geometric mean of load ÷ normal load at the plateau. Ratio, > 0.
    pub mean: f64,
    /// Standard deviation of ln mean, ≥ 0.
    pub sd: f64,
    /// The service was saturated: the true uplift was at least `mean`.
    pub censored: bool,
}

/// A predicted uplift: ln u is normal.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Uplift {
    /// Mean of ln u.
    pub ln_mean: f64,
    /// Standard deviation of ln u, ≥ 0.
    pub ln_sd: f64,
    /// Highest ratio that people's stated range admits, moved by what was learned.
    pub most: Option<f64>,
}

impl Uplift {
    /// The uplift that is exceeded with probability 1 − `p`; at least 1, at most what the stated range admits.
    ///
    /// # Example
    /// ```
    /// # use presale_models::uplift::{Expectation, UpliftModel};
    /// let uplift = UpliftModel::default().predict("Drop", Some(Expectation::new(2.0, 4.0, 8.0)?));
    /// assert!((uplift.quantile(0.5) - 4.0).abs() < 1e-9);
    /// assert!(uplift.quantile(0.95) > 7.0 && uplift.quantile(0.95) <= 8.0);
    /// # Ok::<(), presale_models::uplift::ExpectationError>(())
    /// ```
    pub fn quantile(&self, p: f64) -> f64 {
        self.narrowed(p, 1.0)
    }

    /// The same with the standard deviation times `share`, 0..=1: certainty grows as live load takes over.
    pub fn narrowed(&self, p: f64, share: f64) -> f64 {
        let z = gaussian::quantile(p);
        let u = libm::exp(self.ln_mean + z * self.ln_sd * share.clamp(0.0, 1.0));
        let most = self.most.unwrap_or(f64::INFINITY).max(libm::exp(self.ln_mean));
        u.min(most).max(1.0)
    }
}

/// A normal belief.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Belief {
    mean: f64,
    variance: f64,
}

/// What was learned of promotions so far. Small enough to be rebuilt from the observed uplifts in every status.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UpliftModel {
    bias: Belief,
    kinds: BTreeMap<String, Belief>,
    /// Squares of how far single promotions came out from what was expected of them, in units of the guess; and how many.
    scatter: (f64, f64),
}

impl Default for UpliftModel {
    fn default() -> Self {
        Self { bias: Belief { mean: 0.0, variance: BIAS_SD * BIAS_SD }, kinds: BTreeMap::new(), scatter: (0.0, 0.0) }
    }
}

impl UpliftModel {
    /// Predicts a promotion of `kind`; without an expectation the usual one (×1.5) with its full variance is taken.
    pub fn predict(&self, kind: &str, expectation: Option<Expectation>) -> Uplift {
        let kind = self.kind(kind);
        let (x, sd) = stated(expectation);
        let moved = self.bias.mean + kind.mean;
        Uplift {
            ln_mean: libm::log(x) + moved,
            ln_sd: libm::sqrt(self.bias.variance + kind.variance + self.scattered() * sd * sd),
            most: expectation.and_then(|e| e.most()).map(|m| m * libm::exp(moved)),
        }
    }

    /// Learns from a promotion that is over; an observation that is not finite and > 0 teaches nothing.
    pub fn learn(&mut self, kind: &str, expectation: Option<Expectation>, observed: &ObservedUplift) {
        if !(observed.mean.is_finite() && observed.mean > 0.0 && observed.sd.is_finite() && observed.sd >= 0.0) {
            return;
        }
        let before = self.kind(kind);
        let (x, sd) = stated(expectation);
        let single = self.scattered() * sd * sd;
        let total = self.bias.variance + before.variance + single + observed.sd * observed.sd;
        let surprise = libm::log(observed.mean) - libm::log(x) - self.bias.mean - before.mean;
        let (shift, left) = if observed.censored { gaussian::at_least(surprise, total) } else { (surprise, 0.0) };
        let update = |belief: Belief| {
            let gain = belief.variance / total;
            Belief {
                mean: belief.mean + gain * shift,
                variance: belief.variance - gain * gain * (total - left).max(0.0),
            }
        };
        // What of the surprise is likely the single promotion's own. A bound says nothing of it.
        if !observed.censored {
            let gain = single / total;
            self.scatter.0 += (gain * gain * surprise * surprise + single * (1.0 - gain)) / (sd * sd);
            self.scatter.1 += 1.0;
        }
        self.bias = update(self.bias);
        self.kinds.insert(kind.to_owned(), update(before));
    }

    /// Variance of single promotions over the guess at it.
    fn scattered(&self) -> f64 {
        (SCATTER_WEIGHT + self.scatter.0) / (SCATTER_WEIGHT + self.scatter.1)
    }

    fn kind(&self, kind: &str) -> Belief {
        self.kinds.get(kind).copied().unwrap_or(Belief { mean: 0.0, variance: KIND_SD * KIND_SD })
    }
}

fn stated(expectation: Option<Expectation>) -> (f64, f64) {
    expectation.map_or((UNSTATED, SCATTER_SD), |e| (e.likely, e.sd()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn likely(x: f64) -> Expectation {
        Expectation::new(x, x, x).unwrap()
    }

    fn seen(mean: f64) -> ObservedUplift {
        ObservedUplift { mean, sd: 0.05, censored: false }
    }

    #[test]
    fn the_first_event_is_planned_with_the_full_variance() {
        let uplift = UpliftModel::default().predict("Drop", Some(likely(4.0)));
        let sd = (BIAS_SD * BIAS_SD + KIND_SD * KIND_SD + SCATTER_SD * SCATTER_SD).sqrt();
        assert!((uplift.ln_sd - sd).abs() < 1e-12);
        assert!((uplift.quantile(0.95) / 4.0 - (1.644_853_6 * sd).exp()).abs() < 1e-3);
    }

    #[test]
    fn people_who_guess_half_are_corrected_and_the_margin_shrinks() {
        let mut model = UpliftModel::default();
        let before = model.predict("Drop", Some(likely(2.0)));
        for _ in 0..6 {
            model.learn("Drop", Some(likely(2.0)), &seen(4.0));
        }
        let after = model.predict("Drop", Some(likely(2.0)));
        assert!(after.quantile(0.5) > 3.0 && after.quantile(0.5) < 4.0, "{}", after.quantile(0.5));
        assert!(after.ln_sd < before.ln_sd * 0.85, "{} {}", after.ln_sd, before.ln_sd);
        assert!(after.ln_sd > SCATTER_SD, "single promotions scatter still");
        let other = model.predict("Newsletter", Some(likely(2.0)));
        assert!(other.quantile(0.5) > 2.2 && other.quantile(0.5) < after.quantile(0.5), "kinds share people's bias");
    }

    #[test]
    fn a_censored_event_only_raises() {
        let mut model = UpliftModel::default();
        model.learn("Drop", Some(likely(4.0)), &ObservedUplift { mean: 1.2, sd: 0.05, censored: true });
        let low_bound = model.predict("Drop", Some(likely(4.0))).quantile(0.5);
        assert!((4.0..4.2).contains(&low_bound), "a bound below what was expected says little: {low_bound}");
        model.learn("Drop", Some(likely(4.0)), &ObservedUplift { mean: 9.0, sd: 0.05, censored: true });
        assert!(model.predict("Drop", Some(likely(4.0))).quantile(0.5) > 5.5);
    }

    #[test]
    fn a_stated_high_bounds_the_plan_until_the_past_contradicts_it() {
        let range = Some(Expectation::new(3.0, 4.0, 5.0).unwrap());
        let mut model = UpliftModel::default();
        assert!((model.predict("Drop", range).quantile(0.99) - 5.0).abs() < 1e-9);
        for _ in 0..4 {
            model.learn("Drop", range, &seen(8.0));
        }
        assert!(model.predict("Drop", range).quantile(0.95) > 8.0);
    }

    #[test]
    fn people_who_guess_well_are_trusted_more_and_wild_guessers_less() {
        let after = |off: f64| {
            let mut model = UpliftModel::default();
            for i in 0..12 {
                let factor = if i % 2 == 0 { off } else { 1.0 / off };
                model.learn("Drop", Some(likely(4.0)), &seen(4.0 * factor));
            }
            model.predict("Drop", Some(likely(4.0))).ln_sd
        };
        assert!(after(1.05) < 0.3 && after(2.0) > 0.5, "{} {}", after(1.05), after(2.0));
    }

    #[test]
    fn nonsense_teaches_nothing() {
        let mut model = UpliftModel::default();
        for mean in [f64::NAN, 0.0, -3.0, f64::INFINITY] {
            model.learn("Drop", None, &ObservedUplift { mean, sd: 0.1, censored: false });
        }
        assert_eq!(model, UpliftModel::default());
        assert!(Expectation::new(3.0, 2.0, 4.0).is_err() && Expectation::new(1.0, f64::NAN, 4.0).is_err());
    }

    #[test]
    fn the_95_percent_plan_covers_95_percent_of_generated_promotions() {
        // Merchants with their own bias; each event is planned before it is seen.
        let mut draws = gaussian::tests::Draws::new(7);
        let (mut covered, mut events) = (0_u32, 0_u32);
        for _ in 0..1_500 {
            let (bias, kind) = (draws.normal() * BIAS_SD, draws.normal() * KIND_SD);
            let mut model = UpliftModel::default();
            for _ in 0..5 {
                let truth = (3.0_f64.ln() + bias + kind + draws.normal() * SCATTER_SD).exp();
                covered += u32::from(truth <= model.predict("Drop", Some(likely(3.0))).quantile(0.95));
                events += 1;
                model.learn("Drop", Some(likely(3.0)), &seen(truth));
            }
        }
        let share = f64::from(covered) / f64::from(events);
        assert!((0.935..0.965).contains(&share), "{share}");
    }
}
