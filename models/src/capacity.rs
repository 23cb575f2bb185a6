//! Requests per second that one replica serves within its service level: learned from load, CPU and latency, online.
//!
//! ln c is normal. A declared capacity is its prior; the CPU slope and the latency knee are evidence; load that was served
//! within the limit is a lower bound. Plans take the 10 % quantile.

mod cpu;
mod knee;

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::gaussian;

/// Scatter of a declared capacity around the truth (ln units).
const DECLARED_SD: f64 = 0.10;
/// A served load that lifts the prior by less (ln units) lies far below it and has taught nothing.
const TOLD: f64 = 0.01;
/// Added to the variance after a rollout: new code may need more.
const ROLLOUT_VARIANCE: f64 = 3.0;
/// Windows kept per load bin; a bin spans a quarter more load than the one before.
const PER_BIN: usize = 12;
/// Bins kept; together they hold what was seen by night and by day.
const BINS: usize = 24;
/// Ratio of neighbouring bins.
const BIN_RATIO: f64 = 1.25;
/// A window older than this is forgotten.
const MEMORY: SignedDuration = SignedDuration::from_hours(14 * 24);
/// Share of the CPU that a replica may use.
const CPU_SHARE: f64 = 0.8;
/// z of the 10 % quantile.
const Z10: f64 = -1.281_551_565_544_600_4;

/// What a replica is and may do; a change of it starts a new posterior from the old one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CapacityConfig {
    /// Image digest and resources; where it changes there was a rollout.
    pub key: String,
    /// Declared requests/s per replica; `None` = not declared.
    pub declared: Option<f64>,
    /// CPU that a replica may use, cores (its limit, else its request); `None` = unknown.
    pub cpu: Option<f64>,
    /// Limit of the latency, seconds; `None` = not stated.
    pub latency_limit: Option<f64>,
}

/// One minute of one service at steady state: only windows without rollout, start-up or failing dependencies belong here.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CapacityWindow {
    /// When.
    pub at: Timestamp,
    /// Requests/s per ready replica, > 0.
    pub load_per_replica: f64,
    /// CPU per ready replica, cores; `None` = not measured.
    pub cpu: Option<f64>,
    /// Latency at the policy's quantile, seconds; `None` = not measured.
    pub latency: Option<f64>,
}

/// A normal belief on ln c.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Belief {
    mean: f64,
    variance: f64,
}

/// What is known of c, and from what.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CapacityEstimate {
    /// 10 % quantile: what plans count on. Requests/s per replica, > 0.
    pub p10: f64,
    /// Median.
    pub p50: f64,
    /// What it rests on.
    pub source: CapacitySource,
}

/// What an estimate rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CapacitySource {
    /// The declared number alone.
    Declared,
    /// CPU use against load.
    Cpu,
    /// Latency against load.
    Latency,
    /// What was learned before the last rollout.
    Earlier,
}

/// The posterior of one service's capacity. Serializable; bounded in memory (≤ 24 × 12 windows).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Capacity {
    config: CapacityConfig,
    earlier: Option<Belief>,
    bins: BTreeMap<i32, VecDeque<CapacityWindow>>,
}

impl Capacity {
    /// Nothing learned yet.
    pub fn new(config: CapacityConfig) -> Self {
        Self { config, earlier: None, bins: BTreeMap::new() }
    }

    /// Takes a new configuration. With another key (a rollout) what was learned becomes a prior of three times the
    /// variance and the windows are dropped; with the same key only limits and the declared number change.
    pub fn configure(&mut self, config: CapacityConfig) {
        if config.key != self.config.key {
            self.earlier = self
                .learned()
                .map(|(belief, _)| Belief { variance: belief.variance * ROLLOUT_VARIANCE, ..belief })
                .or(self.earlier);
            self.bins.clear();
        }
        self.config = config;
    }

    /// Learns from a window; one that is not finite and positive teaches nothing.
    pub fn observe(&mut self, window: CapacityWindow) {
        if !(window.load_per_replica.is_finite() && window.load_per_replica > 1e-9) {
            return;
        }
        let sane = |x: &f64| x.is_finite() && *x >= 0.0;
        let window = CapacityWindow { cpu: window.cpu.filter(sane), latency: window.latency.filter(sane), ..window };
        let bin = self.bins.entry(bin_of(window.load_per_replica)).or_default();
        bin.push_back(window);
        while bin.len() > PER_BIN {
            bin.pop_front();
        }
        self.forget(window.at);
    }

