//! Labelled promotions: no part of the usual load, expected where they are announced, followed while they run.
#![expect(clippy::unwrap_used, reason = "the makers of test data are not test functions")]

use jiff::{SignedDuration, Timestamp};
use presale_models::{
    EventWindow, LEVELS, PredictRequest, QuantileForecast, Sample, Series, ServiceModel, ServiceModelConfig, Target,
    Uplift,
};

const START: i64 = 1_700_006_400;
const DAY: i64 = 86_400;
const HOUR: i64 = 3600;
/// Every promotion starts at noon and lasts two hours.
const NOON: i64 = 12 * HOUR;
const UPLIFT: f64 = 5.0;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn normal(second: i64) -> f64 {
    let mixed = (second / 60).wrapping_mul(0x9E37_79B9_7F4A_7C15_u64.cast_signed()).cast_unsigned() >> 40;
    let noise = 1.0 + 0.04 * (2.0 * mixed as f64 / f64::from(1_u32 << 24) - 1.0);
    noise * (100.0 + 40.0 * (second as f64 / DAY as f64 * std::f64::consts::TAU).sin())
}

fn promotion(day: i64, uplift: Option<Uplift>) -> EventWindow {
    let start = START + day * DAY + NOON;
    EventWindow { start: at(start), end: at(start + 2 * HOUR), kind: "Sale".into(), known_from: Timestamp::MIN, uplift }
}

fn load(second: i64, events: &[EventWindow]) -> f64 {
    let inside = events.iter().any(|e| (e.start.as_second()..e.end.as_second()).contains(&second));
    normal(second) * if inside { UPLIFT } else { 1.0 }
}

fn series(from: i64, step: i64, until: i64, events: &[EventWindow]) -> Series {
    let mean = |t: i64| {
        let minutes: Vec<f64> = (t..t + step).step_by(60).map(|m| load(m, events)).collect();
        Sample::Value(minutes.iter().sum::<f64>() / minutes.len() as f64)
    };
    let samples = (from..until).step_by(usize::try_from(step).unwrap()).map(mean).collect();
    Series::new(at(from), SignedDuration::from_secs(step), samples).unwrap()
}

/// Sixteen days with a promotion on each of the last five noons, trained at the end of the last day.
fn trained(coming: &[EventWindow]) -> (ServiceModel, i64) {
    let over: Vec<EventWindow> = (11..16).map(|day| promotion(day, None)).collect();
    let now = START + 16 * DAY;
    let config = ServiceModelConfig {
        time_zone: "UTC".into(),
        country: None,
        lead_time: SignedDuration::from_mins(3),
        hold: SignedDuration::from_mins(2),
        seed: 1,
    };
    let (history, recent) = (series(START, 300, now, &over), series(now - 2 * DAY, 60, now, &over));
    let known: Vec<EventWindow> = over.iter().chain(coming).cloned().collect();
    (ServiceModel::train(&history, &recent, &known, &config).unwrap(), now)
}

fn request(origin: i64, steps: usize, target: Target) -> PredictRequest {
    PredictRequest { origin: at(origin), step: SignedDuration::from_mins(5), steps, target }
}

fn at_level(forecast: &QuantileForecast, second: i64, level: usize) -> f64 {
    forecast.value(forecast.index_of(at(second)).unwrap(), LEVELS[level]).unwrap()
}

#[test]
fn promotions_of_the_days_before_are_no_part_of_the_usual() {
    let (model, now) = trained(&[]);
    let forecast = model.predict(&request(now, 288, Target::Point)).unwrap();
    for minutes in (0..1440).step_by(5) {
        let second = now + minutes * 60;
        let (middle, usual) = (at_level(&forecast, second, 2), normal(second + 150));
        assert!((middle / usual - 1.0).abs() < 0.12, "{minutes}: {middle} for {usual}");
        assert!(at_level(&forecast, second, 6) < 1.5 * usual, "{minutes}: its widths are the usual ones");
    }
    let maximum = Target::Maximum { lead_time: SignedDuration::from_mins(3), hold: SignedDuration::from_mins(2) };
    let mut live = model;
    for minute in 0..720 {
        live.observe(at(now + 60 * minute), Sample::Value(normal(now + 60 * minute)));
    }
    let noon = now + NOON;
    let decided = live.predict(&request(noon, 1, maximum)).unwrap();
    assert!(at_level(&decided, noon, 5) < 1.4 * normal(noon), "{}", at_level(&decided, noon, 5));
}

#[test]
fn one_to_come_is_expected_as_its_kind_was_or_as_is_stated() {
    let (learned, now) = trained(&[promotion(16, None)]);
    let inside = now + NOON + HOUR;
    let forecast = learned.predict(&request(now, 288, Target::Point)).unwrap();
    let ratio = |forecast: &QuantileForecast, level| at_level(forecast, inside, level) / normal(inside + 150);
    assert!((3.5..5.2).contains(&ratio(&forecast, 2)), "{}", ratio(&forecast, 2));
    assert!(ratio(&forecast, 6) > UPLIFT && ratio(&forecast, 0) < UPLIFT);
    let usual = learned.predict_normal(&request(now, 288, Target::Point)).unwrap();
    assert!((0.88..1.12).contains(&ratio(&usual, 2)), "{}", ratio(&usual, 2));

    let stated = Uplift { ln_mean: 2.0_f64.ln(), ln_sd: 0.2, most: None };
    let (stated, _) = trained(&[promotion(16, Some(stated))]);
    let forecast = stated.predict(&request(now, 288, Target::Point)).unwrap();
    assert!((1.8..2.2).contains(&ratio(&forecast, 2)), "{}", ratio(&forecast, 2));
}

#[test]
fn while_one_runs_its_ratio_leads_and_the_usual_waits() {
    let (mut model, now) = trained(&[]);
    let doubtful = Uplift { ln_mean: 2.0_f64.ln(), ln_sd: 0.5, most: None };
    let running = [promotion(16, Some(doubtful))];
    model.announce(&running);
    let noon = now + NOON;
    for minute in 0..720 + 45 {
        let second = now + 60 * minute;
        model.observe(at(second), Sample::Value(load(second, &running)));
    }
    let (soon, after) = (noon + 50 * 60, noon + 2 * HOUR + 600);
    let forecast = model.predict(&request(noon + 45 * 60, 24, Target::Point)).unwrap();
    let ratio = |forecast: &QuantileForecast, second, level| at_level(forecast, second, level) / normal(second + 150);
    assert!((4.6..5.4).contains(&ratio(&forecast, soon, 2)), "{}", ratio(&forecast, soon, 2));
    assert!(ratio(&forecast, soon, 5) < 7.0, "{}", ratio(&forecast, soon, 5));
    assert!((0.85..1.15).contains(&ratio(&forecast, after, 2)), "{}", ratio(&forecast, after, 2));
    let usual = model.predict_normal(&request(noon + 45 * 60, 24, Target::Point)).unwrap();
    assert!((0.88..1.12).contains(&ratio(&usual, soon, 2)), "{}", ratio(&usual, soon, 2));
    assert!(model.to_artifact().unwrap().len() < 40_000);
}
