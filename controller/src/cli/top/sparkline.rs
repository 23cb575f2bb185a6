//! A line of blocks: the load of the last half hour, a bar, and what is expected after it, on one scale.

/// Cells on either side of the bar.
const CELLS: usize = 12;
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Draws it; what is unknown is a dot.
pub(super) fn of(recent: &[Option<f64>], expected: &[f64]) -> String {
    let known: Vec<Option<f64>> = expected.iter().map(|value| Some(*value)).collect();
    let (past, future) = (cells(recent), cells(&known));
    let most = past.iter().chain(&future).flatten().copied().fold(0.0, f64::max);
    let draw = |cells: &[Option<f64>]| cells.iter().map(|cell| block(*cell, most)).collect::<String>();
    if past.is_empty() && future.is_empty() { String::new() } else { format!("{}|{}", draw(&past), draw(&future)) }
}

/// At most [`CELLS`] cells, each the highest known value of its share.
fn cells(values: &[Option<f64>]) -> Vec<Option<f64>> {
    let share = values.len().div_ceil(CELLS).max(1);
    values.chunks(share).map(|chunk| chunk.iter().flatten().copied().reduce(f64::max)).collect()
}

fn block(value: Option<f64>, most: f64) -> char {
    let Some(value) = value else { return '·' };
    let share = if most > 0.0 { (value / most).clamp(0.0, 1.0) } else { 0.0 };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 7")]
    let index = (share * 7.0).round() as usize;
    BLOCKS.get(index).copied().unwrap_or('█')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn past_and_future_share_a_scale_and_gaps_show() {
        assert_eq!(of(&[Some(0.0), None, Some(50.0)], &[100.0, 100.0]), "▁·▅|██");
        assert_eq!(of(&[], &[]), "");
    }

    #[test]
    fn a_long_past_fits() {
        let long: Vec<Option<f64>> = (0..120).map(|i| Some(f64::from(i))).collect();
        assert_eq!(of(&long, &[]).chars().count(), CELLS + 1);
    }
}
