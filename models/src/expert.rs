//! The experts: each answers one question (origin, horizon) with one point in log space; the head turns points into quantiles.

pub(crate) mod analog;
pub(crate) mod level;
pub(crate) mod profile;
pub(crate) mod regression;
pub(crate) mod seasonal_naive;
pub(crate) mod shape;

use crate::season::Profile;
use crate::state::State;

/// One forecasting expert. Leaving one out is how its worth is measured; nothing else names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expert {
    /// The level of the last steps.
    LevelFast,
    /// The level of the last day.
    LevelSlow,
    /// The value one short cycle (a day) before.
    NaiveShort,
    /// The value one long cycle (a week) before.
    NaiveLong,
    /// The usual load at that time.
    Profile,
    /// The profile, moved by the present distance from it.
    Nowcast,
    /// The level of the last cycle times the shape of the cycle.
    Shape,
    /// The linear regression on all of it.
    Regression,
    /// What followed on the past's most similar moments.
    Likeness,
}

impl Expert {
    /// All of them.
    pub const ALL: [Self; EXPERTS + 1] = [
        Self::LevelFast,
        Self::LevelSlow,
        Self::NaiveShort,
        Self::NaiveLong,
        Self::Profile,
        Self::Nowcast,
        Self::Shape,
        Self::Regression,
        Self::Likeness,
    ];

    /// Whether a row of the ensemble is this expert's: the members first, the likeness last.
    pub(crate) fn owns(self, row: usize) -> bool {
        MEMBERS.get(row).map_or(self == Self::Likeness, |(expert, _)| Self::ALL[*expert] == self)
    }
}

/// Number of experts.
pub(crate) const EXPERTS: usize = 8;
/// Index of the seasonal naive experts in [`points`].
pub(crate) const NAIVE_SHORT: usize = 2;
/// Weekly (or yearly) seasonal naive.
pub(crate) const NAIVE_LONG: usize = 3;

/// One question: everything that is known at the origin about one target.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask {
    /// The present.
    pub(crate) state: State,
    /// Profile of the last known step.
    pub(crate) here: Profile,
    /// Profile of the target (of its highest step, if the target is a maximum).
    pub(crate) there: Profile,
    /// Mean level of the last short cycle.
    pub(crate) cycle_level: f64,
}

impl Ask {
    /// Fills what is not known with the slow level, so that every expert has an answer.
    pub(crate) fn new(state: State, here: Profile, there: Profile, cycle_level: f64) -> Self {
        let slow = state.level[state.level.len() - 1];
        let filled = |p: Profile| {
            let or = |x: f64| if x.is_finite() { x } else { slow };
            Profile {
                blend: or(p.blend),
                short: or(p.short),
                long: or(p.long),
                last_short: or(p.last_short),
                last_long: or(p.last_long),
                shape: if p.shape.is_finite() { p.shape } else { 0.0 },
                spread: if p.spread.is_finite() { p.spread } else { 1.0 },
                lift: p.lift,
                before: or(p.before),
            }
        };
        let cycle_level = if cycle_level.is_finite() { cycle_level } else { slow };
        Self { state, here: filled(here), there: filled(there), cycle_level }
    }
}

/// How wide an expert's residuals are taken to be at a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Width {
    /// Always the same.
    Even,
    /// By recent over usual volatility.
    Recent,
    /// By the time of the cycle.
    Cyclic,
}

/// Members of the ensemble: an expert with a width.
pub(crate) const MEMBERS: [(usize, Width); 16] = [
    (0, Width::Even),
    (0, Width::Recent),
    (1, Width::Even),
    (NAIVE_SHORT, Width::Even),
    (NAIVE_LONG, Width::Even),
    (4, Width::Even),
    (4, Width::Cyclic),
    (5, Width::Even),
    (5, Width::Recent),
    (5, Width::Cyclic),
    (6, Width::Even),
    (6, Width::Cyclic),
    (7, Width::Even),
    (7, Width::Recent),
    (7, Width::Cyclic),
    (2, Width::Cyclic),
];

/// The width of a member at a question, 1 on the whole.
pub(crate) fn width(ask: &Ask, width: Width) -> f64 {
    match width {
        Width::Even => 1.0,
        Width::Recent => ask.state.width(0.5),
        Width::Cyclic => ask.there.spread,
    }
}

/// The answers of all experts.
pub(crate) fn points(ask: &Ask, nowcast: &[f64], regression: &[f64]) -> [f64; EXPERTS] {
    let points = [
        level::fast(ask),
        level::slow(ask),
        seasonal_naive::short(ask),
        seasonal_naive::long(ask),
        profile::plain(ask),
        regression::point(ask, nowcast, &profile::nowcast_features(ask)),
        shape::point(ask),
        regression::point(ask, regression, &regression::features(ask)),
    ];
    points.map(|z| z + ask.there.lift)
}
