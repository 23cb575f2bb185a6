//! One horizon: fits the experts on the past, replays that past from rolling origins to learn residual quantiles, weights and
//! offsets without looking ahead, and answers with quantiles in log space.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::calibration::Conformal;
use crate::ensemble::{Mixer, Q, mix};
use crate::expert::analog::{self, Bank};
use crate::expert::regression::{self, FEATURES, Rows};
use crate::expert::{self, Ask, EXPERTS, Expert, MEMBERS, profile};
use crate::season::Profile;
use crate::sorted::{Sorted, ascending};
use crate::state::State;

/// Most origins that are replayed.
const ORIGINS: usize = 600;
/// Shares of the replay at which the regressions are fitted anew.
const REFITS: [f64; 3] = [0.2, 0.4, 0.7];
/// Most rows of one fit.
const FIT_ROWS: usize = 500;
/// Weight below which a member is left out of the fitted head.
const NEGLIGIBLE: f64 = 0.015;
/// Weight of the regression's prior, in rows.
const PRIOR: f64 = 12.0;
/// Outcomes needed before an expert's residuals speak.
const WARM: usize = 20;
/// How far beyond the highest known value a quantile may reach, in log space.
const BEYOND: f64 = 0.7;
const NOWCAST: usize = 3;
/// What the nowcast believes before it has seen anything: the present distance lasts.
const NOWCAST_PRIOR: [f64; NOWCAST] = [0.8, 0.8, 0.6];

/// The past as the heads see it; every slice is indexed by step, `states` and `levels` by origin.
pub(crate) struct Lesson<'a> {
    pub(crate) z: &'a [f64],
    pub(crate) states: &'a [State],
    /// Profiles one step ahead, for the present.
    pub(crate) here: &'a [Profile],
    /// Profiles that are known at this head's reach; reaches beyond the past.
    pub(crate) there: &'a [Profile],
    /// Mean level of the cycle before each origin.
    pub(crate) levels: &'a [f64],
    /// First origin to learn from.
    pub(crate) first: usize,
    /// Steps that are no outcome to learn from.
    pub(crate) usable: &'a [bool],
    /// An expert that gets no weight, to measure what it is worth.
    pub(crate) without: Option<Expert>,
}

/// A fitted horizon.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Head {
    /// Steps from the origin to the target, 1 = the next step.
    pub(crate) horizon: usize,
    /// Steps whose maximum is the target.
    pub(crate) window: usize,
    nowcast: Vec<f32>,
    regression: Vec<f32>,
    members: Vec<Member>,
    /// Offsets for normal times.
    pub(crate) conformal: Conformal,
    bank: Option<(Bank, [f32; Q])>,
    highest: f32,
    /// Residual quantiles of the seasonal naive, the yardstick of the scores.
    naive: [f32; Q],
}

/// A member of the ensemble that has earned a weight.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Member {
    index: u8,
    residuals: [f32; Q],
    weights: [f32; Q],
}

/// One replayed forecast: what came, what was forecast, what the seasonal naive would have said (all in log space).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trial {
    /// Step of the outcome.
    pub(crate) at: usize,
    pub(crate) actual: f64,
    pub(crate) row: [f64; Q],
    pub(crate) naive: [f64; Q],
}

struct Waiting {
    due: usize,
    target: usize,
    actual: f64,
    ask: Ask,
    points: [f64; EXPERTS],
    said: Option<Said>,
}

/// What was forecast: by each member, mixed, finally, and by the seasonal naive.
struct Said {
    rows: Vec<[f64; Q]>,
    mixed: [f64; Q],
    last: [f64; Q],
    naive: [f64; Q],
}

