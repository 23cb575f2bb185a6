//! Level shifts: a load that moved to another level some hours ago, and stayed. What lies before it keeps its shape and loses
//! its level.

use crate::grid::Grid;
use crate::season::Season;

/// Share of a short cycle over which a level must have held.
const HELD: usize = 2;
/// Fewest steps over which it must have held.
const FEWEST: usize = 5;
/// Least shift, in log space: a quarter.
const LEAST: f64 = 0.22;
/// Least shift in robust deviations of the load from the same time of the cycle before.
const FAR: f64 = 4.0;
/// Share of the steps that must have moved the same way by at least half.
const AGREE: f64 = 0.85;

/// What to add to each step so that all of the past is on the level of the present; all zero where nothing shifted.
///
/// A step is compared with the same time of the cycle before, by day and by week (the nearer counts), so that a weekend is no
/// shift. A shift moves all of these comparisons alike and for half a day: a burst does not, and what ends again is moved
/// back. Until then the level experts and the nowcast follow it.
///
/// **Source**: the median version of the two-window test for changes in mean (Basseville and Nikiforov 1993, §2.6).
pub(crate) fn to_present(grid: &Grid, season: Season, usable: &[bool]) -> Vec<f64> {
    let n = grid.len();
    let mut lift = vec![0.0; n];
    let window = (season.short / HELD).max(FEWEST);
    if season.short == 0 || n < 2 * season.short + window {
        return lift;
    }
    let mut z: Vec<f64> =
        (0..n).map(|i| if usable.get(i).copied().unwrap_or(true) { grid.z[i] } else { f64::NAN }).collect();
    let all: Vec<f64> = (season.short..n).map(|i| moved(&z, season, i).abs()).filter(|d| d.is_finite()).collect();
    let spread = 1.4826 * median(all);
    let stride = (window / 6).max(1);
    let mut from = season.short;
    while from + window <= n {
        let moves: Vec<f64> = (from..from + window).map(|i| moved(&z, season, i)).collect();
        match shift(&moves, spread) {
            Some(by) => {
                let begun = |i: usize| {
                    let known = moved(&z, season, i);
                    (if known.is_finite() { known } else { z[i] - z[i - season.short] }) / by >= 0.5
                };
                let mut at = from + moves.iter().position(|d| d / by >= 0.5).unwrap_or(0);
                // It may have begun before the week was full that tells it from a weekend, a cycle before at most: farther
                // back the comparison is with what has moved already.
                let earliest = from.saturating_sub(season.short).max(season.short);
                while at > earliest && begun(at - 1) {
                    at -= 1;
                }
                lift[..at].iter_mut().chain(&mut z[..at]).for_each(|step| *step += by);
                from = (at + window).max(from + stride);
            }
            None => from += stride,
        }
    }
    lift
}

/// Distance of a step from the same time a short and a long cycle before, whichever is nearer; 0 where they disagree, NaN where
/// one is not known: a weekend is no shift.
fn moved(z: &[f64], season: Season, i: usize) -> f64 {
    let lag = |lag: usize| if lag == 0 { f64::NAN } else { i.checked_sub(lag).map_or(f64::NAN, |at| z[i] - z[at]) };
    let (short, long) = (lag(season.short), lag(season.long));
    if !short.is_finite() || season.long > 0 && !long.is_finite() {
        return f64::NAN;
    }
    if season.long == 0 {
        short
    } else if short * long <= 0.0 {
        0.0
    } else if short.abs() < long.abs() {
        short
    } else {
        long
    }
}

/// The shift of a window's steps, if they all moved alike and far.
fn shift(moves: &[f64], spread: f64) -> Option<f64> {
    let known: Vec<f64> = moves.iter().copied().filter(|d| d.is_finite()).collect();
    if 2 * known.len() < moves.len() {
        return None;
    }
    let by = median(known.clone());
    let alike = known.iter().filter(|d| **d / by >= 0.5 && **d / by <= 1.5).count();
    (by.abs() >= LEAST.max(FAR * spread) && alike as f64 >= AGREE * known.len() as f64).then_some(by)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: usize = 96;

    /// Days of a daily wave at 15 min, Sundays at half the load, times what `level` says.
    fn grid(days: usize, level: impl Fn(usize) -> f64) -> Grid {
        let z = (0..days * DAY).map(|i| {
            let wave = 100.0 + 60.0 * libm::sin(i as f64 / DAY as f64 * std::f64::consts::TAU);
            let noise = 1.0 + 0.04 * libm::sin(i as f64 * 12.9898);
            let week = if (i / DAY) % 7 == 6 { 0.5 } else { 1.0 };
            crate::grid::log(wave * week * noise * level(i), 10.0)
        });
        Grid { start: 0, step: 900, scale: 10.0, z: z.collect() }
    }

    fn lifts(grid: &Grid) -> Vec<f64> {
        to_present(grid, Season::of(grid.step, grid.len()), &[])
    }

    #[test]
    fn a_load_that_halved_fourteen_hours_ago_takes_its_past_down_with_it() {
        let at = 20 * DAY + 40;
        let lift = lifts(&grid(21, |i| if i < at { 1.0 } else { 0.5 }));
        assert!(lift[..at - 4].iter().all(|l| (-0.7..-0.4).contains(l)), "{:?}", &lift[at - 8..]);
        assert!(lift[at + 4..].iter().all(|l| l.abs() < 1e-12));
    }

    #[test]
    fn weekends_and_noise_are_no_shift() {
        let lift = lifts(&grid(28, |_| 1.0));
        assert!(lift[..].iter().all(|l| l.abs() < 1e-12), "{lift:?}");
    }

    #[test]
    fn what_shifts_and_shifts_back_leaves_the_rest_as_it_was() {
        let shifted = 15 * DAY..17 * DAY;
        let lift = lifts(&grid(21, |i| if shifted.contains(&i) { 2.0 } else { 1.0 }));
        assert!(lift[..14 * DAY].iter().all(|l| l.abs() < 0.1), "{:?}", lift[0]);
        assert!(lift[15 * DAY + 8..17 * DAY - 8].iter().all(|l| (-0.8..-0.5).contains(l)));
    }

    #[test]
    fn a_load_that_doubles_every_day_is_looked_through_to_its_end() {
        let lift = lifts(&grid(28, |i| libm::exp2((i / DAY) as f64)));
        assert!(lift.iter().all(|l| l.is_finite()));
    }

    #[test]
    fn an_hour_of_burst_is_no_shift() {
        let burst = 18 * DAY + 40..18 * DAY + 46;
        let lift = lifts(&grid(21, |i| if burst.contains(&i) { 4.0 } else { 1.0 }));
        assert!(lift.iter().all(|l| l.abs() < 1e-12));
    }
}
