//! Semi-synthetic promotions: seeded rushes put on a recorded background. What they really bring no policy sees; it gets the
//! announced window and a merchant's guess.

use jiff::{SignedDuration, Timestamp};
use presale_models::{EventWindow, Expectation};
use presale_planner::PromotionSpec;
use presale_planner::promotion::{ScheduleSpec, TargetSpec};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::trace::Trace;

const MINUTE: i64 = 60;
const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
/// Promotions are announced on quarter hours.
const QUARTER: i64 = 900;
/// Least and most uplift.
const UPLIFT: (f64, f64) = (2.0, 10.0);
/// How far off a guess may be, either way.
const OFF: f64 = 2.0;
/// Shortest and longest promotion, in quarter hours.
const QUARTERS: (i64, i64) = (3, 16);
/// Shortest time between two promotions.
const APART: i64 = 6 * HOUR;
/// How long before its start a promotion is announced.
const AHEAD: i64 = 2 * DAY;
/// The one kind of promotion: what is learned of one is used for the next.
const KIND: &str = "Sale";
/// The one service that promotions reach in a backtest.
pub const SERVICE: &str = "service";

/// One promotion as it really goes.
#[derive(Debug, Clone, PartialEq)]
pub struct Rush {
    /// Announced start, seconds since the epoch.
    pub start: i64,
    /// Announced end.
    pub end: i64,
    /// True ratio to normal load on the plateau.
    pub uplift: f64,
    /// What the merchant says.
    pub guess: f64,
    /// Seconds from the start to the plateau.
    rise: f64,
    /// Share by which the opening exceeds the plateau, and the seconds in which that falls to a third.
    opening: (f64, f64),
    /// Share of the window after which the load falls, and the seconds in which its excess falls to a third.
    fall: (f64, f64),
    /// Relative size, period in seconds and phase of the plateau's wobble.
    wobble: (f64, f64, f64),
}

impl Rush {
    /// Ratio to normal load at a second: 1 before the start, back to 1 some time after the end.
    pub fn ratio(&self, second: i64) -> f64 {
        let since = (second - self.start) as f64;
        if since < 0.0 {
            return 1.0;
        }
        let risen = (since / self.rise).min(1.0);
        let opening = self.opening.0 * (-(since - self.rise).max(0.0) / self.opening.1).exp();
        let plateau = self.fall.0 * (self.end - self.start) as f64;
        let fallen = (-(since - plateau).max(0.0) / self.fall.1).exp();
        let (size, period, phase) = self.wobble;
        let wobble = 1.0 + size * (std::f64::consts::TAU * since / period + phase).sin();
        let ratio = 1.0 + (self.uplift - 1.0) * risen * (1.0 + opening) * fallen * wobble;
        if ratio < 1.01 { 1.0 } else { ratio }
    }

    /// The window as everyone may know it.
    pub fn window(&self) -> EventWindow {
        EventWindow {
            start: time(self.start),
            end: time(self.end),
            kind: KIND.into(),
            known_from: time(self.start - AHEAD),
            uplift: None,
        }
    }

    /// The promotion as the merchant announces it: the window and one number.
    pub fn announced(&self) -> PromotionSpec {
        let target = TargetSpec {
            service: SERVICE.into(),
            expectation: Expectation::new(self.guess, self.guess, self.guess).ok(),
            floor: None,
            ceiling: None,
        };
        PromotionSpec {
            name: format!("sale-{}", self.start),
            kind: KIND.into(),
            schedule: ScheduleSpec {
                time_zone: "UTC".into(),
                start: time(self.start).strftime("%Y-%m-%dT%H:%M:%S").to_string(),
                duration: SignedDuration::from_secs(self.end - self.start),
                recurrence: None,
            },
            targets: vec![target],
            lead_time: None,
            ready_before: SignedDuration::from_mins(10),
            awaits_approval: false,
            cancelled: false,
            budget: None,
            created: time(self.start - AHEAD),
        }
    }
}

/// Promotions within `[from, to)`, one every day or two, half of them at the merchant's favourite time of day.
///
/// Uplifts are even in the logarithm. A guess is off by the merchant's habit and by chance, each by up to the root of the
/// most that it may be off.
pub fn rushes(from: i64, to: i64, seed: u64) -> Vec<Rush> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let habit = random.random_range(-0.5..=0.5);
    let favourite = random.random_range(0..DAY / QUARTER) * QUARTER;
    let mut day = from.div_euclid(DAY) * DAY;
    let mut rushes: Vec<Rush> = Vec::new();
    loop {
        day += DAY * random.random_range(1..=2);
        if day >= to {
            return rushes;
        }
        let usual = random.random::<f64>() < 0.5;
        let anywhere = random.random_range(0..DAY / QUARTER) * QUARTER;
        let rush = rush(day + if usual { favourite } else { anywhere }, habit, &mut random);
        let apart = rushes.last().is_none_or(|last| rush.start - last.end >= APART);
        if apart && rush.start >= from && rush.end + 2 * HOUR <= to {
            rushes.push(rush);
        }
    }
}

