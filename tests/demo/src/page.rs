//! The verdict as one HTML page with charts, light and dark, and as JSON beside it.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context;
use presale_shop::PROMOTED;
use serde::Serialize;

use crate::chart::{Chart, Line};
use crate::records::Seconds;
use crate::scenario::{self, SIDES, Schedule};
use crate::size::Size;
use crate::table;
use crate::verdict::{Story, Verdict};
use crate::watch::{Frame, Staffed};
use crate::whole::Seen;

/// Everything that was seen.
#[derive(Debug, Serialize)]
pub(crate) struct Material<'a> {
    /// When what happened.
    pub(crate) schedule: &'a Schedule,
    /// What a pod can do here.
    pub(crate) size: Size,
    /// The cluster, second by second.
    pub(crate) frames: &'a [Frame],
    /// The load, second by second.
    pub(crate) seconds: &'a Seconds,
    /// The sick pod.
    pub(crate) story: &'a Story,
    /// What it came to.
    pub(crate) verdict: &'a Verdict,
}

/// Writes `verdict.html` and `verdict.json` into a folder.
///
/// # Errors
/// Where the folder or a file cannot be written.
pub(crate) fn write(folder: &Path, material: &Material<'_>) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
    let files = [("verdict.json", serde_json::to_string_pretty(material)?), ("verdict.html", html(material))];
    for (name, text) in files {
        std::fs::write(folder.join(name), text).with_context(|| format!("write {name}"))?;
    }
    Ok(())
}

const STYLE: &str = "\
:root{color-scheme:light dark;--fg:#1b1f24;--bg:#fff;--soft:#57606a;--grid:#d8dee4;--presale:#0969da;--hpa:#cf5b00;\
--load:#1a7f37;--bad:#cf222e;--band:#0969da26;--act:#0000000a}\
@media(prefers-color-scheme:dark){:root{--fg:#e6edf3;--bg:#0d1117;--soft:#8d96a0;--grid:#30363d;--presale:#58a6ff;\
--hpa:#f0883e;--load:#3fb950;--bad:#f85149;--band:#58a6ff2e;--act:#ffffff0d}}\
body{font:16px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:var(--fg);background:var(--bg)}\
table{border-collapse:collapse;width:100%}td,th{padding:.3rem .6rem;text-align:right;border-bottom:1px solid var(--grid)}\
td:nth-child(-n+2),th:nth-child(-n+2){text-align:left}figure{margin:2rem 0}figcaption{font-weight:600}\
svg{width:100%;height:auto}svg text{font-size:11px;fill:var(--soft)}polyline{fill:none;stroke-width:1.8}\
polyline.presale{stroke:var(--presale)}polyline.hpa{stroke:var(--hpa)}polyline.load{stroke:var(--load)}\
polyline.median{stroke:var(--presale);stroke-dasharray:4 3;stroke-width:1.2}polyline.thin{stroke:var(--soft);stroke-width:1}\
span.presale,span.median,span.bandname{color:var(--presale)}span.hpa{color:var(--hpa)}span.load{color:var(--load)}\
span.thin{color:var(--soft)}.band{fill:var(--band)}.act{fill:var(--act)}.grid{stroke:var(--grid)}\
.limit{stroke:var(--bad);stroke-dasharray:3 3}.legend{margin:.2rem 0;font-size:.85rem}.kept{color:var(--load)}\
.broken{color:var(--bad)}pre{white-space:pre-wrap;color:var(--soft);font-size:.85rem}ul{list-style:none;padding:0}li{margin:.2rem 0}";

fn html(material: &Material<'_>) -> String {
    let verdict = material.verdict;
    let (class, headline) = match (verdict.void, verdict.passed()) {
        (true, _) => ("broken", "Void: the machine was too busy"),
        (false, true) => ("kept", "Every promise was kept"),
        (false, false) => ("broken", "Not every promise was kept"),
    };
    let mut html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>Presale beside an HPA</title><style>{STYLE}</style>\
         <h1>Presale beside an HPA</h1><p class=\"{class}\"><strong>{headline}.</strong> \
         Least idle share of the machine's processors over 15 s of an act: {:.0} %.</p><ul>",
        verdict.least_idle * 100.0
    );
    for promise in &verdict.promises {
        let (class, mark) = if promise.kept { ("kept", "✓") } else { ("broken", "✗") };
        let (what, measured) = (escaped(&promise.what), escaped(&promise.measured));
        let _ = write!(html, "<li><span class=\"{class}\">{mark}</span> {what}: <strong>{measured}</strong></li>");
    }
    html.push_str("</ul>");
    html.push_str(&figures(verdict));
    html.push_str(&shop(&material.story.whole));
    for chart in charts(material) {
        html.push_str(&chart.svg());
    }
    let _ = writeln!(
        html,
        "<h2>How it was played</h2><pre>{}</pre></html>",
        escaped(&table::announcement(material.schedule, material.size))
    );
    html
}

