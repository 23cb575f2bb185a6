//! How many requests per second are meant to arrive at an instant: the one model behind live load and past weeks.
//!
//! `λ(t) = base · D(hour) · W(day) · G(trend) · ΠR(time of day) · ΠE(t)`, with a constant share of crawlers.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Time;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::season::Season;

/// A rise and fall by a factor: linear ramp up, hold, linear fall.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bump {
    /// Load at the top over load without it.
    pub factor: f64,
    /// Time from 1 to the factor, seconds.
    pub ramp: f64,
    /// Time at the factor, seconds.
    pub hold: f64,
    /// Time back to 1, seconds.
    pub fall: f64,
}

impl Bump {
    /// The factor `since` seconds after the ramp began; 1 before and after.
    pub fn at(&self, since: f64) -> f64 {
        let up = if self.ramp > 0.0 { since / self.ramp } else { 1.0 };
        let left = self.ramp + self.hold + self.fall - since;
        let down = if self.fall > 0.0 { left / self.fall } else { 1.0 };
        if since < 0.0 || left <= 0.0 {
            return 1.0;
        }
        1.0 + (self.factor - 1.0) * up.min(down).clamp(0.0, 1.0)
    }

    /// From the beginning of the ramp to the end of the fall, seconds.
    pub fn length(&self) -> f64 {
        self.ramp + self.hold + self.fall
    }
}

/// A bump that comes back every day at the same time, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DailyRise {
    /// When the ramp begins.
    pub at: Time,
    /// Its shape; it may last over midnight but not a whole day.
    #[serde(flatten)]
    pub bump: Bump,
}

impl DailyRise {
    fn factor(&self, unix: f64) -> f64 {
        let since = seconds_of_day(self.at);
        let now = unix.rem_euclid(86_400.0);
        self.bump.at((now - since).rem_euclid(86_400.0))
    }
}

/// A bump that comes once.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When the ramp begins.
    pub start: Timestamp,
    /// Its shape.
    #[serde(flatten)]
    pub bump: Bump,
}

/// What the level follows before rises and events.
#[derive(Debug, Clone, PartialEq)]
pub enum Level {
    /// The same at all times, requests per second.
    Flat(f64),
    /// Hours, weekdays and a trend around a base.
    Season(Season),
    /// Points of (seconds since `origin`, requests per second), joined by straight lines, constant outside.
    Points {
        /// When the first second begins, seconds since 1970.
        origin: f64,
        /// In ascending order, at least one.
        points: Vec<(f64, f64)>,
    },
}

/// Requests per second over time.
#[derive(Debug, Clone, PartialEq)]
pub struct RateModel {
    /// Level before rises and events.
    pub level: Level,
    /// Multiplied in, every day.
    pub rises: Vec<DailyRise>,
    /// Multiplied in, once.
    pub events: Vec<Event>,
    /// Instant at which the trend is 1, seconds since 1970.
    pub anchor: f64,
    /// Part of the base level that crawlers send at all times, 0..1.
    pub crawlers: f64,
    /// Coefficient of variation of the minutes around the model, ≥ 0.
    pub variation: f64,
}

impl RateModel {
    /// Requests per second by people, on average, at `unix` seconds.
    pub fn people(&self, unix: f64) -> f64 {
        let level = match &self.level {
            Level::Flat(rate) => *rate,
            Level::Season(season) => season.at(unix, self.anchor),
            Level::Points { origin, points } => interpolate(points, unix - origin),
        };
        let rises: f64 = self.rises.iter().map(|r| r.factor(unix)).product();
        let events: f64 = self.events.iter().map(|e| e.bump.at(unix - seconds(e.start))).product();
        level * (1.0 - self.crawlers) * rises * events
    }

    /// Requests per second by crawlers, on average.
    pub fn crawlers(&self, unix: f64) -> f64 {
        let base = match &self.level {
            Level::Flat(rate) => *rate,
            Level::Season(season) => season.base,
            Level::Points { origin, points } => interpolate(points, unix - origin),
        };
        base * self.crawlers
    }

    /// All requests per second, on average.
    pub fn total(&self, unix: f64) -> f64 {
        self.people(unix) + self.crawlers(unix)
    }
}

fn interpolate(points: &[(f64, f64)], at: f64) -> f64 {
    let after = points.partition_point(|p| p.0 <= at);
    match (after.checked_sub(1).and_then(|i| points.get(i)), points.get(after)) {
        (Some(&(t0, r0)), Some(&(t1, r1))) => r0 + (r1 - r0) * (at - t0) / (t1 - t0),
        (Some(&(_, rate)), None) | (None, Some(&(_, rate))) => rate,
        (None, None) => 0.0,
    }
}