impl Lesson<'_> {
    /// The question that was open at origin `t`.
    pub(crate) fn ask(&self, t: usize, horizon: usize, window: usize) -> Ask {
        let target = t + horizon - 1;
        let span = self.there.get(target..(target + window).min(self.there.len())).unwrap_or_default();
        let highest = span.iter().copied().fold(None, |best: Option<Profile>, p| match best {
            Some(b) if b.usual() >= p.usual() || p.blend.is_nan() => Some(b),
            _ => Some(p),
        });
        let here = t.checked_sub(1).and_then(|i| self.here.get(i)).copied().unwrap_or(Profile::NONE);
        let level = self.levels.get(t).copied().unwrap_or(f64::NAN);
        Ask::new(self.states[t.min(self.states.len() - 1)], here, highest.unwrap_or(Profile::NONE), level)
    }

    fn outcome(&self, t: usize, horizon: usize, window: usize) -> Option<f64> {
        let target = t + horizon - 1;
        let span = self.z.get(target..target + window)?;
        span.iter().all(|z| z.is_finite()).then(|| span.iter().copied().fold(f64::NEG_INFINITY, f64::max))
    }
}

impl Head {
    /// Fits one horizon; the trials are the replay's forecasts, in time order.
    pub(crate) fn fit(lesson: &Lesson<'_>, horizon: usize, window: usize) -> (Self, Vec<Trial>) {
        let end = (lesson.z.len() + 1).saturating_sub(horizon + window - 1);
        let span = end.saturating_sub(lesson.first);
        let stride = span.div_ceil(ORIGINS).max(1);
        // Counted from the end, so that the newest outcome is always in.
        let mut origins: Vec<usize> = (0..=span / stride).filter_map(|i| end.checked_sub(1 + i * stride)).collect();
        origins.retain(|t| *t >= lesson.first);
        origins.reverse();
        let asked: Vec<(usize, Ask, f64)> = origins
            .iter()
            .filter_map(|t| Some((*t, lesson.ask(*t, horizon, window), lesson.outcome(*t, horizon, window)?)))
            .collect();
        let mut replay = Replay::new(lesson, horizon, window, stride);
        replay.run(&asked);
        replay.finish(&asked)
    }

    /// Quantiles in log space before the conformal offsets.
    pub(crate) fn row(&self, ask: &Ask) -> [f64; Q] {
        let wide = |v: &[f32]| v.iter().map(|c| f64::from(*c)).collect::<Vec<f64>>();
        let points = expert::points(ask, &wide(&self.nowcast), &wide(&self.regression));
        let highest = f64::from(self.highest);
        let (mut row, mut weight) = ([0.0; Q], [0.0; Q]);
        for member in &self.members {
            let Some((expert, width)) = MEMBERS.get(usize::from(member.index)) else { continue };
            let (x, width) = (points[*expert], expert::width(ask, *width));
            for j in 0..Q {
                let w = f64::from(member.weights[j]);
                row[j] += w * (x + width * f64::from(member.residuals[j])).clamp(0.0, highest);
                weight[j] += w;
            }
        }
        if let Some((bank, weights)) = &self.bank
            && let Some(quantiles) = bank.quantiles(ask)
        {
            for j in 0..Q {
                row[j] += f64::from(weights[j]) * (quantiles[j] + ask.there.lift);
                weight[j] += f64::from(weights[j]);
            }
        }
        ascending(std::array::from_fn(|j| row[j] / weight[j].max(1e-9)))
    }

    /// What the seasonal naive would say: last week, else last day, with its own residual quantiles.
    pub(crate) fn naive(&self, ask: &Ask) -> [f64; Q] {
        std::array::from_fn(|j| (ask.there.before + f64::from(self.naive[j])).clamp(0.0, f64::from(self.highest)))
    }

    /// Highest value that a quantile may take.
    pub(crate) fn highest(&self) -> f64 {
        f64::from(self.highest)
    }

    /// Largest weight of the likeness expert at any level; 0 without one.
    pub(crate) fn likeness(&self) -> f32 {
        self.bank.as_ref().map_or(0.0, |(_, weights)| weights.iter().copied().fold(0.0, f32::max))
    }

    /// Forgets the likeness expert, to keep the model small.
    pub(crate) fn drop_likeness(&mut self) {
        self.bank = None;
    }
}

struct Replay<'a> {
    lesson: &'a Lesson<'a>,
    horizon: usize,
    window: usize,
    nowcast: Vec<f64>,
    regression: Option<Vec<f64>>,
    residuals: Vec<Sorted>,
    naive: Sorted,
    mixer: Mixer,
    weights: Vec<[f64; Q]>,
    conformal: Conformal,
    waiting: VecDeque<Waiting>,
    trials: Vec<Trial>,
    mean_level: f64,
    highest: f64,
    bank: Bank,
    outcomes: usize,
}