fn figures(verdict: &Verdict) -> String {
    let mut html = "<table><tr><th>Act<th>Side<th>Requests<th>Failed<th>Worst p99<th>Seconds over SLO\
                    <th>Replica-minutes</tr>"
        .to_owned();
    let acts = verdict.acts.iter().map(|(act, figures)| (act.title(), figures));
    for (title, sides) in acts.chain([("From start to end", &verdict.whole)]) {
        for (side, figures) in SIDES.iter().zip(sides) {
            let p99 = figures.worst_p99_ms.map_or("none".to_owned(), |ms| format!("{ms:.0} ms"));
            let _ = write!(
                html,
                "<tr><td>{title}<td>{side}<td>{}<td>{}<td>{p99}<td>{}<td>{:.1}</tr>",
                figures.requests, figures.failed, figures.seconds_over, figures.replica_minutes
            );
        }
    }
    html.push_str("</table>");
    html
}

/// The services of the whole shop that the promotion reached.
fn shop(seen: &Seen) -> String {
    let mut html =
        "<table><tr><th>The whole shop<th><th>Scaled before the promotion<th>Ready before it</tr>".to_owned();
    let told = |seconds: Option<i64>| seconds.map_or("never".to_owned(), |seconds| format!("{seconds} s"));
    for ((service, _), (ordered, ready)) in PROMOTED.iter().zip(seen.ordered.into_iter().zip(seen.ready)) {
        let _ = write!(html, "<tr><td>{service}<td><td>{}<td>{}</tr>", told(ordered), told(ready));
    }
    html.push_str("</table>");
    html
}

fn charts(material: &Material<'_>) -> [Chart; 4] {
    let s = material.schedule;
    let frames: Vec<&Frame> = material.frames.iter().filter(|frame| (s.open..=s.close).contains(&frame.at)).collect();
    let span = (s.open, s.close);
    let acts = || {
        vec![
            (s.rise, s.fall, "daily rise"),
            (s.fault, s.fault_over, "sick pod"),
            (s.promotion, s.promotion_over, "promotion"),
        ]
    };
    let of = |value: &dyn Fn(&Frame) -> Option<f64>| frames.iter().map(|f| (f.at, value(f))).collect::<Vec<_>>();
    let p99 = |side: usize| {
        material
            .seconds
            .range(s.open..=s.close)
            .map(|(at, sides)| (*at, sides[side].and_then(|second| second.p99_ms)))
            .collect::<Vec<_>>()
    };
    let line = |name, class, points| Line { name, class, points };
    let chart = |title, lines| Chart { title, span, lines, band: Vec::new(), acts: acts(), limit: None, top: None };
    let load = [
        line("forecast, median", "median", of(&|f| f.band.map(|band| band[1]))),
        line("load as Presale reads it", "load", of(&|f| f.load)),
    ];
    let load = Chart {
        band: frames.iter().filter_map(|f| f.band.map(|[low, _, high]| (f.at, low, high))).collect(),
        ..chart("Load and its forecast, requests per second", load.into())
    };
    let ready = |side: usize| of(&|f| f.ready[side].map(f64::from));
    let replicas = [
        line("decided by Presale", "thin", of(&|f| f.decision.as_ref().map(|d| f64::from(d.desired)))),
        line("HPA twin", "hpa", ready(1)),
        line("Presale", "presale", ready(0)),
    ];
    let latency = [line("HPA twin", "hpa", p99(1)), line("Presale", "presale", p99(0))];
    let latency_title = "99th percentile of each second, milliseconds (cut off at ten times the objective)";
    let latency = Chart {
        limit: Some(scenario::SLO.as_secs_f64() * 1000.0),
        top: Some(scenario::SLO.as_secs_f64() * 10_000.0),
        ..chart(latency_title, latency.into())
    };
    let pods = |count: fn(&Staffed) -> u32| of(&|f| Some(f64::from(f.shop.as_ref()?.iter().map(count).sum::<u32>())));
    let shop = [
        line("decided by Presale", "thin", pods(|service| service.desired)),
        line("Ready", "presale", pods(|service| service.ready)),
    ];
    let shop = chart("The whole shop: Ready pods of its ten services", shop.into());
    [load, chart("Ready pods", replicas.into()), latency, shop]
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
