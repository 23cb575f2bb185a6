//! What one service costs: fit, update, decide, and a tick of ten thousand of them, each as a ratio to a plain
//! seasonal-naive pass over the same month, measured in the same run.

use std::hint::black_box;
use std::path::{Path, PathBuf};

use criterion::{BatchSize, Criterion};
use jiff::{SignedDuration, Timestamp};
use presale_backtest::generated;
use presale_backtest::policy::Past;
use presale_backtest::presale::history;
use presale_models::{
    LEVELS, PredictRequest, QuantileForecast, Reading, Sample, Series, ServiceModel, ServiceModelConfig, Target,
};
use presale_planner::{
    Behavior, Decision, ForecastInput, HOLD, Memory, Mode, PlanInput, Policy, ReplicaCounts, Saturation, Select, Trust,
    decide,
};

/// Services of the great tick.
const SERVICES: usize = 10_000;
/// What one replica serves, requests/s.
const CAPACITY: f64 = 20.0;
/// Minutes of the recent past.
const RECENT: usize = 2880;

/// 28 days of a generated shop by the minute.
fn month() -> Past {
    let (trace, _) = generated::month(1);
    let start = Timestamp::from_second(trace.seconds[0]).unwrap_or_default();
    Past { start, step: trace.step, load: trace.values }
}

/// From raw minutes to a model that is ready at all horizons.
fn fit(past: &Past) -> Option<ServiceModel> {
    let tail = &past.load[past.load.len().saturating_sub(RECENT)..];
    let skipped = i64::try_from(past.load.len() - tail.len()).ok()?;
    let start = Timestamp::from_second(past.start.as_second() + skipped * past.step).ok()?;
    let minutes = tail.iter().map(|v| Sample::from_raw(*v)).collect();
    let recent = Series::new(start, SignedDuration::from_secs(past.step), minutes).ok()?;
    let config = ServiceModelConfig {
        time_zone: "UTC".into(),
        country: None,
        lead_time: SignedDuration::from_mins(3),
        hold: HOLD,
        seed: 1,
    };
    ServiceModel::train(&history(past)?, &recent, &[], &config).ok()
}

/// The plain method that ratios are taken against: every 5-min step of the month from the week before, and the quantiles of
/// those errors.
fn seasonal_naive(past: &Past) -> Option<Vec<f64>> {
    let grid = history(past)?;
    let values: Vec<f64> = grid.samples().iter().map(|s| s.value().unwrap_or(f64::NAN)).collect();
    let week = 7 * 288;
    let mut errors: Vec<f64> = (week..values.len()).map(|i| values[i] - values[i - week]).collect();
    errors.sort_by(f64::total_cmp);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index below the length")]
    let at = |level: f64| (level * (errors.len() - 1) as f64) as usize;
    Some(LEVELS.iter().map(|level| errors[at(level.get())]).collect())
}

fn forecast(model: &ServiceModel) -> Option<QuantileForecast> {
    let lead_time = SignedDuration::from_mins(3);
    let step = SignedDuration::from_mins(1);
    let target = Target::Maximum { lead_time, hold: HOLD };
    model.predict(&PredictRequest { origin: model.data_until(), step, steps: 8, target }).ok()
}

/// One service in the tick: its model and what the planner remembers.
struct Service {
    model: ServiceModel,
    memory: Memory,
}

impl Service {
    /// Takes in one minute, forecasts and decides, as the operator does.
    fn tick(&mut self, policy: &Policy, recent: &Series, load: f64) -> Option<Decision> {
        let at = self.model.data_until();
        self.model.observe(at, Sample::Value(load));
        let now = self.model.data_until();
        let maximum = forecast(&self.model)?;
        let decision = decide(&input(&self.model, maximum, &self.memory, (policy, recent), (now, load)));
        self.memory.remember(&decision, decision.write, policy);
        Some(decision)
    }
}