    /// The posterior's quantiles; `None` where nothing is declared or learned.
    ///
    /// # Example
    /// ```
    /// # use presale_models::capacity::{Capacity, CapacityConfig};
    /// let config = CapacityConfig { key: "v1".into(), declared: Some(50.0), cpu: None, latency_limit: None };
    /// let estimate = Capacity::new(config).estimate().ok_or("nothing known")?;
    /// assert!((estimate.p50 - 50.0).abs() < 1e-9 && estimate.p10 > 43.0);
    /// # Ok::<(), &str>(())
    /// ```
    pub fn estimate(&self) -> Option<CapacityEstimate> {
        let prior = self.prior();
        let (belief, source) = match (self.learned(), prior) {
            (Some(learned), _) => learned,
            (None, prior) => prior?,
        };
        let sd = libm::sqrt(belief.variance);
        Some(CapacityEstimate { p10: libm::exp(belief.mean + Z10 * sd), p50: libm::exp(belief.mean), source })
    }

    /// Windows behind the estimate.
    pub fn windows(&self) -> usize {
        self.bins.values().map(VecDeque::len).sum()
    }

    /// The declared number, else what was learned before the last rollout.
    fn prior(&self) -> Option<(Belief, CapacitySource)> {
        let declared =
            self.config.declared.filter(|c| c.is_finite() && *c > 0.0).map(|c| {
                (Belief { mean: libm::log(c), variance: DECLARED_SD * DECLARED_SD }, CapacitySource::Declared)
            });
        match (declared, self.earlier) {
            (Some((declared, source)), Some(earlier)) => Some((combined(declared, earlier), source)),
            (declared, earlier) => declared.or_else(|| earlier.map(|e| (e, CapacitySource::Earlier))),
        }
    }

    /// Prior × evidence; `None` without evidence.
    fn learned(&self) -> Option<(Belief, CapacitySource)> {
        let windows: Vec<&CapacityWindow> = self.bins.values().flatten().collect();
        let cpu = self.config.cpu.and_then(|cores| cpu::capacity(&windows, CPU_SHARE * cores));
        let knee = self.config.latency_limit.map(|limit| knee::find(self.bins.values(), limit));
        let (evidence, source) = match (cpu, knee) {
            (Some(cpu), Some(knee::Knee::At(at))) if cpu.ln_mean < at.ln_mean => (Some(cpu), CapacitySource::Cpu),
            (_, Some(knee::Knee::At(at))) => (Some(at), CapacitySource::Latency),
            (cpu, _) => (cpu, CapacitySource::Cpu),
        };
        let prior = self.prior().map(|(belief, _)| belief);
        let served = match knee {
            Some(knee::Knee::Above(load)) => Some(load),
            Some(knee::Knee::At(_) | knee::Knee::Unknown) | None => None,
        };
        let belief = match (evidence.map(Belief::from), prior) {
            (Some(evidence), Some(prior)) => combined(evidence, prior),
            (Some(evidence), None) => evidence,
            // Served within the limit: a bound alone moves a prior, and makes no belief of its own.
            (None, Some(prior)) => {
                let raised = served.map(|load| prior.at_least(load));
                let told = raised.filter(|belief| belief.mean - prior.mean > TOLD);
                return told.map(|belief| (belief, CapacitySource::Latency));
            }
            (None, None) => return None,
        };
        Some((served.map_or(belief, |load| belief.at_least(load)), source))
    }

    /// Drops what is too old, and the bins that were not seen for longest.
    fn forget(&mut self, now: Timestamp) {
        for bin in self.bins.values_mut() {
            bin.retain(|w| now.duration_since(w.at) < MEMORY);
        }
        self.bins.retain(|_, bin| !bin.is_empty());
        while self.bins.len() > BINS {
            let oldest = self.bins.iter().min_by_key(|(_, bin)| bin.back().map(|w| w.at)).map(|(i, _)| *i);
            let Some(oldest) = oldest else { return };
            self.bins.remove(&oldest);
        }
    }
}

impl Belief {
    /// Given that c ≥ `load`.
    fn at_least(self, load: f64) -> Self {
        let (shift, variance) = gaussian::at_least(libm::log(load) - self.mean, self.variance);
        Self { mean: self.mean + shift, variance }
    }
}

/// Evidence on c: ln c is normal.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Evidence {
    ln_mean: f64,
    ln_sd: f64,
}

impl From<Evidence> for Belief {
    fn from(evidence: Evidence) -> Self {
        Self { mean: evidence.ln_mean, variance: evidence.ln_sd * evidence.ln_sd }
    }
}

/// Product of two beliefs. Where they contradict each other the variance does not shrink below their distance.
fn combined(a: Belief, b: Belief) -> Belief {
    let (pa, pb) = (1.0 / a.variance.max(1e-9), 1.0 / b.variance.max(1e-9));
    let mean = (a.mean * pa + b.mean * pb) / (pa + pb);
    let distance = (a.mean - b.mean) * (a.mean - b.mean) * pa * pb / ((pa + pb) * (pa + pb));
    Belief { mean, variance: (1.0 / (pa + pb)).max(distance) }
}

#[expect(clippy::cast_possible_truncation, reason = "the logarithm of a positive finite number is far within i32")]
fn bin_of(load: f64) -> i32 {
    (libm::log(load) / libm::log(BIN_RATIO)).floor() as i32
}

#[cfg(test)]
mod tests;
