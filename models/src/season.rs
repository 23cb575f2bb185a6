//! Seasons by data, not by assumption: which cycles the past shows, and the causal profile that follows from them.

use crate::calendar::Calendar;
use crate::detail::{Detail, Seen};
use crate::grid::Grid;

const DAY: i64 = 86_400;
/// Cycles of the short season that enter its mean, and of the long one.
const SHORT_CYCLES: usize = 7;
const LONG_CYCLES: usize = 4;

/// The cycles of a series, in steps; 0 = there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Season {
    /// A day, or a week on a daily grid.
    pub(crate) short: usize,
    /// A week, or 52 weeks on a daily grid.
    pub(crate) long: usize,
    /// Half width of the smoothing of a look back.
    pub(crate) smooth: usize,
    /// Whether the look backs are whole days, so that local time matters.
    pub(crate) local: bool,
}

/// What the past says about one step, from whole cycles before it; NaN where there is none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Profile {
    /// Best blend of the four below.
    pub(crate) blend: f64,
    /// Mean over the short cycles.
    pub(crate) short: f64,
    /// Mean over the long cycles.
    pub(crate) long: f64,
    /// Last short cycle.
    pub(crate) last_short: f64,
    /// Last long cycle.
    pub(crate) last_long: f64,
    /// Shape of the last short cycles around their own mean level.
    pub(crate) shape: f64,
    /// How far the load usually lies from its profile at this time of the cycle, over how far it lies on the whole.
    pub(crate) spread: f64,
    /// What recurs here too sharply for the smooth values above, to be added to whatever is forecast from them.
    pub(crate) lift: f64,
    /// The load itself one long cycle before, else one short cycle: the seasonal naive that forecasts are measured against.
    pub(crate) before: f64,
}

impl Profile {
    /// Nothing is known.
    pub(crate) const NONE: Self = Self {
        blend: f64::NAN,
        short: f64::NAN,
        long: f64::NAN,
        last_short: f64::NAN,
        last_long: f64::NAN,
        shape: f64::NAN,
        spread: f64::NAN,
        lift: 0.0,
        before: f64::NAN,
    };

    /// The usual load here.
    pub(crate) fn usual(&self) -> f64 {
        self.blend + self.lift
    }
}

impl Season {
    /// The cycles that fit into a grid: candidates by its step, kept if two of them were seen.
    pub(crate) fn of(step: i64, observed: usize) -> Self {
        let steps = |seconds: i64| usize::try_from(seconds / step).unwrap_or(0);
        let (short, long) =
            if step * 4 <= DAY { (steps(DAY), steps(7 * DAY)) } else { (steps(7 * DAY), steps(364 * DAY)) };
        let fits = |lag: usize, cycles: usize| if lag >= 4 && observed >= cycles * lag { lag } else { 0 };
        let short = fits(short, 2);
        Self { short, long: fits(long, 1), smooth: (short / 96).max(usize::from(short >= 48)), local: step * 4 <= DAY }
    }

    /// First number of short cycles to look back such that nothing of the last `reach` steps is touched.
    pub(crate) fn first_cycle(&self, reach: usize) -> usize {
        if self.short == 0 { 1 } else { (reach + self.smooth).div_ceil(self.short).max(1) }
    }
}

/// Smoothed past without the steps that are no guide to the future (outliers, labelled events).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Guide {
    season: Season,
    step: i64,
    smoothed: Vec<f64>,
    detail: Detail,
    level: Vec<f64>,
    distance: Vec<f64>,
    mean_distance: f64,
    /// Weight of the long mean in the blend, 0..=1.
    pub(crate) long_share: f64,
}

impl Guide {
    /// Smooths the usable past; `usable[i] = false` keeps a step out of it.
    pub(crate) fn new(grid: &Grid, season: Season, usable: &[bool]) -> Self {
        let value = |i: usize| if usable.get(i).copied().unwrap_or(true) { grid.z[i] } else { f64::NAN };
        let raw: Vec<f64> = (0..grid.len()).map(value).collect();
        let smoothed = moving_mean(&raw, season.smooth, season.smooth);
        let level = moving_mean(&raw, season.short.saturating_sub(1), 0);
        let detail = Detail::new(&raw, &smoothed, season.short);
        let (distance, mean_distance, long_share) = (Vec::new(), 1.0, 0.5);
        Self { season, step: grid.step, smoothed, detail, level, distance, mean_distance, long_share }
    }

    /// Trailing mean level of a short cycle, per step.
    pub(crate) fn levels(&self) -> &[f64] {
        &self.level
    }

    /// Chooses how much the long cycles count, by least squares against what came.
    pub(crate) fn choose_blend(&mut self, grid: &Grid, calendar: &Calendar) {
        let (mut cross, mut square) = (0.0, 0.0);
        for i in (self.season.long + self.season.short..grid.len()).step_by(3) {
            let p = self.profile(i, 1, calendar);
            let (gap, miss) = (p.long - p.short, grid.z[i] - p.short);
            if gap.is_finite() && miss.is_finite() {
                cross += gap * miss;
                square += gap * gap;
            }
        }
        if self.season.long > 0 && square > 0.0 {
            self.long_share = (cross / square).clamp(0.0, 1.0);
        }
    }

