//! Linear regression per horizon, fitted exactly by linfa on weighted rows with the prior as further rows.
//!
//! Ordinary least squares on `[√w·X; √λ·I] → [√w·y; √λ·μ]` is the ridge with prior mean μ; linfa's own penalised solvers do
//! not converge at a pure ridge, and its plain OLS answers collinear columns with coefficients of 10¹¹. It is handed the sixteen
//! rows that have the same products as those hundreds, since its QR of all the rows takes most of a fit.

use linfa::Dataset;
use linfa::traits::Fit as _;
use linfa_linear::LinearRegression;
use ndarray::{Array1, Array2};

use super::Ask;
use crate::ForecastError;
use crate::state::SCALES;

/// Number of features.
pub(crate) const FEATURES: usize = 16;
/// No coefficient of a sane fit in log space is this large.
const LARGEST: f64 = 50.0;

/// Features of a question; the target is the distance from the profile, so that all-zero coefficients are the profile.
pub(crate) fn features(ask: &Ask) -> [f64; FEATURES] {
    let (state, there, here) = (&ask.state, &ask.there, &ask.here);
    let base = there.blend;
    let r = &state.residual;
    [
        1.0,
        there.short - base,
        there.long - base,
        there.last_short - base,
        there.last_long - base,
        ask.cycle_level + there.shape - base,
        r[0],
        r[1] - r[0],
        r[2] - r[1],
        r[3] - r[2],
        r[4] - r[3],
        state.level[0] - base,
        state.level[2] - base,
        state.level[SCALES - 1] - base,
        here.last_short - here.blend,
        here.last_long - here.blend,
    ]
}

/// Distance from the profile by the coefficients, plus the profile.
pub(crate) fn point(ask: &Ask, coefficients: &[f64], features: &[f64]) -> f64 {
    ask.there.blend + coefficients.iter().zip(features).map(|(c, f)| c * f).sum::<f64>()
}

/// Rows to fit on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rows {
    /// Features, row after row.
    pub(crate) x: Vec<f64>,
    /// Targets.
    pub(crate) y: Vec<f64>,
    /// Weights.
    pub(crate) w: Vec<f64>,
}

/// Fits `width` coefficients; `prior` holds their means and `strength` the weight of a prior in rows of unit scale.
///
/// # Errors
/// [`ForecastError::Fit`] if linfa refuses or a coefficient is not finite or larger than any sane one.
pub(crate) fn fit(rows: &Rows, width: usize, prior: &[f64], strength: f64) -> Result<Vec<f64>, ForecastError> {
    let refused = |what: String| ForecastError::Fit { expert: "regression", what };
    let (x, y) = Gram::of(rows, width, prior, strength).rows();
    let model =
        LinearRegression::new().with_intercept(false).fit(&Dataset::new(x, y)).map_err(|e| refused(e.to_string()))?;
    let coefficients = model.params().to_vec();
    match coefficients.iter().find(|c| !c.is_finite() || c.abs() > LARGEST) {
        Some(bad) => Err(refused(format!("coefficient {bad} where at most {LARGEST} is sane"))),
        None => Ok(coefficients),
    }
}

/// Products of the weighted columns, the prior's rows among them, with each other and with the targets.
struct Gram {
    width: usize,
    /// Lower triangle, row after row in a full square.
    square: Vec<f64>,
    target: Vec<f64>,
}

impl Gram {
    fn of(rows: &Rows, width: usize, prior: &[f64], strength: f64) -> Self {
        let (mut square, mut target) = (vec![0.0; width * width], vec![0.0; width]);
        for (row, (y, w)) in rows.x.chunks_exact(width).zip(rows.y.iter().zip(&rows.w)) {
            let w = w.max(0.0);
            for i in 0..width {
                let weighted = w * row[i];
                target[i] += weighted * y;
                for (sum, x) in square[i * width..=i * width + i].iter_mut().zip(row) {
                    *sum += weighted * x;
                }
            }
        }
        for (i, scale) in spread(&rows.x, width).into_iter().enumerate() {
            let weight = (strength * scale).max(1e-8);
            square[i * width + i] += weight;
            target[i] += weight * prior.get(i).copied().unwrap_or(0.0);
        }
        Self { width, square, target }
    }

    /// As many rows as columns with the very products of all the rows: the square's Cholesky factor, which the prior keeps well
    /// conditioned.
    fn rows(self) -> (Array2<f64>, Array1<f64>) {
        let Self { width, square: mut lower, mut target } = self;
        for i in 0..width {
            for j in 0..=i {
                let done: f64 = (0..j).map(|k| lower[i * width + k] * lower[j * width + k]).sum();
                let left = lower[i * width + j] - done;
                lower[i * width + j] =
                    if i == j { left.max(f64::MIN_POSITIVE).sqrt() } else { left / lower[j * width + j] };
            }
            let done: f64 = (0..i).map(|k| lower[i * width + k] * target[k]).sum();
            target[i] = (target[i] - done) / lower[i * width + i];
        }
        let upper = Array2::from_shape_fn((width, width), |(i, j)| if i <= j { lower[j * width + i] } else { 0.0 });
        (upper, Array1::from_vec(target))
    }
}

/// Mean square of each column.
fn spread(x: &[f64], width: usize) -> Vec<f64> {
    let mut sums = vec![0.0; width];
    for row in x.chunks_exact(width) {
        for (sum, value) in sums.iter_mut().zip(row) {
            *sum += value * value;
        }
    }
    let n = (x.len() / width).max(1) as f64;
    sums.iter().map(|s| s / n).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn collinear_columns_share_the_effect_instead_of_exploding() {
        let mut rows = Rows::default();
        for i in 0..500 {
            let v = f64::from(i % 17) - 8.0;
            rows.x.extend([v, v]);
            rows.y.push(3.0 * v);
            rows.w.push(1.0);
        }
        let fitted = fit(&rows, 2, &[0.0, 0.0], 1.0).unwrap();
        assert!((fitted[0] - 1.5).abs() < 0.01 && (fitted[1] - 1.5).abs() < 0.01, "{fitted:?}");
    }

    #[test]
    fn without_rows_the_prior_is_the_answer() {
        let fitted = fit(&Rows { x: vec![1.0, 1.0], y: vec![0.5], w: vec![0.0] }, 2, &[0.7, -0.2], 4.0).unwrap();
        assert!((fitted[0] - 0.7).abs() < 1e-9 && (fitted[1] + 0.2).abs() < 1e-9, "{fitted:?}");
    }
}
