//! Fitting: from a grid to a resident ladder and the outlook that it needs, and the trials that say how good it would have been.

use jiff::tz::TimeZone;

use crate::calendar::Calendar;
use crate::detail::{Detail, Seen};
use crate::event::{self, Factor};
use crate::expert::Expert;
use crate::grid::Grid;
use crate::head::{Head, Lesson, Trial};
use crate::holidays::Holidays;
use crate::ladder::Ladder;
use crate::outlier;
use crate::outlook::Outlook;
use crate::season::{Guide, Profile, Season};
use crate::service_model::EventWindow;
use crate::shift;
use crate::state::{State, states};

/// Rungs of the coarse ladder: dense where the forecast changes fast.
const RUNGS: [usize; 15] = [1, 2, 3, 4, 6, 9, 12, 18, 24, 36, 60, 96, 144, 216, 288];
/// Trials of horizons up to this many steps enter the scores.
const SCORED: usize = 12;
/// Days whose minutes say how the coming day's lie within their steps.
const MINUTE_DAYS: usize = 2;
const DAY: i64 = 86_400;
/// Share of the present distance from the usual that an event's ratio is measured from.
const LASTS: f64 = 0.8;
/// Width of a row of the outlook where the grid is finer, in seconds.
const OUTLOOK_STEP: i64 = 900;

/// A coarse grid with everything that is known of its seasons. Steps inside of brief events are missing in it.
pub(crate) struct Past {
    pub(crate) grid: Grid,
    loud: Vec<f64>,
    brief: Vec<(i64, i64)>,
    states: Vec<State>,
    season: Season,
    guide: Guide,
    calendar: Calendar,
    usable: Vec<bool>,
    shifted: Vec<f64>,
    reach: usize,
    here: Vec<Profile>,
    /// An expert that gets no weight, to measure what it is worth.
    pub(crate) without: Option<Expert>,
}

impl Past {
    /// Finds seasons, outliers, level shifts and profiles. Labelled steps never enter the profile, brief events nothing at all
    /// but their own effects.
    pub(crate) fn new(
        mut grid: Grid,
        reach: usize,
        events: &[EventWindow],
        zone: &TimeZone,
        country: Option<&str>,
    ) -> Self {
        let season = Season::of(grid.step, grid.observed());
        let horizon = 2 * reach + 2;
        let year = |second: i64| jiff::Timestamp::from_second(second).unwrap_or_default().to_zoned(zone.clone()).year();
        let holidays = Holidays::of(country, year(grid.start)..=year(grid.second_of(grid.len() + horizon)));
        let calendar = Calendar::new(grid.start, grid.step, grid.len() + horizon, zone, &holidays);
        let brief = event::brief(&grid, events);
        let usable = outlier::usable(&grid, season, &event::masked(&grid, events));
        let shifted = shift::to_present(&grid, season, &usable);
        for (z, by) in grid.z.iter_mut().zip(&shifted) {
            *z = (*z + by).clamp(0.0, f64::INFINITY);
        }
        let loud = grid.z.clone();
        silence(&mut grid, &brief);
        let mut guide = Guide::new(&grid, season, &usable);
        guide.choose_blend(&grid, &calendar);
        let profiles = |guide: &Guide| (0..grid.len()).map(|i| guide.profile(i, 1, &calendar)).collect::<Vec<_>>();
        let here = profiles(&guide);
        guide.learn_spread(&grid, &here);
        let here = profiles(&guide);
        let states = states(&grid.z, &here);
        Self { grid, loud, brief, states, season, guide, calendar, usable, shifted, reach, here, without: None }
    }

    /// Another grid of the same load, on the level of the present and without brief events as this one is.
    pub(crate) fn leveled(&self, mut other: Grid) -> Grid {
        for i in 0..other.len() {
            let at = usize::try_from(self.grid.index_of(other.second_of(i))).ok();
            let by = at.and_then(|at| self.shifted.get(at)).copied().unwrap_or(0.0);
            other.z[i] = (other.z[i] + by).clamp(0.0, f64::INFINITY);
        }
        silence(&mut other, &self.brief);
        other
    }

    /// Logarithms of the load's ratio to what was usual before, of the steps inside `[from, to)`, seconds since the epoch.
    pub(crate) fn ratios(&self, from: i64, to: i64) -> Vec<f64> {
        let index = |second: i64| usize::try_from(self.grid.index_of(second)).unwrap_or(0).min(self.grid.len());
        let moved = self.states.get(index(from)).map_or(0.0, |state| LASTS * state.residual[2]);
        let ratio = |i: usize| Factor::between(self.loud[i], self.here[i].usual() + moved);
        (index(from)..index(to)).map(ratio).filter(|r| r.is_finite()).collect()
    }

