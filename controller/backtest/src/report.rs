//! The report: one self-contained HTML page, the JSON of the outcomes and the CSV of every decision.

use std::io::Write;

use jiff::Timestamp;
use serde::Serialize;

use crate::outcome::{Outcome, hours_ratio_interval};
use crate::simulate::{Row, Scenario};

/// Points that a curve of the page has at most.
const POINTS: usize = 2400;

/// Prices that turn hours into money.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Prices {
    /// Of one replica for one hour.
    pub replica_hour: f64,
    /// Of one request that is not served.
    pub lost_request: f64,
}

/// What a policy ran, thinned for the page: the highest ready count per point.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Curve {
    /// The policy's name.
    pub policy: String,
    /// Ready replicas per point.
    pub ready: Vec<u32>,
}

/// What the user stated: shown on the page.
#[derive(Debug, Clone, PartialEq)]
pub struct Stated {
    /// Prices that turn hours into money.
    pub prices: Prices,
    /// The command that makes the page again.
    pub command: String,
}

/// Collects curves while the contest runs.
#[derive(Debug)]
pub struct Curves {
    stride: usize,
    curves: Vec<(usize, usize, Curve)>,
}

impl Curves {
    /// For runs of `ticks` ticks.
    pub fn new(ticks: usize) -> Self {
        Self { stride: ticks.div_ceil(POINTS).max(1), curves: Vec::new() }
    }

    /// Adds a decision of entry `index`.
    pub fn add(&mut self, index: usize, policy: &str, row: Row) {
        let position = self.curves.iter().position(|(i, ..)| *i == index).unwrap_or_else(|| {
            self.curves.push((index, 0, Curve { policy: policy.into(), ready: Vec::new() }));
            self.curves.len() - 1
        });
        let (_, seen, curve) = &mut self.curves[position];
        if seen.is_multiple_of(self.stride) {
            curve.ready.push(row.ready);
        } else if let Some(last) = curve.ready.last_mut() {
            *last = (*last).max(row.ready);
        }
        *seen += 1;
    }

    fn finish(mut self) -> Vec<Curve> {
        self.curves.sort_by_key(|(index, ..)| *index);
        self.curves.into_iter().map(|(.., curve)| curve).collect()
    }
}

#[derive(Serialize)]
struct Page<'a> {
    trace: &'a str,
    start: Timestamp,
    point_seconds: i64,
    capacity: f64,
    load: Vec<f64>,
    curves: Vec<Curve>,
    outcomes: &'a [Outcome],
    events: Vec<(i64, i64, &'a str)>,
    worst: Vec<(Timestamp, f64)>,
    verdict: String,
    saved: String,
    settings: String,
    command: &'a str,
}

/// One sentence: what ours cost and lost beside the HPA.
pub fn verdict(outcomes: &[Outcome], seed: u64) -> String {
    let find = |name: &str| outcomes.iter().find(|o| o.policy == name);
    let (Some(ours), Some(hpa)) = (find("presale"), find("hpa")) else {
        return "The verdict needs both presale and hpa among the policies.".into();
    };
    let saved = 100.0 * (1.0 - ours.replica_hours / hpa.replica_hours.max(1e-12));
    let (low, high) = hours_ratio_interval(ours, hpa, seed);
    let spread = if low.is_finite() {
        format!(" (90 % interval {:.0} to {:.0} %)", 100.0 * (1.0 - high), 100.0 * (1.0 - low))
    } else {
        String::new()
    };
    let amount = if saved >= 0.0 { format!("{saved:.0} % fewer") } else { format!("{:.0} % more", -saved) };
    format!(
        "Presale used {amount} replica-hours than an HPA ({}){spread}, {:.2} × what perfect foresight needs, and left {:.4} % of the requests unserved where the HPA left {:.4} %.",
        hpa.setting,
        ours.oracle_ratio,
        100.0 * ours.unserved_ratio,
        100.0 * hpa.unserved_ratio
    )
}

/// Writes the page.
///
/// # Errors
/// Of the writer, or if a number cannot be written as JSON.
pub fn html(
    out: &mut dyn Write,
    scenario: &Scenario,
    outcomes: &[Outcome],
    curves: Curves,
    stated: &Stated,
) -> std::io::Result<()> {
    let (stride, prices) = (curves.stride, stated.prices);
    let load: Vec<f64> = scenario.loads.chunks(stride).map(|c| c.iter().copied().fold(0.0, f64::max)).collect();
    let find = |name: &str| outcomes.iter().find(|o| o.policy == name);
    let saved = match (find("presale"), find("hpa")) {
        (Some(ours), Some(hpa)) => {
            let lost = |o: &Outcome| o.blocks.iter().map(|b| b.1).sum::<f64>() * prices.lost_request;
            let money = (hpa.replica_hours - ours.replica_hours) * prices.replica_hour + lost(hpa) - lost(ours);
            let days = scenario.loads.len() as f64 / 5760.0;
            format!(
                "{} the HPA by {:.2} per month at {} per replica-hour and {} per lost request",
                if money >= 0.0 { "Cheaper than" } else { "Dearer than" },
                (money / days * 30.0).abs(),
                prices.replica_hour,
                prices.lost_request
            )
        }
        _ => String::new(),
    };
    let page = Page {
        trace: &scenario.name,
        start: scenario.start,
        point_seconds: 15 * i64::try_from(stride).unwrap_or(1),
        capacity: scenario.plant.replica_capacity,
        worst: worst(scenario),
        load,
        curves: curves.finish(),
        outcomes,
        events: scenario.events.iter().map(|e| (e.start.as_second(), e.end.as_second(), e.kind.as_str())).collect(),
        verdict: verdict(outcomes, scenario.seed),
        saved,
        settings: serde_json::to_string_pretty(&scenario.plant)?,
        command: &stated.command,
    };
    // "</" would end the script element that carries the data.
    let data = serde_json::to_string(&page)?.replace("</", "<\\/");
    out.write_all(include_str!("report.html").replace("/*DATA*/null", &data).as_bytes())
}

/// The ten minutes whose load rose most within one lead time: where every policy is tested.
fn worst(scenario: &Scenario) -> Vec<(Timestamp, f64)> {
    let minutes: Vec<f64> = scenario.loads.chunks(4).map(|c| c.iter().sum::<f64>() / c.len() as f64).collect();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few minutes")]
    let lead = (scenario.plant.lead_seconds / 60.0).ceil() as usize;
    let mut rises: Vec<(usize, f64)> = (lead..minutes.len()).map(|i| (i, minutes[i] - minutes[i - lead])).collect();
    rises.sort_by(|a, b| b.1.total_cmp(&a.1));
    rises.iter().take(10).map(|(i, rise)| (scenario.time_of(i * 4), *rise)).collect()
}

/// Header of the decisions' CSV.
pub const CSV_HEADER: &str = "time,policy,load,desired,ready";

/// One line of it.
pub fn csv_line(policy: &str, row: Row) -> String {
    format!("{},{policy},{},{},{}", row.at, row.load, row.desired, row.ready)
}