/// Seconds since 1970 with their fraction.
pub fn seconds(at: Timestamp) -> f64 {
    at.as_microsecond() as f64 / 1e6
}

/// Seconds since midnight UTC.
pub fn seconds_of_day(at: Time) -> f64 {
    f64::from(at.hour()) * 3600.0 + f64::from(at.minute()) * 60.0 + f64::from(at.second())
}

/// A schedule, rise or event on the command line is not understood.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
#[error("{text:?} is not understood: {why}; write {example}")]
pub struct RateError {
    /// What was written.
    pub text: String,
    /// What is wrong with it.
    pub why: String,
    /// What would pass.
    pub example: &'static str,
}

const RISE: &str = "at=19:03,factor=3,ramp=60s,hold=20m,fall=5m";
const EVENT: &str = "start=2026-11-27T20:00:00Z,factor=4,ramp=20s,hold=3m,fall=1m";
const POINTS: &str = "lines such as '90s 40': time since the start, then requests per second, times ascending";

/// Reads `at=HH:MM[:SS],factor=F,ramp=D,hold=D,fall=D`.
///
/// # Errors
/// Says what would pass.
pub fn parse_rise(text: &str) -> Result<DailyRise, RateError> {
    let mut fields = Fields::read(text, RISE)?;
    let at = fields.take("at")?;
    let at = at.parse().map_err(|e: jiff::Error| fields.error(&format!("at: {e}")))?;
    let bump = fields.bump()?;
    if bump.length() >= 86_400.0 {
        return Err(fields.error("it lasts a day or more"));
    }
    Ok(DailyRise { at, bump })
}

/// Reads `start=INSTANT,factor=F,ramp=D,hold=D,fall=D`.
///
/// # Errors
/// Says what would pass.
pub fn parse_event(text: &str) -> Result<Event, RateError> {
    let mut fields = Fields::read(text, EVENT)?;
    let start = fields.take("start")?;
    let start = start.parse().map_err(|e: jiff::Error| fields.error(&format!("start: {e}")))?;
    Ok(Event { start, bump: fields.bump()? })
}

/// Reads a schedule: one `time rate` per line, `#` starts a comment.
///
/// # Errors
/// Says what would pass.
pub fn parse_points(text: &str) -> Result<Vec<(f64, f64)>, RateError> {
    let mut points: Vec<(f64, f64)> = Vec::new();
    for line in text.lines().map(|l| l.split('#').next().unwrap_or_default().trim()).filter(|l| !l.is_empty()) {
        let error = |why: &str| RateError { text: line.to_owned(), why: why.to_owned(), example: POINTS };
        let (time, rate) = line.split_once(char::is_whitespace).ok_or_else(|| error("two fields are needed"))?;
        let time = if time == "0" { 0.0 } else { duration(time).map_err(|why| error(&why))? };
        let rate: f64 = rate.trim().parse().map_err(|_| error("the rate is not a number"))?;
        if !rate.is_finite() || rate < 0.0 {
            return Err(error("the rate must be 0 or more"));
        }
        if points.last().is_some_and(|last| last.0 >= time) {
            return Err(error("times must ascend"));
        }
        points.push((time, rate));
    }
    if points.is_empty() {
        return Err(RateError { text: text.to_owned(), why: "it holds no point".to_owned(), example: POINTS });
    }
    Ok(points)
}

/// Seconds of a duration such as `90s` or `2m`.
///
/// # Errors
/// Says what is wrong.
pub fn duration(text: &str) -> Result<f64, String> {
    let parsed: jiff::SignedDuration = text.parse().map_err(|e| format!("{e}; durations look like 90s or 2m"))?;
    Duration::try_from(parsed).map(|d| d.as_secs_f64()).map_err(|_| "durations must not be negative".to_owned())
}

struct Fields<'a> {
    text: &'a str,
    example: &'static str,
    left: Vec<(&'a str, &'a str)>,
}

impl<'a> Fields<'a> {
    fn read(text: &'a str, example: &'static str) -> Result<Self, RateError> {
        let left: Option<Vec<_>> = text.split(',').map(|f| f.trim().split_once('=')).collect();
        let mut fields = Self { text, example, left: Vec::new() };
        fields.left = left.ok_or_else(|| fields.error("every field is NAME=VALUE"))?;
        Ok(fields)
    }

    fn error(&self, why: &str) -> RateError {
        RateError { text: self.text.to_owned(), why: why.to_owned(), example: self.example }
    }