    /// Fits every rung; the trials are in time order.
    pub(crate) fn fit(&self) -> (Ladder, Vec<Trial>) {
        let all = &self.states;
        let mut levels = vec![f64::NAN];
        levels.extend_from_slice(self.guide.levels());
        let first = (2 * self.season.short).min(self.grid.len() / 3).max(8);
        let (mut heads, mut trials): (Vec<Head>, Vec<Trial>) = (Vec::new(), Vec::new());
        let mut there: (usize, Vec<Profile>) = (0, Vec::new());
        for rung in RUNGS.iter().map(|r| (*r).min(self.reach)) {
            if heads.last().is_some_and(|h| h.horizon >= rung) {
                continue;
            }
            let cycle = self.season.first_cycle(rung);
            if there.0 != cycle {
                there = (
                    cycle,
                    (0..self.grid.len() + self.reach).map(|i| self.guide.profile(i, cycle, &self.calendar)).collect(),
                );
            }
            let lesson = Lesson {
                z: &self.grid.z,
                states: all,
                here: &self.here,
                there: &there.1,
                levels: &levels,
                first,
                usable: &self.usable,
                without: self.without,
            };
            let (head, mut tried) = Head::fit(&lesson, rung, 1);
            heads.push(head);
            if rung <= SCORED {
                trials.append(&mut tried);
            }
        }
        trials.sort_by_key(|t| t.at);
        let mut ladder = Ladder {
            step: self.grid.step,
            end: self.grid.second_of(self.grid.len()),
            window: 1,
            fine: false,
            heads,
            state: all[all.len() - 1],
            cycle_level: levels[levels.len() - 1],
            cycle: self.season.short,
        };
        ladder.slim();
        (ladder, trials)
    }

    /// The usual load of the last step and of twice the reach.
    pub(crate) fn outlook(&self) -> Outlook {
        let n = self.grid.len();
        let group = usize::try_from(OUTLOOK_STEP / self.grid.step).unwrap_or(1).clamp(1, 3);
        let before = group;
        let rows = (2 * self.reach + before) / group;
        let profile = |target: usize| {
            self.guide.profile(target, self.season.first_cycle((target + 1).saturating_sub(n)), &self.calendar)
        };
        let smooth = (0..rows).map(|row| profile((n + row * group + group / 2).saturating_sub(before)));
        let first = n.saturating_sub(before);
        let steps = (first..first + rows * group).map(profile);
        let width = self.grid.step * i64::try_from(group).unwrap_or(1);
        Outlook::new(self.grid.second_of(first), width, smooth).detailed(self.grid.step, steps)
    }

    /// Fits the minutes: direct horizons `rungs` (in steps of `fine`) for the maximum over `window` steps; the trials are the
    /// first rung's, in time order.
    pub(crate) fn fit_fine(&self, fine: &Grid, rungs: &[usize], window: usize) -> (Ladder, Vec<Trial>) {
        let reach = rungs.iter().copied().max().unwrap_or(1) + window;
        let outlook = self.past_outlook(fine);
        let profiles: Vec<Profile> =
            (0..fine.len() + reach).map(|i| outlook.at(fine.second_of(i) + fine.step / 2)).collect();
        let all = states(&fine.z, &profiles);
        let levels: Vec<f64> = (0..=fine.len())
            .map(|t| {
                let at = usize::try_from(self.grid.index_of(fine.second_of(t)) - 1).unwrap_or(0);
                self.guide.levels().get(at.min(self.grid.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
            })
            .collect();
        let usable = vec![true; fine.len()];
        let lesson = Lesson {
            z: &fine.z,
            states: &all,
            here: &profiles,
            there: &profiles,
            levels: &levels,
            first: 30.min(fine.len()),
            usable: &usable,
            without: self.without,
        };
        let (heads, mut trials): (Vec<Head>, Vec<Vec<Trial>>) =
            rungs.iter().map(|rung| Head::fit(&lesson, *rung, window)).unzip();
        let trials = if trials.is_empty() { Vec::new() } else { trials.swap_remove(0) };
        let mut ladder = Ladder {
            step: fine.step,
            end: fine.second_of(fine.len()),
            window,
            fine: true,
            heads,
            state: all[all.len() - 1],
            cycle_level: levels[levels.len() - 1],
            cycle: self.season.short * usize::try_from(self.grid.step / fine.step).unwrap_or(1),
        };
        ladder.slim();
        (ladder, trials)
    }

    /// How far the minutes of the coming day will lie from their steps, as they did on the days before.
    pub(crate) fn within_steps(&self, fine: &Grid) -> Vec<f64> {
        let day = usize::try_from(DAY / fine.step.max(1)).unwrap_or(0);
        let outlook = self.past_outlook(fine);
        let steps: Vec<f64> = (0..fine.len()).map(|i| outlook.at(fine.second_of(i) + fine.step / 2).usual()).collect();
        let detail = Detail::new(&fine.z, &steps, day);
        let seen = |minute: usize| {
            let mut seen = Seen::default();
            (1..=MINUTE_DAYS).filter_map(|days| (fine.len() + minute).checked_sub(days * day)).for_each(|at| {
                seen.add(detail.at(at));
            });
            seen
        };
        (0..day).map(|minute| detail.sure(&seen(minute), 0.0)).collect()
    }

    /// The usual load over the time of a fine grid and a cycle beyond, one step ahead each.
    fn past_outlook(&self, fine: &Grid) -> Outlook {
        let from = usize::try_from(self.grid.index_of(fine.start) - 1).unwrap_or(0);
        let to = self.grid.len() + self.season.short.saturating_sub(self.season.smooth + 1).min(self.reach);
        let profile = |i: usize| {
            self.guide.profile(i, self.season.first_cycle((i + 1).saturating_sub(self.grid.len())), &self.calendar)
        };
        let profiles: Vec<Profile> = (from..to.max(from)).map(profile).collect();
        Outlook::new(self.grid.second_of(from), self.grid.step, profiles.iter().copied())
            .detailed(self.grid.step, profiles.iter().copied())
    }
}

/// Leaves out the steps that touch any of the spans.
fn silence(grid: &mut Grid, spans: &[(i64, i64)]) {
    for i in 0..grid.len() {
        if event::inside(spans, grid.second_of(i), grid.step) {
            grid.z[i] = f64::NAN;
        }
    }
}
