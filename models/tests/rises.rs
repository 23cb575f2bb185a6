//! Short, steep rises that recur every day are known before they come, at the grid and by the minute.
#![expect(clippy::unwrap_used, reason = "the makers of test data are not test functions")]

use jiff::{SignedDuration, Timestamp};
use presale_models::{
    Level, PredictRequest, QuantileForecast, Sample, Series, ServiceModel, ServiceModelConfig, Target,
};

const START: i64 = 1_700_006_400;
const DAY: i64 = 86_400;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// Even noise of ±`size`, the same for the same step.
fn noise(second: i64, size: f64) -> f64 {
    let mixed = (second / 60).wrapping_mul(0x9E37_79B9_7F4A_7C15_u64.cast_signed()).cast_unsigned() >> 40;
    1.0 + size * (2.0 * mixed as f64 / f64::from(1_u32 << 24) - 1.0)
}

fn series(from: i64, step: i64, until: i64, load: impl Fn(i64) -> f64) -> Series {
    let samples = (from..until).step_by(usize::try_from(step).unwrap());
    let mean = |t: i64| {
        let minutes: Vec<f64> = (t..t + step).step_by(60).map(|m| load(m) * noise(m, 0.1)).collect();
        Sample::Value(minutes.iter().sum::<f64>() / minutes.len() as f64)
    };
    Series::new(at(from), SignedDuration::from_secs(step), samples.map(mean).collect()).unwrap()
}

fn trained(now: i64, load: impl Fn(i64) -> f64) -> ServiceModel {
    let config = ServiceModelConfig {
        time_zone: "UTC".into(),
        country: None,
        lead_time: SignedDuration::from_mins(1),
        hold: SignedDuration::from_mins(5),
        seed: 1,
    };
    let grid_end = now.div_euclid(300) * 300;
    let history = series(grid_end - 28 * DAY, 300, grid_end, &load);
    ServiceModel::train(&history, &series(now - 2 * DAY, 60, now, &load), &[], &config).unwrap()
}

fn forecast(model: &ServiceModel, now: i64, step: i64, steps: usize, target: Target) -> QuantileForecast {
    let step = SignedDuration::from_secs(step);
    model.predict(&PredictRequest { origin: at(now), step, steps, target }).unwrap()
}

fn level(p: f64) -> Level {
    Level::new(p).unwrap()
}

/// 24 requests/s, five times as many from 12:00 for five minutes, every day.
fn one_step(t: i64) -> f64 {
    if (43_200..43_500).contains(&t.rem_euclid(DAY)) { 120.0 } else { 24.0 }
}

#[test]
fn a_rise_of_one_step_a_day_is_known_to_the_step() {
    let noon = START + 30 * DAY + 43_200;
    let now = noon - 1_800;
    let rows = forecast(&trained(now, one_step), now, 300, 12, Target::Point);
    for row in 0..12 {
        let actual = one_step(now + 300 * i64::try_from(row).unwrap());
        let middle = rows.value(row, level(0.5)).unwrap();
        assert!((middle / actual - 1.0).abs() < 0.15, "row {row}: {middle:.1} for {actual}");
    }
}

#[test]
fn its_maximum_is_ordered_in_time_and_not_before() {
    let noon = START + 30 * DAY + 43_200;
    let now = noon - 900;
    let lead_time = SignedDuration::from_mins(1);
    let target = Target::Maximum { lead_time, hold: SignedDuration::from_mins(5) };
    let rows = forecast(&trained(now, one_step), now, 60, 25, target);
    for row in 0..25 {
        let from = now + 60 * i64::try_from(row).unwrap() + 60;
        let actual = (from..from + 300).step_by(60).map(one_step).fold(0.0, f64::max);
        let upper = rows.value(row, level(0.95)).unwrap();
        assert!((0.93..1.6).contains(&(upper / actual)), "row {row}: {upper:.1} for {actual}");
    }
}

#[test]
fn a_ramp_of_ten_minutes_is_covered() {
    // 60 → 600 within ten minutes at 19:00, an hour of plateau, and back.
    let load = |t: i64| {
        let s = t.rem_euclid(DAY) - 68_400;
        let share = (s as f64 / 600.0).clamp(0.0, 1.0) - ((s - 4_200) as f64 / 600.0).clamp(0.0, 1.0);
        60.0 * libm::exp(share * libm::log(10.0))
    };
    let ramp = START + 30 * DAY + 68_400;
    let now = ramp - 600;
    let target = Target::Maximum { lead_time: SignedDuration::from_mins(1), hold: SignedDuration::from_mins(5) };
    let rows = forecast(&trained(now, load), now, 60, 25, target);
    for row in 0..25 {
        let from = now + 60 * i64::try_from(row).unwrap() + 60;
        let actual = (from..from + 300).step_by(60).map(load).fold(0.0, f64::max);
        let upper = rows.value(row, level(0.95)).unwrap();
        assert!(upper > 0.93 * actual, "row {row}: {upper:.1} for {actual:.1}");
        assert!(upper < 2.0 * actual, "row {row}: {upper:.1} for {actual:.1}");
    }
}

#[test]
fn a_rise_on_working_days_is_not_expected_on_sunday() {
    // 1970-01-01 was a Thursday: day 3 was a Sunday.
    let load = |t: i64| if (t.div_euclid(DAY) + 4) % 7 == 0 { 24.0 } else { one_step(t) };
    let sunday = (START.div_euclid(DAY)..).take(7).map(|d| d * DAY).find(|t| (t.div_euclid(DAY) + 4) % 7 == 0).unwrap();
    for (day, expected) in [(sunday + 35 * DAY, 24.0), (sunday + 36 * DAY, 120.0)] {
        let now = day + 43_200 - 1_800;
        let rows = forecast(&trained(now, load), now, 300, 12, Target::Point);
        let middle = rows.value(6, level(0.5)).unwrap();
        assert!((middle / expected - 1.0).abs() < 0.2, "{middle:.1} for {expected}");
    }
}

#[test]
fn what_recurs_every_day_is_trusted_wherever_the_grid_cuts_it() {
    // 60 → 600 within half an hour, for two hours, and down at once.
    for cut in (0..300).step_by(20) {
        let load = |t: i64| {
            let s = (t - 43_200 - cut).rem_euclid(DAY);
            if s < 7_200 { 60.0 + 540.0 * (s as f64 / 1_800.0).min(1.0) } else { 60.0 }
        };
        let model = trained(START + 30 * DAY + 43_000, load);
        assert!(model.trusted(), "{cut} s into the step: {:?}", model.scores());
    }
}
