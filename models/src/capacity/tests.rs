//! Capacity on generated pods whose true capacity is known.

use super::*;
use crate::gaussian::tests::Draws;

fn config(key: &str, declared: Option<f64>) -> CapacityConfig {
    CapacityConfig { key: key.into(), declared, cpu: Some(0.5), latency_limit: Some(0.25) }
}

/// A pod with 0.02 cores idle and 5 ms of CPU per request: 0.8 × 0.5 cores are used at 76 requests/s.
fn window(minute: i64, load: f64, draws: &mut Draws) -> CapacityWindow {
    CapacityWindow {
        at: Timestamp::from_second(minute * 60).unwrap(),
        load_per_replica: load,
        cpu: Some((0.02 + 0.005 * load) * (1.0 + 0.05 * draws.normal())),
        latency: None,
    }
}

/// Latency of a queue that saturates at 90 requests/s: over 250 ms from 86 on.
fn latency(load: f64) -> f64 {
    if load < 90.0 { 1.0 / (90.0 - load) } else { 5.0 }
}

#[test]
fn nothing_declared_and_nothing_seen_is_unknown() {
    assert_eq!(Capacity::new(config("v1", None)).estimate(), None);
}

#[test]
fn learns_from_the_cpu_slope_and_keeps_idle_cpu_apart() {
    let (mut capacity, mut draws) = (Capacity::new(config("v1", None)), Draws::new(1));
    for minute in 0..120 {
        let load = 10.0 + 25.0 * (1.0 + (f64::from(i32::try_from(minute).unwrap()) / 20.0).sin());
        capacity.observe(window(minute, load, &mut draws));
    }
    let estimate = capacity.estimate().unwrap();
    assert!((68.0..84.0).contains(&estimate.p50), "{estimate:?}");
    assert!(estimate.p10 < estimate.p50 && estimate.p10 > 0.75 * estimate.p50, "{estimate:?}");
    assert_eq!(estimate.source, CapacitySource::Cpu);
}

#[test]
fn outlier_minutes_do_not_bend_the_slope() {
    let (mut clean, mut dirty, mut draws) =
        (Capacity::new(config("v1", None)), Capacity::new(config("v1", None)), Draws::new(2));
    for minute in 0..120 {
        let load = 10.0 + f64::from(i32::try_from(minute % 50).unwrap());
        let mut window = window(minute, load, &mut draws);
        clean.observe(window);
        if minute % 10 == 0 {
            window.cpu = Some(0.5);
        }
        dirty.observe(window);
    }
    let (clean, dirty) = (clean.estimate().unwrap().p50, dirty.estimate().unwrap().p50);
    assert!((dirty / clean - 1.0).abs() < 0.15, "{clean} {dirty}");
}

#[test]
fn the_latency_knee_wins_where_it_lies_below_the_cpu() {
    let (mut capacity, mut draws) = (Capacity::new(config("v1", None)), Draws::new(3));
    for minute in 0..200 {
        let load = 20.0 + f64::from(i32::try_from(minute % 50).unwrap());
        let mut window = window(minute, load, &mut draws);
        window.latency = Some(latency(load * 1.5));
        capacity.observe(window);
    }
    let estimate = capacity.estimate().unwrap();
    assert_eq!(estimate.source, CapacitySource::Latency);
    assert!((50.0..62.0).contains(&estimate.p50), "86 / 1.5 = 57: {estimate:?}");
}

#[test]
fn load_far_below_a_declared_number_teaches_nothing() {
    let mut capacity = Capacity::new(CapacityConfig { cpu: None, ..config("v1", Some(80.0)) });
    for minute in 0..20 {
        let at = Timestamp::from_second(minute * 60).unwrap();
        capacity.observe(CapacityWindow { at, load_per_replica: 10.0, cpu: None, latency: Some(0.05) });
    }
    assert_eq!(capacity.estimate().unwrap().source, CapacitySource::Declared);
}

#[test]
fn load_that_was_served_lifts_a_declared_number_that_is_too_low() {
    let mut capacity = Capacity::new(CapacityConfig { cpu: None, ..config("v1", Some(20.0)) });
    for minute in 0..20 {
        let at = Timestamp::from_second(minute * 60).unwrap();
        capacity.observe(CapacityWindow { at, load_per_replica: 40.0, cpu: None, latency: Some(0.05) });
    }
    let estimate = capacity.estimate().unwrap();
    assert!(estimate.p50 >= 40.0 && estimate.p50 < 45.0, "{estimate:?}");
}

#[test]
fn a_wrong_declaration_is_outweighed_and_the_contradiction_widens_the_belief() {
    let (mut capacity, mut draws) = (Capacity::new(config("v1", Some(200.0))), Draws::new(4));
    for minute in 0..120 {
        capacity.observe(window(minute, 10.0 + f64::from(i32::try_from(minute % 60).unwrap()), &mut draws));
    }
    let estimate = capacity.estimate().unwrap();
    assert!(estimate.p50 < 150.0, "{estimate:?}");
    assert!(estimate.p10 < 90.0, "plans lie near what was seen: {estimate:?}");
}

#[test]
fn a_rollout_keeps_the_mean_and_triples_the_variance() {
    let (mut capacity, mut draws) = (Capacity::new(config("v1", None)), Draws::new(5));
    for minute in 0..120 {
        capacity.observe(window(minute, 10.0 + f64::from(i32::try_from(minute % 60).unwrap()), &mut draws));
    }
    let before = capacity.estimate().unwrap();
    capacity.configure(config("v2", None));
    let after = capacity.estimate().unwrap();
    assert_eq!((after.source, capacity.windows()), (CapacitySource::Earlier, 0));
    assert!((after.p50 - before.p50).abs() < 1e-9);
    let widening = (after.p50 / after.p10).ln() / (before.p50 / before.p10).ln();
    assert!((widening - 3.0_f64.sqrt()).abs() < 1e-9, "{widening}");
}

#[test]
fn night_does_not_forget_what_the_day_taught() {
    let (mut capacity, mut draws) = (Capacity::new(config("v1", None)), Draws::new(6));
    for minute in 0..60 {
        capacity.observe(window(minute, 20.0 + f64::from(i32::try_from(minute).unwrap()), &mut draws));
    }
    let day = capacity.estimate().unwrap().p50;
    for minute in 60..600 {
        capacity.observe(window(minute, 5.0, &mut draws));
    }
    let night = capacity.estimate().unwrap().p50;
    assert!((night / day - 1.0).abs() < 0.1, "{day} {night}");
    assert!(capacity.windows() <= BINS * PER_BIN);
}

#[test]
fn nonsense_teaches_nothing_and_a_round_trip_changes_nothing() {
    let mut capacity = Capacity::new(config("v1", Some(50.0)));
    for load in [f64::NAN, -1.0, 0.0, f64::INFINITY] {
        let at = Timestamp::UNIX_EPOCH;
        capacity.observe(CapacityWindow { at, load_per_replica: load, cpu: Some(f64::NAN), latency: Some(-1.0) });
    }
    assert_eq!(capacity.windows(), 0);
    let bytes = postcard::to_stdvec(&capacity).unwrap();
    assert_eq!(postcard::from_bytes::<Capacity>(&bytes).unwrap(), capacity);
}
