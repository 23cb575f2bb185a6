//! A line chart as inline SVG, coloured by the page's own light or dark theme.

use std::fmt::Write as _;

use crate::scenario::Schedule;

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 240.0;
const LEFT: f64 = 48.0;
const BOTTOM: f64 = 22.0;

/// One line; a gap is `None`.
#[derive(Debug)]
pub(crate) struct Line {
    /// Its legend.
    pub(crate) name: &'static str,
    /// CSS class that gives its colour.
    pub(crate) class: &'static str,
    /// Seconds since 1970, and the value.
    pub(crate) points: Vec<(i64, Option<f64>)>,
}

/// A chart over time.
#[derive(Debug)]
pub(crate) struct Chart {
    /// Title with the unit.
    pub(crate) title: &'static str,
    /// First and last second.
    pub(crate) span: (i64, i64),
    /// Lines, drawn in order.
    pub(crate) lines: Vec<Line>,
    /// Area between a low and a high value.
    pub(crate) band: Vec<(i64, f64, f64)>,
    /// Shaded stretches with their names.
    pub(crate) acts: Vec<(i64, i64, &'static str)>,
    /// A horizontal line, where there is an objective.
    pub(crate) limit: Option<f64>,
    /// Values above are cut off.
    pub(crate) top: Option<f64>,
}

impl Chart {
    /// The chart as a `<figure>`.
    pub(crate) fn svg(&self) -> String {
        let top = self.highest();
        let x = |at: i64| {
            let whole = (self.span.1 - self.span.0).max(1) as f64;
            LEFT + (at - self.span.0) as f64 / whole * (WIDTH - LEFT)
        };
        let y = |value: f64| (HEIGHT - BOTTOM) * (1.0 - value.min(top) / top);
        let mut svg = format!(
            "<figure><figcaption>{}</figcaption><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">",
            self.title, self.title
        );
        for (from, to, name) in &self.acts {
            let (left, right) = (x(*from), x(*to));
            let _ = write!(
                svg,
                "<rect class=\"act\" x=\"{left:.1}\" y=\"0\" width=\"{:.1}\" height=\"{:.1}\"/>\
                 <text x=\"{:.1}\" y=\"12\">{name}</text>",
                right - left,
                HEIGHT - BOTTOM,
                left + 4.0
            );
        }
        for share in [0.0, 0.5, 1.0] {
            let (at, value) = (y(top * share), top * share);
            let _ = write!(
                svg,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{WIDTH}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{value:.0}</text>",
                LEFT - 6.0,
                (at + 4.0).max(10.0)
            );
        }
        self.write_clock(&mut svg);
        if let Some(limit) = self.limit {
            let at = y(limit);
            let _ = write!(svg, "<line class=\"limit\" x1=\"{LEFT}\" x2=\"{WIDTH}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>");
        }
        if !self.band.is_empty() {
            let upper = self.band.iter().map(|(at, _, high)| format!("{:.1},{:.1}", x(*at), y(*high)));
            let lower = self.band.iter().rev().map(|(at, low, _)| format!("{:.1},{:.1}", x(*at), y(*low)));
            let around: Vec<String> = upper.chain(lower).collect();
            let _ = write!(svg, "<polygon class=\"band\" points=\"{}\"/>", around.join(" "));
        }
        for line in &self.lines {
            for run in line.points.split(|(_, value)| value.is_none()).filter(|run| !run.is_empty()) {
                let points: Vec<String> =
                    run.iter().filter_map(|(at, v)| v.map(|v| format!("{:.1},{:.1}", x(*at), y(v)))).collect();
                let _ = write!(svg, "<polyline class=\"{}\" points=\"{}\"/>", line.class, points.join(" "));
            }
        }
        svg.push_str("</svg><p class=\"legend\">");
        for line in &self.lines {
            let _ = write!(svg, "<span class=\"{}\">━ {}</span> ", line.class, line.name);
        }
        if !self.band.is_empty() {
            svg.push_str("<span class=\"bandname\">■ forecast, 95 % band</span>");
        }
        svg.push_str("</p></figure>");
        svg
    }

    /// The time of day at the ends and the quarters.
    fn write_clock(&self, svg: &mut String) {
        for (quarter, anchor) in (0_i64..).zip(["start", "middle", "middle", "middle", "end"]) {
            let at = LEFT + quarter as f64 / 4.0 * (WIDTH - LEFT);
            let clock = Schedule::clock(self.span.0 + (self.span.1 - self.span.0) * quarter / 4);
            let _ =
                write!(svg, "<text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{clock}</text>", HEIGHT - 4.0);
        }
    }

    fn highest(&self) -> f64 {
        let values = self.lines.iter().flat_map(|line| line.points.iter().filter_map(|(_, value)| *value));
        let all = values.chain(self.band.iter().map(|(_, _, high)| *high)).chain(self.limit);
        let highest = all.filter(|value| value.is_finite()).fold(1.0, f64::max) * 1.05;
        self.top.map_or(highest, |top| highest.min(top))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_parts_the_line_and_nothing_leaves_the_frame() {
        let points = vec![(0, Some(1.0)), (1, Some(900.0)), (2, None), (3, Some(2.0))];
        let chart = Chart {
            title: "t",
            span: (0, 3),
            lines: vec![Line { name: "a", class: "presale", points }],
            band: vec![(0, 1.0, 2.0)],
            acts: vec![(1, 2, "act")],
            limit: Some(5.0),
            top: Some(10.0),
        };
        let svg = chart.svg();
        assert_eq!(svg.matches("<polyline").count(), 2);
        assert!(svg.contains("points=\"48.0,196.2 352.0,0.0\""), "{svg}");
    }
}
