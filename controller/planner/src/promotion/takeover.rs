//! The uplift that a running promotion is planned with: the belief narrows as live load shows what really comes.

use jiff::{SignedDuration, Timestamp};
use presale_models::{Level, Sample, Series, Uplift, uplift::Curve};

use super::{baseline::Baseline, schedule::Occurrence};

/// Time in which live load takes over.
const TAPER: SignedDuration = SignedDuration::from_mins(12);
/// Live load this far above the plan counts at once.
const SURPRISE: f64 = 1.3;
/// Margin above the live uplift once it has taken over.
const MARGIN: f64 = 1.1;
/// Live load below this share of the plan is a no-show.
const NO_SHOW: f64 = 0.5;
/// How long it must be one.
const NO_SHOW_FOR: SignedDuration = SignedDuration::from_mins(20);
/// Share of the excess that is kept per [`NO_SHOW_STEP`].
const NO_SHOW_KEEP: f64 = 0.75;
/// See [`NO_SHOW_KEEP`].
const NO_SHOW_STEP: SignedDuration = SignedDuration::from_mins(10);
/// Live minutes that are looked at.
const LOOK_BACK: SignedDuration = SignedDuration::from_mins(3);

/// One running occurrence of one service.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Running<'a> {
    /// When.
    pub(crate) occurrence: Occurrence,
    /// Its shape.
    pub(crate) curve: Curve,
    /// Normal load.
    pub(crate) baseline: Baseline<'a>,
    /// Live load by the minute; `None` or gaps = unknown, and the plan stands.
    pub(crate) live: Option<&'a Series>,
}

/// The ratio to plan with at `now`: the level's quantile before the start and while nothing live is known.
pub(crate) fn ratio(uplift: &Uplift, level: Level, running: &Running<'_>, now: Timestamp) -> f64 {
    let planned = uplift.quantile(level.get());
    let elapsed = now.duration_since(running.occurrence.start);
    let (Some(seen), false) = (running.seen(now), elapsed.is_negative()) else { return planned };
    let length = running.occurrence.end.duration_since(running.occurrence.start);
    let taper = TAPER.min(length / 4).as_secs_f64().max(1.0);
    let weight = (elapsed.as_secs_f64() / taper).min(1.0);
    let middle = uplift.narrowed(0.5, 1.0);
    let narrowed = uplift.narrowed(level.get(), 1.0 - weight);
    // Down to half of the expected excess the live ratio leads; what is left is let go slowly, as a no-show.
    let least = 1.0 + (middle - 1.0) * NO_SHOW;
    let led = (narrowed.ln() * (1.0 - weight) + (seen * MARGIN).max(least).ln() * weight).exp();
    let kept = running.no_show(middle, now).map_or(led, |keep| 1.0 + (led - 1.0) * keep);
    if seen > SURPRISE * middle { kept.max(seen) } else { kept }
}

impl Running<'_> {
    /// Plateau uplift that the live load of the last minutes implies (middle value); `None` where it is unknown.
    fn seen(&self, now: Timestamp) -> Option<f64> {
        let live = self.live?;
        let minutes = i32::try_from(LOOK_BACK.as_secs() / live.step().as_secs().max(1)).unwrap_or(1).clamp(1, 60);
        let from = self.occurrence.start;
        let mut seen: Vec<f64> = (0..=minutes)
            .filter_map(|i| now.saturating_sub(live.step().saturating_mul(i)).ok())
            .filter(|t| *t >= from)
            .filter_map(|t| self.implied(t, live.at(t)))
            .collect();
        seen.sort_by(f64::total_cmp);
        seen.get(seen.len() / 2).copied()
    }

    /// Plateau uplift that a sample at `t` implies: the curve's share is taken out.
    pub(crate) fn implied(&self, t: Timestamp, sample: Sample) -> Option<f64> {
        let load = sample.at_least().filter(|v| v.is_finite())?;
        let normal = self.baseline.at(t, self.occurrence.start).filter(|b| *b > 1e-9)?;
        let share = self.curve.share(t, self.occurrence.start, self.occurrence.end);
        (share > 0.3).then(|| (1.0 + (load / normal - 1.0) / share).max(0.05))
    }

    /// Share of the excess to keep if the live load has been below half of the plan for long; `None` if it has not.
    fn no_show(&self, middle: f64, now: Timestamp) -> Option<f64> {
        let live = self.live?;
        let length = self.occurrence.end.duration_since(self.occurrence.start);
        let patience = NO_SHOW_FOR.min(length / 4);
        let mut low = SignedDuration::ZERO;
        // The minute of now is often not complete yet.
        let newest = live.at(now).value().map_or(now.saturating_sub(live.step()), |_| Ok(now));
        let Ok(mut t) = newest else { return None };
        // Back from now until the load was there, or nothing is known, or the start.
        for _ in 0..10_000 {
            let Some(load) = live.at(t).value() else { break };
            let share = self.curve.share(t, self.occurrence.start, self.occurrence.end);
            let Some(normal) = self.baseline.at(t, self.occurrence.start) else { break };
            if t < self.occurrence.start || load >= NO_SHOW * normal * (1.0 + (middle - 1.0) * share) {
                break;
            }
            low += live.step();
            let Ok(earlier) = t.saturating_sub(live.step()) else { break };
            t = earlier;
        }
        if low < patience || patience <= SignedDuration::ZERO {
            return None;
        }
        let step = NO_SHOW_STEP.min(length / 8).as_secs_f64().max(1.0);
        let steps = 1.0 + ((low - patience).as_secs_f64() / step).floor();
        Some(NO_SHOW_KEEP.powf(steps))
    }
}
