//! `presale forecast` on a trace: quantiles from any origin, with nothing at or after it seen, and what really came.

use jiff::{SignedDuration, Timestamp};
use presale_models::{
    EventWindow, Expert, ForecastError, Level, PredictRequest, Series, ServiceModel, ServiceModelConfig, Target,
};
use serde::Serialize;

use crate::trace::Trace;

/// Minutes of the recent past that a model gets beside its grid.
const MINUTES: usize = 2880;
/// Grid steps of history that a model gets.
const MOST: usize = 8064;

/// What to forecast.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// Seconds per forecast row.
    pub step: i64,
    /// Rows.
    pub rows: usize,
    /// Levels of the columns.
    pub levels: Vec<Level>,
    /// Mean or maximum.
    pub target: Target,
    /// IANA time zone.
    pub time_zone: String,
    /// Country of the holidays.
    pub country: Option<String>,
}

/// One origin's answer, as a JSON line.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    /// Start of the first row.
    pub origin: Timestamp,
    /// Seconds per row.
    pub step_seconds: i64,
    /// Levels of the columns.
    pub levels: Vec<f64>,
    /// One row per step, one value per level, in the trace's unit.
    pub rows: Vec<Vec<f64>>,
    /// What came, `null` where nothing was recorded.
    pub actual: Vec<Option<f64>>,
}

/// Trains on everything before `origin` and answers.
///
/// # Errors
/// [`ForecastError`] where the past does not suffice.
pub fn forecast(
    trace: &Trace,
    events: &[EventWindow],
    question: &Question,
    origin: Timestamp,
) -> Result<Line, ForecastError> {
    let model = train(trace, events, question, origin)?;
    let request = PredictRequest {
        origin,
        step: SignedDuration::from_secs(question.step),
        steps: question.rows,
        target: question.target,
    };
    let forecast = model.predict(&request)?;
    let value = |i: usize, level: &Level| forecast.value(i, *level).unwrap_or_default();
    let rows = (0..question.rows).map(|i| question.levels.iter().map(|l| value(i, l)).collect()).collect();
    let all = trace.on_grid(question.step, None);
    let actual = (0..question.rows).map(|i| all.at(forecast.time_of(i)).value()).collect();
    Ok(Line {
        origin,
        step_seconds: question.step,
        levels: question.levels.iter().map(|l| l.get()).collect(),
        rows,
        actual,
    })
}

/// The model that [`forecast`] asks.
///
/// # Errors
/// [`ForecastError`] where the past does not suffice.
pub fn train(
    trace: &Trace,
    events: &[EventWindow],
    question: &Question,
    origin: Timestamp,
) -> Result<ServiceModel, ForecastError> {
    train_without(None, trace, events, question, origin)
}

/// [`train`] with one expert left out, to measure what it is worth.
///
/// # Errors
/// [`ForecastError`] where the past does not suffice.
pub fn train_without(
    expert: Option<Expert>,
    trace: &Trace,
    events: &[EventWindow],
    question: &Question,
    origin: Timestamp,
) -> Result<ServiceModel, ForecastError> {
    let (lead_time, hold) = match question.target {
        Target::Maximum { lead_time, hold } => (lead_time, hold),
        Target::Point => (SignedDuration::from_mins(3), SignedDuration::from_mins(5)),
    };
    let config = ServiceModelConfig {
        time_zone: question.time_zone.clone(),
        country: question.country.clone(),
        lead_time,
        hold,
        seed: 1,
    };
    let history = tail(&trace.on_grid(question.step, Some(origin)), MOST);
    let recent = if trace.step <= 60 && question.step > 60 {
        tail(&trace.on_grid(60, Some(origin)), MINUTES)
    } else {
        tail(&history, 0)
    };
    let known: Vec<EventWindow> = events.iter().filter(|e| e.known_from <= origin).cloned().collect();
    ServiceModel::train_without(expert, &history, &recent, &known, &config)
}

