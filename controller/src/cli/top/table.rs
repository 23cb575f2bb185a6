//! The table of `presale top`.

use super::Row;
use crate::cli::output::columns;
use crate::cli::sparkline::sparkline;

/// Head of the table, also of the live view.
pub(super) const HEAD: [&str; 12] = [
    "NAMESPACE",
    "NAME",
    "MODE",
    "NOW",
    "READY",
    "WANT",
    "BOUNDS",
    "NEXT",
    "LOAD",
    "LAST 30 MIN → NEXT 2 H",
    "WHY",
    "PROMO",
];

/// All rows as text.
pub(super) fn table(rows: &[Row]) -> String {
    let mut lines = vec![HEAD.map(str::to_owned)];
    lines.extend(rows.iter().map(cells));
    columns(&lines)
}

/// The cells of one service.
pub(super) fn cells(row: &Row) -> [String; 12] {
    let count = |n: Option<u32>| n.map_or_else(String::new, |n| n.to_string());
    let live = row.live.as_ref();
    [
        row.namespace.clone(),
        row.name.clone(),
        row.mode.clone(),
        count(live.map(|l| l.current).or(row.replicas)),
        count(live.map(|l| l.ready).or(row.ready)),
        count(live.map(|l| l.desired).or(row.desired)),
        format!("{}–{}", row.min, row.max),
        row.next.clone(),
        live.map_or_else(String::new, |l| l.load.map_or_else(|| l.load_state.clone(), |load| format!("{load:.1}/s"))),
        line(row),
        live.map_or_else(|| row.reason.clone(), |l| l.reason.clone()),
        row.promotion.clone(),
    ]
}

/// The load of the last half hour, and the 95 % quantile of what is expected.
fn line(row: &Row) -> String {
    let Some(live) = &row.live else { return String::new() };
    let expected: Vec<Option<f64>> = live.expected.iter().copied().map(Some).collect();
    let top = live.recent.iter().flatten().chain(&live.expected).copied().fold(0.0, f64::max);
    format!("{}│{}", sparkline(&live.recent, 15, top), sparkline(&expected, 15, top))
}
