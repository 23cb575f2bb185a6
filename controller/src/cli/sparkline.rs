//! A series as a line of blocks, so that a shape fits into a table cell.

/// Eighths of a block, lowest first.
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// `values` in at most `width` cells, oldest first, each cell the highest of its share; a cell without any value is a
/// blank, never a zero. `top` scales the line; values above it are full blocks.
pub(crate) fn sparkline(values: &[Option<f64>], width: usize, top: f64) -> String {
    let cells = width.min(values.len());
    if cells == 0 {
        return String::new();
    }
    let cell = |i: usize| {
        let share = values.get(i * values.len() / cells..(i + 1) * values.len() / cells).unwrap_or_default();
        share.iter().flatten().copied().reduce(f64::max).map_or(' ', |value| block(value, top))
    };
    (0..cells).map(cell).collect()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=7 before the cast")]
fn block(value: f64, top: f64) -> char {
    let share = if top > 0.0 { (value / top).clamp(0.0, 1.0) } else { 0.0 };
    let index = (share * 7.0).round() as usize;
    BLOCKS.get(index).copied().unwrap_or('█')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_is_a_blank_and_the_highest_of_a_share_shows() {
        assert_eq!(sparkline(&[Some(0.0), None, Some(7.0)], 3, 7.0), "▁ █");
        assert_eq!(sparkline(&[Some(0.0), Some(7.0), Some(0.0), Some(0.0)], 2, 7.0), "█▁");
        assert_eq!(sparkline(&[], 8, 7.0), "");
        assert_eq!(sparkline(&[Some(3.0)], 8, 0.0), "▁");
    }
}