/// Origins `stride` seconds apart, the newest as late as a whole horizon allows.
pub fn origins(trace: &Trace, question: &Question, count: usize, stride: i64) -> Vec<Timestamp> {
    let horizon = question.step * i64::try_from(question.rows).unwrap_or(0);
    let newest = (trace.end().as_second() - horizon).div_euclid(question.step) * question.step;
    let at = |i: usize| Timestamp::from_second(newest - stride * i64::try_from(i).unwrap_or(0)).ok();
    let mut origins: Vec<Timestamp> = (0..count).filter_map(at).filter(|t| *t > trace.start()).collect();
    origins.reverse();
    origins
}

fn tail(series: &Series, most: usize) -> Series {
    let skip = series.len().saturating_sub(most);
    let offset = series.step().saturating_mul(i32::try_from(skip).unwrap_or(i32::MAX));
    let start = series.start().saturating_add(offset).unwrap_or(Timestamp::MAX);
    Series::new(start, series.step(), series.samples()[skip..].to_vec()).unwrap_or_else(|_| series.clone())
}

/// A chart for the terminal: one line per group of rows, a bar to the median, a shade to the highest level.
pub fn chart(line: &Line, width: usize, height: usize) -> String {
    let middle = line.levels.iter().position(|l| *l >= 0.5).unwrap_or(0);
    let top = line.rows.iter().filter_map(|r| r.last()).copied().fold(1e-12, f64::max);
    let per = line.rows.len().div_ceil(height.max(1)).max(1);
    let cells = |v: f64| {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of the width")]
        let n = (v / top * width as f64).round().clamp(0.0, width as f64) as usize;
        n
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 6")]
    let decimals = (3.0 - top.log10().floor()).clamp(0.0, 6.0) as usize;
    let mut out = String::new();
    for (i, group) in line.rows.chunks(per).enumerate() {
        let mean = |column: usize| group.iter().filter_map(|r| r.get(column)).sum::<f64>() / group.len() as f64;
        let (median, high) = (mean(middle), mean(line.levels.len().saturating_sub(1)));
        let seconds = line.step_seconds * i64::try_from(i * per).unwrap_or(0);
        let at = Timestamp::from_second(line.origin.as_second() + seconds).unwrap_or(line.origin);
        let (a, b) = (cells(median), cells(high));
        let (bar, shade) = ("█".repeat(a), "░".repeat(b.saturating_sub(a)));
        let time = at.strftime("%m-%d %H:%M");
        out.extend([format!("{time}  {bar}{shade}  {median:.decimals$} … {high:.decimals$}\n")]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(change_after: Option<i64>) -> Trace {
        let seconds: Vec<i64> = (0..4 * 288).map(|i| 1_700_006_400 + 300 * i).collect();
        let value = |(i, second): (usize, &i64)| {
            let wave = 50.0 + 20.0 * (i as f64 / 288.0 * std::f64::consts::TAU).sin();
            if change_after.is_some_and(|c| *second >= c) { wave * 7.0 + 1.0 } else { wave }
        };
        let values = seconds.iter().enumerate().map(value).collect();
        Trace { name: "wave".into(), seconds, values, step: 300 }
    }

    #[test]
    fn nothing_at_or_after_the_origin_changes_the_forecast() {
        let question = Question {
            step: 300,
            rows: 36,
            levels: presale_models::LEVELS.to_vec(),
            target: Target::Point,
            time_zone: "UTC".into(),
            country: None,
        };
        let origin = Timestamp::from_second(1_700_006_400 + 300 * 900).unwrap();
        let honest = forecast(&trace(None), &[], &question, origin).unwrap();
        let tampered = forecast(&trace(Some(origin.as_second())), &[], &question, origin).unwrap();
        assert_eq!(honest.rows, tampered.rows);
        assert_ne!(honest.actual, tampered.actual);
        assert!(chart(&honest, 40, 12).lines().count() == 12);
    }
}
