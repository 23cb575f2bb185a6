//! Which policies run at which settings, and a whole backtest: all of them on one scenario.

use presale_models::Level;
use presale_planner::{Guarantee, PromotionSpec, ReservePolicy, ReserveSize, Trust};

use crate::baseline::{
    ahpa::Ahpa,
    aws::Aws,
    crane::Crane,
    hpa::{Hpa, HpaBehavior, HpaSpec},
    keda::Keda,
    knative::Knative,
    oracle::Oracle,
    phpa::Phpa,
    seasonal_naive::SeasonalNaive,
    static_max::StaticMax,
};
use crate::outcome::{Outcome, relate};
use crate::policy::Policy;
use crate::presale::{Presale, PresaleSpec};
use crate::simulate::{Row, Scenario};

/// Names in the order of the report.
pub const NAMES: [&str; 16] = [
    "oracle",
    "presale",
    "presale-reserve",
    "presale-net",
    "hpa",
    "hpa-behavior",
    "keda",
    "keda-cron",
    "phpa",
    "phpa-corrected",
    "knative",
    "crane",
    "aws-predictive",
    "ahpa-like",
    "seasonal-naive-q95",
    "static-max",
];

/// How the contest is run.
#[derive(Debug, Clone, PartialEq)]
pub struct Contest {
    /// Names of [`NAMES`]; empty = all.
    pub only: Vec<String>,
    /// Whether knobs are swept.
    pub sweep: bool,
    /// Default target of the reactive ones.
    pub target: f64,
    /// Level of ours.
    pub level: Level,
    /// Merchant's time zone.
    pub time_zone: String,
    /// Promotions that were announced; they reach [`crate::rush::SERVICE`].
    pub promotions: Vec<PromotionSpec>,
}

impl Default for Contest {
    fn default() -> Self {
        Self {
            only: Vec::new(),
            sweep: false,
            target: 0.75,
            level: presale_models::LEVELS[5],
            time_zone: "UTC".into(),
            promotions: Vec::new(),
        }
    }
}

/// Targets of a sweep.
pub const TARGETS: [f64; 11] = [0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.93, 0.96, 1.0];

/// The reserve of `presale-reserve`: sized by the forecast, as large as it asks for.
const RESERVE: ReservePolicy =
    ReservePolicy { size: ReserveSize::Auto, max: 1_000_000, guarantee: Guarantee::BestEffort };

impl Contest {
    /// Every policy at every setting, ready to run.
    pub fn entries(&self, scenario: &Scenario) -> Vec<Box<dyn Policy + Send>> {
        let targets = if self.sweep { TARGETS.to_vec() } else { vec![self.target] };
        let levels = if self.sweep { vec![0.5, 0.8, 0.9, 0.95, 0.99] } else { vec![self.level.get()] };
        let mut entries: Vec<Box<dyn Policy + Send>> = Vec::new();
        for name in NAMES.iter().filter(|n| self.only.is_empty() || self.only.iter().any(|o| o == *n)) {
            match *name {
                "presale" => entries.extend(levels.iter().filter_map(|l| self.ours(scenario, *l, Trust::Earned, None))),
                "presale-reserve" => {
                    entries.extend(levels.iter().filter_map(|l| self.ours(scenario, *l, Trust::Earned, Some(RESERVE))));
                }
                "presale-net" => entries.extend(self.ours(scenario, self.level.get(), Trust::Never, None)),
                _ if KNOBLESS.contains(name) => entries.extend(entry(name, self.target, scenario)),
                _ => entries.extend(targets.iter().filter_map(|t| entry(name, *t, scenario))),
            }
        }
        entries
    }

    fn ours(
        &self,
        scenario: &Scenario,
        level: f64,
        trust: Trust,
        reserve: Option<ReservePolicy>,
    ) -> Option<Box<dyn Policy + Send>> {
        let spec = PresaleSpec {
            capacity: scenario.plant.replica_capacity,
            lead: lead(scenario),
            level: Level::new(level).ok()?,
            trust,
            time_zone: self.time_zone.clone(),
            events: scenario.events.clone(),
            promotions: self.promotions.clone(),
            seed: scenario.seed,
            min: 1,
            reserve,
        };
        Some(Box::new(Presale::new(spec, &scenario.past)))
    }