fn input(
    model: &ServiceModel,
    maximum: QuantileForecast,
    memory: &Memory,
    (policy, recent): (&Policy, &Series),
    (now, load): (Timestamp, f64),
) -> PlanInput {
    PlanInput {
        now,
        policy: policy.clone(),
        replicas: ReplicaCounts { current: 10, ready: 10, starting: 0 },
        load: Reading::Fresh { value: load, at: now },
        recent: recent.clone(),
        saturation: Saturation { latency: Reading::Empty, latency_limit: None, over_since: None },
        forecast: ForecastInput::Available {
            maximum,
            trusted: model.trusted(),
            data_until: model.data_until(),
            bursty: model.bursty(),
        },
        capacity_p10: Some(CAPACITY),
        capacity_p50: Some(CAPACITY),
        lead_time: SignedDuration::from_mins(3),
        promotions: Vec::new(),
        history: memory.history.clone(),
        changes: memory.changes.clone(),
        hand_scaled: None,
        conflict: None,
        reserve: None,
    }
}

fn policy() -> Policy {
    let free = Behavior { stabilization: None, limits: Vec::new(), select: Select::Max };
    Policy {
        min: 1,
        max: 1000,
        fixed: None,
        mode: Mode::Auto,
        level: LEVELS[5],
        trust: Trust::Earned,
        up: free.clone(),
        down: free,
        paused_out: false,
        paused_in: false,
        hand_hold: SignedDuration::from_mins(30),
    }
}

/// Resident kilobytes of this process.
fn resident_kb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|l| l.strip_prefix("VmRSS:"))?.trim().strip_suffix(" kB")?.trim().parse().ok()
}

/// Runs everything; `None` where the generated month could not be trained on.
fn measure(criterion: &mut Criterion) -> Option<(f64, usize)> {
    let past = month();
    let model = fit(&past)?;
    let policy = policy();
    let minutes = past.load[past.load.len() - 20..].iter().map(|v| Sample::from_raw(*v)).collect();
    let recent_start = model.data_until() - SignedDuration::from_mins(20);
    let recent = Series::new(recent_start, SignedDuration::from_mins(1), minutes).ok()?;
    let maximum = forecast(&model)?;
    let load = past.load.last().copied()?;
    let decided = input(&model, maximum, &Memory::default(), (&policy, &recent), (model.data_until(), load));

    criterion.bench_function("seasonal-naive", |b| b.iter(|| seasonal_naive(black_box(&past))));
    criterion.bench_function("fit", |b| b.iter(|| fit(black_box(&past))));
    criterion.bench_function("update", |b| {
        let fresh = || model.clone();
        b.iter_batched_ref(fresh, |m| m.observe(m.data_until(), Sample::Value(load)), BatchSize::SmallInput);
    });
    criterion.bench_function("forecast", |b| b.iter(|| forecast(black_box(&model))));
    criterion.bench_function("decide", |b| b.iter(|| decide(black_box(&decided))));

    let artifact = model.to_artifact().ok()?;
    let before = resident_kb()?;
    let mut services = Vec::with_capacity(SERVICES);
    for _ in 0..SERVICES {
        services.push(Service { model: ServiceModel::from_artifact(&artifact).ok()?, memory: Memory::default() });
    }
    let each = (resident_kb()? - before) / SERVICES as f64;
    criterion.bench_function("tick-10000", |b| {
        b.iter(|| services.iter_mut().filter_map(|s| s.tick(&policy, &recent, black_box(load))).count());
    });
    Some((each, artifact.len()))
}

/// Mean nanoseconds that criterion wrote down in this run.
fn mean(folder: &Path, name: &str) -> Option<f64> {
    let text = std::fs::read_to_string(folder.join(name).join("new/estimates.json")).ok()?;
    serde_json::from_str::<serde_json::Value>(&text).ok()?["mean"]["point_estimate"].as_f64()
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark answers on the terminal")]
fn main() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("criterion");
    let mut criterion =
        Criterion::default().sample_size(10).without_plots().output_directory(&folder).configure_from_args();
    let Some((each, artifact)) = measure(&mut criterion) else {
        eprintln!("bench: the generated month could not be trained on");
        std::process::exit(1);
    };
    criterion.final_summary();
    let Some(naive) = mean(&folder, "seasonal-naive") else {
        println!("no ratios: this run left out seasonal-naive");
        return;
    };
    println!("\n| one core | mean | ÷ seasonal-naive pass of the same run |\n|---|--:|--:|");
    for name in ["seasonal-naive", "fit", "update", "forecast", "decide", "tick-10000"] {
        if let Some(ns) = mean(&folder, name) {
            println!("| {name} | {:.4} ms | {:.4} |", ns / 1e6, ns / naive);
        }
    }
    println!("| artifact | {:.1} kB | |\n| resident per service | {each:.1} kB | |", artifact as f64 / 1000.0);
}
