//! All horizons of one grid: a ladder of heads, mixed between its rungs.

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::calendar::Calendar;
use crate::ensemble::Q;
use crate::grid::Grid;
use crate::head::{Head, Lesson, Trial, ascending};
use crate::holidays::Holidays;
use crate::outlier;
use crate::season::{Guide, Profile, Season};
use crate::state::{State, states};

/// Rungs of the ladder: dense where the forecast changes fast.
const RUNGS: [usize; 18] = [1, 2, 3, 4, 6, 9, 12, 18, 24, 36, 48, 72, 96, 144, 192, 240, 264, 288];

/// A fitted ladder of horizons with the present that it forecasts from.
#[derive(Debug, Clone)]
pub(crate) struct Heads {
    pub(crate) grid: Grid,
    pub(crate) season: Season,
    pub(crate) guide: Guide,
    pub(crate) calendar: Calendar,
    heads: Vec<Head>,
    state: State,
}

/// What to fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ladder {
    /// Farthest horizon in steps.
    pub(crate) reach: usize,
    /// Steps whose maximum is the target; 1 = the step itself.
    pub(crate) window: usize,
}

impl Heads {
    /// Fits every rung; `masked` steps never enter the profile.
    pub(crate) fn fit(
        grid: Grid,
        ladder: Ladder,
        masked: &[bool],
        zone: &TimeZone,
        country: Option<&str>,
    ) -> (Self, Vec<Trial>) {
        let season = Season::of(grid.step, grid.observed().min(grid.len()));
        let horizon = ladder.reach + ladder.window;
        let year = |second: i64| jiff::Timestamp::from_second(second).unwrap_or_default().to_zoned(zone.clone()).year();
        let years = year(grid.start)..=year(grid.second_of(grid.len() + horizon));
        let holidays = Holidays::of(country, years);
        let calendar = Calendar::new(grid.start, grid.step, grid.len() + horizon, zone, &holidays);
        let usable = outlier::usable(&grid, season, masked);
        let mut guide = Guide::new(&grid, season, &usable);
        guide.choose_blend(&grid, &calendar);
        let here: Vec<Profile> = (0..grid.len()).map(|i| guide.profile(i, 1, &calendar)).collect();
        guide.learn_spread(&grid, &here);
        let here: Vec<Profile> = (0..grid.len()).map(|i| guide.profile(i, 1, &calendar)).collect();
        let all = states(&grid.z, |i| here[i].blend);
        let mut levels = vec![f64::NAN];
        levels.extend_from_slice(guide.levels());
        let first = (2 * season.short).min(grid.len() / 3).max(8);
        let (mut heads, mut trials) = (Vec::new(), Vec::new());
        let mut there: (usize, Vec<Profile>) = (0, Vec::new());
        for rung in RUNGS.iter().map(|r| (*r).min(ladder.reach)) {
            if heads.last().is_some_and(|h: &Head| h.horizon >= rung) {
                continue;
            }
            let cycle = season.first_cycle(rung + ladder.window - 1);
            if there.0 != cycle {
                there = (cycle, (0..grid.len() + horizon).map(|i| guide.profile(i, cycle, &calendar)).collect());
            }
            let lesson = Lesson {
                z: &grid.z,
                states: &all,
                here: &here,
                there: &there.1,
                levels: &levels,
                first,
                scale: grid.scale,
                usable: &usable,
            };
            let (head, mut tried) = Head::fit(&lesson, rung, ladder.window);
            heads.push(head);
            if rung <= 12 {
                trials.append(&mut tried);
            }
        }
        trials.sort_by_key(|t| t.at);
        let state = all[all.len() - 1];
        (Self { grid, season, guide, calendar, heads, state }, trials)
    }

    /// Quantiles in log space of the step `horizon` (1 = the next one), mixed of the rungs around it.
    pub(crate) fn row(&self, horizon: usize) -> [f64; Q] {
        let above = self.heads.partition_point(|h| h.horizon < horizon).min(self.heads.len().saturating_sub(1));
        let Some(high) = self.heads.get(above) else { return [0.0; Q] };
        let low = &self.heads[above.saturating_sub(1)];
        let rows = [low, high].map(|head| head.row(&self.ask(horizon, head.window)));
        let (from, to) = (libm::log(low.horizon as f64), libm::log(high.horizon as f64));
        let share = if to > from { ((libm::log(horizon as f64) - from) / (to - from)).clamp(0.0, 1.0) } else { 1.0 };
        ascending(std::array::from_fn(|j| rows[0][j] + share * (rows[1][j] - rows[0][j])))
    }

    fn ask(&self, horizon: usize, window: usize) -> crate::expert::Ask {
        let n = self.grid.len();
        let cycle = self.season.first_cycle(horizon + window - 1);
        let span: Vec<Profile> =
            (0..window).map(|i| self.guide.profile(n + horizon - 1 + i, cycle, &self.calendar)).collect();
        let here = n.checked_sub(1).map_or(Profile::NONE, |i| self.guide.profile(i, 1, &self.calendar));
        let level = self.guide.levels().last().copied().unwrap_or(f64::NAN);
        let highest = span.iter().copied().reduce(|a, b| if b.blend > a.blend { b } else { a });
        crate::expert::Ask::new(self.state, here, highest.unwrap_or(Profile::NONE), level)
    }
}
