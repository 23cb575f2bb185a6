//! The same input makes the same bytes on every x86-64: training runs once on this processor and once on one without FMA.
#![expect(clippy::unwrap_used, reason = "test data and the child's answer")]

use std::process::Command;

use jiff::{SignedDuration, Timestamp};
use presale_models::{PredictRequest, Sample, Series, ServiceModel, ServiceModelConfig, Target};

/// A processor of 2008 in the emulator: SSE4.2, neither AVX nor FMA.
const OLD_PROCESSOR: &str = "Nehalem";
/// A word among the child's arguments (no test is called so) that tells it that it is the child.
const CHILD: &str = "on-the-old-processor";
/// What the child prints its bytes behind.
const MARK: &str = "trained and forecast: ";

/// Ten days on a 5-min grid and the last by the minute, with noise, a gap and a level shift.
fn trained() -> ServiceModel {
    let start = 1_767_571_200;
    let mut state = 9_u64;
    let mut load = |second: i64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let noise = (state >> 40) as f64 / f64::from(1_u32 << 24) - 0.5;
        let day = (second % 86_400) as f64 / 86_400.0 * std::f64::consts::TAU;
        let level = if second > start + 7 * 86_400 { 1.4 } else { 1.0 };
        100.0 * level * (1.2 + libm::sin(day) + 0.3 * libm::cos(2.0 * day)) * (1.0 + 0.1 * noise)
    };
    let mut series = |from: i64, step: i64, count: i64| {
        let sample =
            |i: i64| if (400..420).contains(&i) { Sample::Missing } else { Sample::Value(load(from + i * step)) };
        let samples = (0..count).map(sample).collect();
        Series::new(Timestamp::from_second(from).unwrap(), SignedDuration::from_secs(step), samples).unwrap()
    };
    let history = series(start, 300, 2880);
    let recent = series(start + 9 * 86_400, 60, 1440);
    let config = ServiceModelConfig {
        time_zone: "Europe/Berlin".into(),
        country: Some("DE".into()),
        lead_time: SignedDuration::from_mins(3),
        hold: SignedDuration::from_mins(2),
        seed: 7,
    };
    ServiceModel::train(&history, &recent, &[], &config).unwrap()
}

/// Artifact and forecast, after a live hour, in hexadecimal.
fn bytes() -> String {
    let mut model = trained();
    let end = model.data_until();
    for minute in 0..60_i32 {
        let at = end + SignedDuration::from_mins(i64::from(minute));
        model.observe(at, Sample::Value(150.0 + 5.0 * f64::from(minute % 7)));
    }
    let request = PredictRequest {
        origin: model.data_until(),
        step: SignedDuration::from_mins(5),
        steps: 24,
        target: Target::Point,
    };
    let forecast = model.predict(&request).unwrap();
    let mut bytes = model.to_artifact().unwrap();
    for row in 0..24 {
        for level in presale_models::LEVELS {
            bytes.extend(forecast.value(row, level).unwrap().to_bits().to_le_bytes());
        }
    }
    format!("{bytes:02x?}")
}

#[test]
fn training_and_forecast_are_the_same_bytes_on_a_processor_without_fma() {
    let here = bytes();
    if std::env::args().any(|arg| arg == CHILD) {
        println!("{MARK}{here}");
        return;
    }
    let itself = std::env::current_exe().unwrap();
    let child = Command::new("qemu-x86_64")
        .args(["-cpu", OLD_PROCESSOR])
        .arg(itself)
        .args(["training_and_forecast_are_the_same_bytes", "--nocapture", "--skip", CHILD])
        .output()
        .expect("qemu-x86_64 is missing: run `make packages` and try again");
    let said = String::from_utf8_lossy(&child.stdout).into_owned();
    assert!(child.status.success(), "the child on {OLD_PROCESSOR}: {said}{}", String::from_utf8_lossy(&child.stderr));
    let there = said.lines().find_map(|line| line.split_once(MARK)).expect("the child prints its bytes").1;
    let apart = here.bytes().zip(there.trim().bytes()).position(|(a, b)| a != b);
    assert!(
        here == there.trim(),
        "{} and {} letters, the first that differs is at {apart:?}: something asks the processor what it can",
        here.len(),
        there.len()
    );
}
