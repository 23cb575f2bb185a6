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
    let residuals: Vec<f64> = (0..grid.len()).map(|i| grid.z[i] - usual(grid, season, i)).collect();
    let mut sizes: Vec<f64> = residuals.iter().map(|r| r.abs()).filter(|r| r.is_finite()).collect();
    sizes.sort_by(f64::total_cmp);
    let Some(median) = sizes.get(sizes.len() / 2) else { return usable };
    let limit = FAR * 1.4826 * median;
    let far: Vec<usize> = (0..grid.len()).filter(|i| residuals[*i].abs() > limit).collect();
    if limit > 0.0 && (far.len() as f64) < MOST * grid.len() as f64 {
        for i in far {
            usable[i] = false;
        }
    }
    usable
}

/// Median of the neighbours in time and of the same step in the neighbouring cycles.
fn usual(grid: &Grid, season: Season, i: usize) -> f64 {
    let mut around: Vec<f64> = [season.short, 2 * season.short]
        .iter()
        .flat_map(|lag| [i.checked_sub(*lag), Some(i + lag)])
        .chain([i.checked_sub(2), i.checked_sub(1), Some(i + 1), Some(i + 2)])
        .flatten()
        .filter_map(|j| grid.z.get(j).copied())
        .filter(|z| z.is_finite())
        .collect();
    around.sort_by(f64::total_cmp);
    around.get(around.len() / 2).copied().unwrap_or(f64::NAN)
}