impl<'a> Replay<'a> {
    fn new(lesson: &'a Lesson<'a>, horizon: usize, window: usize, stride: usize) -> Self {
        let known = lesson.z.iter().filter(|z| z.is_finite());
        let (sum, n) = known.fold((0.0, 0.0), |(s, n), z| (s + libm::exp(z.min(60.0)), n + 1.0));
        Self {
            lesson,
            horizon,
            window,
            nowcast: NOWCAST_PRIOR.to_vec(),
            regression: None,
            residuals: vec![Sorted::default(); MEMBERS.len()],
            naive: Sorted::default(),
            mixer: Mixer::new(MEMBERS.len() + 1),
            weights: Mixer::new(MEMBERS.len() + 1).weights_without(lesson.without),
            conformal: Conformal::new((horizon + window).div_ceil(stride) as f64),
            waiting: VecDeque::new(),
            trials: Vec::new(),
            mean_level: if n > 0.0 { sum / n } else { 1.0 },
            highest: lesson.z.iter().copied().fold(0.0, f64::max) + BEYOND,
            bank: Bank::default(),
            outcomes: 0,
        }
    }

    fn run(&mut self, asked: &[(usize, Ask, f64)]) {
        let mut refits = REFITS.iter().map(|share| {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index below the length")]
            let at = (share * asked.len() as f64) as usize;
            at
        });
        let mut next_refit = refits.next();
        for (i, (t, ask, actual)) in asked.iter().enumerate() {
            if next_refit == Some(i) {
                next_refit = refits.next();
                let known = asked.iter().take_while(|(s, ..)| s + self.horizon + self.window - 1 <= *t).count();
                self.refit(&asked[..known]);
            }
            self.mature(*t);
            self.forecast(*t, ask, *actual);
        }
    }

    fn refit(&mut self, known: &[(usize, Ask, f64)]) {
        if known.len() < 2 * FEATURES {
            return;
        }
        let mut wide = Rows::default();
        let mut narrow = Rows::default();
        let errors: Vec<f64> = known
            .iter()
            .map(|(_, ask, y)| {
                (y - ask.there.lift - regression::point(ask, &self.nowcast, &profile::nowcast_features(ask))).abs()
            })
            .collect();
        let typical = errors.iter().sum::<f64>() / errors.len() as f64 + 1e-9;
        let every = known.len().div_ceil(FIT_ROWS);
        for ((t, ask, y), error) in known.iter().zip(&errors).rev().step_by(every) {
            let usable = self.lesson.usable.get(t + self.horizon - 1).copied().unwrap_or(true);
            let weight = if usable { (4.0 * typical / error.max(1e-9)).min(1.0) } else { 0.0 };
            wide.x.extend(regression::features(ask));
            narrow.x.extend(profile::nowcast_features(ask));
            for rows in [&mut wide, &mut narrow] {
                rows.y.push(y - ask.there.usual());
                rows.w.push(weight);
            }
        }
        // A fit that breaks its guard leaves the old coefficients: the ensemble goes on with what it had.
        if let Ok(fitted) = regression::fit(&narrow, NOWCAST, &NOWCAST_PRIOR, PRIOR) {
            self.nowcast = fitted;
        }
        let mut prior = [0.0; FEATURES];
        prior[6..9].copy_from_slice(&self.nowcast);
        if let Ok(fitted) = regression::fit(&wide, FEATURES, &prior, PRIOR) {
            self.regression = Some(fitted);
        }
    }

    fn points(&self, ask: &Ask) -> [f64; EXPERTS] {
        if let Some(coefficients) = &self.regression {
            return expert::points(ask, &self.nowcast, coefficients);
        }
        let mut points = expert::points(ask, &self.nowcast, &[]);
        points[EXPERTS - 1] = points[5];
        points
    }