fn rush(start: i64, habit: f64, random: &mut ChaCha8Rng) -> Rush {
    let length = QUARTER * random.random_range(QUARTERS.0..=QUARTERS.1);
    let uplift = random.random_range(UPLIFT.0.ln()..=UPLIFT.1.ln()).exp();
    let off = habit + random.random_range(-0.5..=0.5);
    Rush {
        start,
        end: start + length,
        uplift,
        guess: (uplift * OFF.powf(off)).max(1.1),
        rise: random.random_range(60.0..=600.0),
        opening: (random.random_range(0.0..=0.3), random.random_range(600.0..=2400.0)),
        fall: (random.random_range(0.8..=1.0), random.random_range(300.0..=1800.0)),
        wobble: (
            random.random_range(0.0..=0.08),
            random.random_range(900.0..=3600.0),
            random.random_range(0.0..=std::f64::consts::TAU),
        ),
    }
}

/// The first `seconds` of a recording by the minute, a coarser step held over its minutes, times what the rushes bring.
pub fn overlay(trace: &Trace, seconds: i64, rushes: &[Rush]) -> Trace {
    let first = trace.seconds.first().copied().unwrap_or(0);
    let mut minutes = Trace { name: trace.name.clone(), seconds: Vec::new(), values: Vec::new(), step: MINUTE };
    for (second, value) in trace.seconds.iter().zip(&trace.values).take_while(|(s, _)| **s < first + seconds) {
        for minute in (0..trace.step.max(MINUTE) / MINUTE).map(|i| second + i * MINUTE) {
            let middle = minute + MINUTE / 2;
            let ratio = rushes.iter().map(|r| r.ratio(middle)).fold(1.0, f64::max);
            minutes.seconds.push(minute);
            minutes.values.push(value * ratio);
        }
    }
    minutes
}

fn time(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rush_rises_stands_and_falls_and_its_guess_is_off_by_two_at_most() {
        let all = rushes(0, 60 * DAY, 5);
        assert!(all.len() >= 20 && all == rushes(0, 60 * DAY, 5), "{}", all.len());
        for rush in &all {
            assert!((UPLIFT.0..=UPLIFT.1).contains(&rush.uplift));
            assert!((0.5..=2.0).contains(&(rush.guess / rush.uplift)), "{rush:?}");
            assert!((rush.ratio(rush.start - 1) - 1.0).abs() < 1e-12);
            let middle = rush.ratio(rush.start.midpoint(rush.end));
            assert!(middle > 0.85 * rush.uplift && middle < 1.45 * rush.uplift, "{middle} {rush:?}");
            assert!((rush.ratio(rush.end + 5 * HOUR) - 1.0).abs() < 1e-12);
        }
        assert!(all.windows(2).all(|w| w[1].start - w[0].end >= APART));
        let alike = |rush: &Rush| all.iter().filter(|r| (r.start - rush.start).rem_euclid(DAY) == 0).count();
        assert!(all.iter().any(|r| 4 * alike(r) > all.len()), "some come again at the same time of day");
    }

    #[test]
    fn the_background_stays_as_it_was_outside() {
        let seconds: Vec<i64> = (0..3 * 288).map(|i| 300 * i).collect();
        let trace = Trace { name: "flat".into(), values: vec![40.0; seconds.len()], seconds, step: 300 };
        let all = rushes(0, 3 * DAY, 2);
        assert!(!all.is_empty());
        let laid = overlay(&trace, 2 * DAY, &all[..1]);
        assert_eq!((laid.step, laid.seconds.len()), (60, 2880));
        for (second, value) in laid.seconds.iter().zip(&laid.values) {
            let ratio = all[0].ratio(second + 30);
            assert!((value / 40.0 - ratio).abs() < 1e-9);
            assert!(*second >= all[0].start - 60 || (value - 40.0).abs() < 1e-9);
        }
    }

    #[test]
    fn what_is_announced_can_be_planned_and_tells_only_the_guess() {
        let rush = rushes(0, 9 * DAY, 1).remove(0);
        let spec = rush.announced();
        let schedule = presale_planner::promotion::Schedule::parse(&spec.schedule).unwrap();
        let all = schedule.occurrences(Timestamp::MIN, Timestamp::MAX, 2);
        assert_eq!((all.len(), all[0].start, all[0].end), (1, rush.window().start, rush.window().end));
        assert!((spec.targets[0].expectation.unwrap().likely() - rush.guess).abs() < 1e-12);
    }
}