    /// Learns how far the load lies from its profile over the cycle.
    pub(crate) fn learn_spread(&mut self, grid: &Grid, here: &[Profile]) {
        let distances: Vec<f64> = grid.z.iter().zip(here).map(|(z, p)| (z - p.usual()).abs()).collect();
        let half = (self.season.short / 48).max(1);
        self.distance = moving_mean(&distances, half, half);
        let mut mean = Mean::default();
        distances.iter().filter(|d| d.is_finite()).for_each(|d| mean.add(*d, 1.0));
        self.mean_distance = mean.get().max(1e-9);
    }

    /// Profile of a step, from `first` short cycles before it on.
    pub(crate) fn profile(&self, target: usize, first: usize, calendar: &Calendar) -> Profile {
        if self.season.short == 0 {
            return Profile::NONE;
        }
        let (mut short, mut shape, mut spread) = (Mean::default(), Mean::default(), Mean::default());
        let mut seen = Seen::default();
        let (mut last_short, mut before) = (f64::NAN, f64::NAN);
        for cycle in first..first + SHORT_CYCLES {
            let Some(at) = self.source(target, cycle * self.season.short, calendar) else { break };
            let z = self.smoothed[at];
            if z.is_finite() && (!self.season.local || calendar.is_off(at) == calendar.is_off(target)) {
                if !last_short.is_finite() {
                    (last_short, before) = (z, self.raw(at));
                }
                short.add(z, 1.0);
                seen.add(self.detail.at(at));
                if self.level[at].is_finite() {
                    shape.add(z - self.level[at], 1.0);
                }
                if self.distance.get(at).is_some_and(|d| d.is_finite()) {
                    spread.add(self.distance[at], 1.0);
                }
            }
        }
        let detail = self.detail.sure(&seen, 0.0);
        let (long, last, seen) = self.long_cycles(target, first * self.season.short, calendar);
        let detail = self.detail.sure(&seen, detail);
        let (last_long, before) = last.map_or((f64::NAN, before), |at| (self.smoothed[at], self.raw(at)));
        let (short, long) = (short.get(), if long.is_finite() { long } else { short.get() });
        let short = if short.is_finite() { short } else { long };
        Profile {
            blend: short + self.long_share * (long - short),
            short,
            long,
            last_short: if last_short.is_finite() { last_short } else { short },
            last_long: if last_long.is_finite() { last_long } else { long },
            shape: shape.get(),
            spread: ((spread.get() + 0.1 * self.mean_distance) / (1.1 * self.mean_distance)).clamp(0.1, 5.0),
            lift: detail,
            before,
        }
    }

    /// A usable step of the past as it was.
    fn raw(&self, at: usize) -> f64 {
        self.smoothed[at] + self.detail.at(at)
    }

    /// Mean over the long cycles, the step of the last one, and what was seen in them.
    fn long_cycles(&self, target: usize, nearest: usize, calendar: &Calendar) -> (f64, Option<usize>, Seen) {
        let (mut mean, mut last, mut seen) = (Mean::default(), None, Seen::default());
        if self.season.long == 0 {
            return (f64::NAN, None, seen);
        }
        let sunday = if self.season.local && calendar.is_off(target) {
            calendar.days_since_sunday(target) * self.season.short
        } else {
            0
        };
        for cycle in 0..LONG_CYCLES + 5 {
            let lag = if sunday > 0 { sunday + cycle * self.season.long } else { (cycle + 1) * self.season.long };
            if lag < nearest {
                continue;
            }
            let Some(at) = self.source(target, lag, calendar) else { break };
            let z = self.smoothed[at];
            let alike = !self.season.local || calendar.is_off(target) || !calendar.is_off(at);
            if z.is_finite() && alike {
                last = last.or(Some(at));
                mean.add(z, 1.0);
                seen.add(self.detail.at(at));
            }
            if mean.count() >= LONG_CYCLES {
                break;
            }
        }
        (mean.get(), last, seen)
    }

    fn source(&self, target: usize, lag: usize, calendar: &Calendar) -> Option<usize> {
        let at = target.checked_sub(lag)?;
        let shift = if self.season.local { calendar.correction(target, at, self.step) } else { 0 };
        let at = usize::try_from(i64::try_from(at).ok()? + shift).ok()?;
        (at < self.smoothed.len()).then_some(at)
    }
}

#[derive(Default)]
struct Mean {
    sum: f64,
    weight: f64,
    n: usize,
}

impl Mean {
    fn add(&mut self, value: f64, weight: f64) {
        self.sum += value * weight;
        self.weight += weight;
        self.n += 1;
    }
    fn get(&self) -> f64 {
        if self.weight > 0.0 { self.sum / self.weight } else { f64::NAN }
    }
    fn count(&self) -> usize {
        self.n
    }
}

/// Mean over `back` steps before to `ahead` steps after each step, NaN skipped.
fn moving_mean(values: &[f64], back: usize, ahead: usize) -> Vec<f64> {
    let mut sums = Vec::with_capacity(values.len() + 1);
    sums.push((0.0, 0_u32));
    let (mut sum, mut n) = (0.0, 0);
    for v in values {
        if v.is_finite() {
            sum += v;
            n += 1;
        }
        sums.push((sum, n));
    }
    (0..values.len())
        .map(|i| {
            let (from, to) = (sums[i.saturating_sub(back)], sums[(i + ahead + 1).min(values.len())]);
            if to.1 > from.1 { (to.0 - from.0) / f64::from(to.1 - from.1) } else { f64::NAN }
        })
        .collect()
}