    /// Runs everything on two threads; `progress` is told the share that is done, `watch` every decision.
    pub fn run(
        &self,
        scenario: &Scenario,
        progress: &(dyn Fn(f64) + Sync),
        watch: &(dyn Fn(usize, &str, Row) + Sync),
    ) -> Vec<Outcome> {
        let mut outcomes = run_all(self.entries(scenario), scenario, progress, watch);
        let mut oracle = Oracle::new(&scenario.loads, &scenario.plant);
        let hours = scenario.run(&mut oracle, &mut |_| ()).replica_hours;
        let mean = scenario.loads.iter().sum::<f64>() / scenario.loads.len().max(1) as f64;
        let still = scenario.run(&mut StaticMax::new(&[mean], scenario.plant.replica_capacity), &mut |_| ());
        relate(&mut outcomes, hours, &still);
        outcomes
    }
}

/// Runs policies over a scenario on two threads; the outcomes come in the policies' order.
pub fn run_all(
    entries: Vec<Box<dyn Policy + Send>>,
    scenario: &Scenario,
    progress: &(dyn Fn(f64) + Sync),
    watch: &(dyn Fn(usize, &str, Row) + Sync),
) -> Vec<Outcome> {
    let total = entries.len().max(1) as f64;
    let queue = std::sync::Mutex::new(entries.into_iter().enumerate().collect::<std::collections::VecDeque<_>>());
    let done = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().ok().and_then(|mut q| q.pop_front());
                    let Some((index, mut policy)) = next else { break };
                    let name = policy.name();
                    let outcome = scenario.run(policy.as_mut(), &mut |row| watch(index, name, row));
                    if let Ok(mut done) = done.lock() {
                        done.push((index, outcome));
                        progress(done.len() as f64 / total);
                    }
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_default();
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, outcome)| outcome).collect()
}

/// Policies without a target.
const KNOBLESS: [&str; 3] = ["oracle", "seasonal-naive-q95", "static-max"];

fn lead(scenario: &Scenario) -> jiff::SignedDuration {
    #[expect(clippy::cast_possible_truncation, reason = "a few minutes")]
    let seconds = scenario.plant.lead_seconds.round() as i64;
    jiff::SignedDuration::from_secs(seconds.max(1))
}

fn entry(name: &str, target: f64, scenario: &Scenario) -> Option<Box<dyn Policy + Send>> {
    let capacity = scenario.plant.replica_capacity;
    let spec = |behavior| HpaSpec { target, capacity, min: 1, max: 1_000_000, behavior };
    Some(match name {
        "oracle" => Box::new(Oracle::new(&scenario.loads, &scenario.plant)),
        "hpa" => Box::new(Hpa::new(spec(None))),
        "hpa-behavior" => Box::new(Hpa::new(spec(Some(HpaBehavior::default())))),
        "keda" => Box::new(Keda::new(spec(None), None)),
        "keda-cron" => Box::new(Keda::new(spec(None), Some(&scenario.past))),
        "phpa" => Box::new(Phpa::new(spec(None), false)),
        "phpa-corrected" => Box::new(Phpa::new(spec(None), true)),
        "knative" => Box::new(Knative::new(target, capacity, 60)),
        "crane" => Box::new(Crane::new(spec(None))),
        "aws-predictive" => Box::new(Aws::new(spec(None))),
        "ahpa-like" => Box::new(Ahpa::new(spec(None), lead(scenario).as_secs())),
        "seasonal-naive-q95" => Box::new(SeasonalNaive::new(&scenario.past, capacity, lead(scenario).as_secs())),
        "static-max" => Box::new(StaticMax::new(&scenario.loads, capacity)),
        _ => return None,
    })
}