    fn take(&mut self, name: &str) -> Result<&'a str, RateError> {
        let at = self.left.iter().position(|f| f.0 == name);
        at.map(|at| self.left.remove(at).1).ok_or_else(|| self.error(&format!("{name} is missing")))
    }

    fn bump(&mut self) -> Result<Bump, RateError> {
        let factor: f64 = self.take("factor")?.parse().map_err(|_| self.error("factor is not a number"))?;
        let mut length = |name| {
            let text = self.take(name)?;
            duration(text).map_err(|why| self.error(&format!("{name}: {why}")))
        };
        let bump = Bump { factor, ramp: length("ramp")?, hold: length("hold")?, fall: length("fall")? };
        if !bump.factor.is_finite() || bump.factor < 0.0 {
            return Err(self.error("factor must be 0 or more"));
        }
        match self.left.first() {
            Some((name, _)) => Err(self.error(&format!("{name} is not a field of it"))),
            None => Ok(bump),
        }
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "rounded, or exact by construction")]
mod tests {
    use super::*;

    fn flat(rate: f64) -> RateModel {
        RateModel {
            level: Level::Flat(rate),
            rises: Vec::new(),
            events: Vec::new(),
            anchor: 0.0,
            crawlers: 0.0,
            variation: 0.0,
        }
    }

    #[test]
    fn a_daily_rise_stands_at_the_same_time_every_day_also_over_midnight() {
        let rise = parse_rise("at=23:50,factor=3,ramp=60s,hold=20m,fall=5m").unwrap();
        let model = RateModel { rises: vec![rise], ..flat(10.0) };
        for day in [0.0, 86_400.0, 20_000.0 * 86_400.0] {
            let at = |h: f64, m: f64| model.total(day + h * 3600.0 + m * 60.0).round();
            assert_eq!([at(23.0, 49.0), at(23.0, 51.0), at(24.0, 5.0), at(24.0, 17.0)], [10.0, 30.0, 30.0, 10.0]);
        }
    }

    #[test]
    fn an_event_comes_once_with_its_ramp() {
        let event = parse_event("start=2026-11-27T20:00:00Z,factor=4,ramp=20s,hold=3m,fall=1m").unwrap();
        let start = seconds(event.start);
        let model = RateModel { events: vec![event], ..flat(10.0) };
        let at = |s: f64| model.total(start + s).round();
        assert_eq!(
            [at(-1.0), at(10.0), at(20.0), at(199.0), at(230.0), at(261.0)],
            [10.0, 25.0, 40.0, 40.0, 25.0, 10.0]
        );
        assert_eq!(at(86_400.0 + 60.0), 10.0);
    }

    #[test]
    fn crawlers_are_a_part_of_the_rate_that_no_event_multiplies() {
        let event = parse_event("start=1970-01-01T00:00:00Z,factor=4,ramp=0s,hold=1h,fall=0s").unwrap();
        let model = RateModel { events: vec![event], crawlers: 0.25, ..flat(100.0) };
        assert_eq!((model.people(60.0), model.crawlers(60.0)), (300.0, 25.0));
        assert_eq!(model.total(7_200.0), 100.0);
    }

    #[test]
    fn points_are_joined_by_lines() {
        let points = parse_points("0 10\n1m 10 # quiet\n\n90s 70\n").unwrap();
        let model = RateModel { level: Level::Points { origin: 1000.0, points }, ..flat(0.0) };
        let at = |s: f64| model.total(1000.0 + s);
        assert_eq!([at(-5.0), at(30.0), at(75.0), at(500.0)], [10.0, 10.0, 40.0, 70.0]);
    }

    #[test]
    fn errors_say_what_would_pass() {
        let text = |e: RateError| e.to_string();
        assert!(text(parse_rise("at=25:00,factor=3,ramp=1s,hold=1s,fall=1s").unwrap_err()).contains("at=19:03"));
        assert!(text(parse_rise("at=19:00,factor=3").unwrap_err()).contains("ramp is missing"));
        assert!(text(parse_event("start=now,factor=3,ramp=1s,hold=1s,fall=1s").unwrap_err()).contains("start: "));
        assert!(text(parse_points("5s 1\n5s 2").unwrap_err()).contains("ascend"));
        assert!(text(parse_points("5s -1").unwrap_err()).contains("0 or more"));
        assert!(text(parse_rise("at=19:00,factor=3,ramp=1s,hold=1s,fall=1s,x=1").unwrap_err()).contains("x is not"));
    }
}
