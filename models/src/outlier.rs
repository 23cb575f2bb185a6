//! Which steps are a guide to the future: outliers against the same time of other cycles, and labelled events, are not.

use crate::grid::Grid;
use crate::season::Season;

/// Robust deviations from which a step counts as an outlier.
const FAR: f64 = 6.0;
/// More outliers than this share are no outliers but the nature of the series.
const MOST: f64 = 0.03;

/// Marks usable steps; `masked` (labelled) ones never are.
pub(crate) fn usable(grid: &Grid, season: Season, masked: &[bool]) -> Vec<bool> {
    let mut usable: Vec<bool> = (0..grid.len()).map(|i| !masked.get(i).copied().unwrap_or(false)).collect();
    if season.short == 0 || grid.len() < 3 * season.short {
        return usable;
    }
    let residuals: Vec<f64> = (0..grid.len()).map(|i| distance(grid, season, i)).collect();
    let mut sizes: Vec<f64> = residuals.iter().copied().filter(|r| r.is_finite()).collect();
    sizes.sort_by(f64::total_cmp);
    let Some(median) = sizes.get(sizes.len() / 2) else { return usable };
    let limit = FAR * 1.4826 * median;
    let far: Vec<usize> = (0..grid.len()).filter(|i| residuals[*i] > limit).collect();
    if limit > 0.0 && (far.len() as f64) < MOST * grid.len() as f64 {
        for i in far {
            usable[i] = false;
        }
    }
    usable
}

/// Distance from the usual: of these days or of this weekday, whichever is nearer.
fn distance(grid: &Grid, season: Season, i: usize) -> f64 {
    // As many cycles as neighbours, also at both ends of the past: else what recurs would be an outlier there.
    let days = around(grid, season.short, i);
    let neighbours = [i.checked_sub(2), i.checked_sub(1), Some(i + 1), Some(i + 2)].into_iter().flatten();
    let neighbours = neighbours.filter_map(|j| grid.z.get(j).copied()).filter(|z| z.is_finite());
    let mut distance = (grid.z[i] - median(days.into_iter().chain(neighbours).collect())).abs();
    let weeks = around(grid, season.long, i);
    if weeks.len() > 1 {
        distance = distance.min((grid.z[i] - median(weeks)).abs());
    }
    distance
}

/// The same step in the four nearest cycles.
fn around(grid: &Grid, cycle: usize, i: usize) -> Vec<f64> {
    let near = (1..=4).flat_map(|n| [i.checked_sub(n * cycle), Some(i + n * cycle)]).flatten();
    let known = near.filter_map(|j| grid.z.get(j).copied()).filter(|z| z.is_finite());
    known.take(if cycle == 0 { 0 } else { 4 }).collect()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