    fn forecast(&mut self, t: usize, ask: &Ask, actual: f64) {
        let points = self.points(ask);
        let said = (self.residuals[0].len() >= WARM).then(|| {
            let mut rows: Vec<[f64; Q]> = MEMBERS
                .iter()
                .zip(&self.residuals)
                .map(|((expert, width), r)| {
                    let (x, width) = (points[*expert], expert::width(ask, *width));
                    r.quantiles().map(|q| (x + width * q).clamp(0.0, self.highest))
                })
                .collect();
            let alike = self.bank.quantiles(ask).map(|quantiles| quantiles.map(|z| z + ask.there.lift));
            rows.push(alike.unwrap_or(rows[0]));
            let mixed = mix(&rows, &self.weights);
            let mut last = mixed;
            self.conformal.apply(&mut last);
            let naive = self.naive.quantiles().map(|q| (ask.there.before + q).clamp(0.0, self.highest));
            Said { rows, mixed, last: ascending(last), naive }
        });
        let target = t + self.horizon - 1;
        self.waiting.push_back(Waiting { due: target + self.window, target, actual, ask: *ask, points, said });
    }

    /// Learns from every outcome that is known at origin `t`.
    fn mature(&mut self, t: usize) {
        let before = self.outcomes;
        while self.waiting.front().is_some_and(|w| w.due <= t) {
            let Some(done) = self.waiting.pop_front() else { break };
            if let Some(Said { rows, mixed, last, naive }) = &done.said {
                self.trials.push(Trial { at: done.target, actual: done.actual, row: *last, naive: *naive });
                if self.lesson.usable.get(done.target).copied().unwrap_or(true) {
                    let slope = (libm::exp(mixed[5].min(60.0)) / self.mean_level).clamp(0.1, 10.0);
                    self.mixer.learn(done.actual, rows, mixed, slope);
                    self.conformal.learn(done.actual, last);
                }
            }
            for (sorted, (expert, width)) in self.residuals.iter_mut().zip(MEMBERS) {
                sorted.insert((done.actual - done.points[expert]) / expert::width(&done.ask, width));
            }
            self.naive.insert(done.actual - done.ask.there.before);
            self.outcomes += 1;
            if self.outcomes.is_multiple_of(ORIGINS / analog::MOST) {
                self.bank.add(&done.ask, done.actual - done.ask.there.lift);
            }
        }
        if self.outcomes > before {
            self.weights = self.mixer.weights_without(self.lesson.without);
        }
    }

    fn finish(mut self, asked: &[(usize, Ask, f64)]) -> (Head, Vec<Trial>) {
        self.mature(usize::MAX);
        self.refit(asked);
        let fallback = self.fallback();
        let narrow = |values: [f64; Q]| {
            #[expect(clippy::cast_possible_truncation, reason = "seven digits are more than a residual has")]
            let stored = values.map(|v| v as f32);
            stored
        };
        let weights = self.mixer.weights_without(self.lesson.without);
        let heavy = |w: &[f64; Q]| w.iter().any(|w| *w >= NEGLIGIBLE);
        let members = self
            .residuals
            .iter()
            .zip(&weights)
            .enumerate()
            .filter(|(_, (_, w))| heavy(w))
            .map(|(index, (r, w))| Member {
                index: u8::try_from(index).unwrap_or(0),
                residuals: narrow(if r.len() < WARM / 2 { fallback } else { r.quantiles() }),
                weights: narrow(*w),
            })
            .collect();
        let bank = weights.last().filter(|w| heavy(w)).map(|w| (self.bank.thinned(), narrow(*w)));
        let head = Head {
            horizon: self.horizon,
            window: self.window,
            nowcast: single(&self.nowcast),
            regression: single(self.regression.as_deref().unwrap_or(&[])),
            members,
            conformal: self.conformal,
            bank,
            naive: narrow(self.naive.quantiles()),
            highest: single(&[self.highest])[0],
        };
        (head, self.trials)
    }

    /// Residual quantiles of a random walk, where nothing was replayed.
    fn fallback(&self) -> [f64; Q] {
        let state = self.lesson.states[self.lesson.states.len() - 1];
        let deviation = 1.25 * state.usual_volatility * (self.horizon as f64).sqrt();
        crate::sorted::NORMAL.map(|z| z * deviation)
    }
}

fn single(values: &[f64]) -> Vec<f32> {
    #[expect(clippy::cast_possible_truncation, reason = "seven digits are more than a coefficient has")]
    let stored = values.iter().map(|v| *v as f32).collect();
    stored
}
