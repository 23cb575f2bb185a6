//! `presale forecast`: the load that is expected of a service, with its band and how far the model is to be trusted.

use std::process::ExitCode;

use jiff::{SignedDuration, Timestamp};
use presale_models::LEVELS;

use super::output::{Output, columns};
use super::reach::{Place, Reach};
use super::trace_forecast::TraceArgs;
use crate::views::ForecastView;

/// Arguments of `presale forecast`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The service
    #[arg(required_unless_present = "trace", conflicts_with = "trace")]
    shop: Option<String>,
    /// How far to look; 6h for a service, 24h for a recording if not given
    #[arg(long, value_name = "DURATION")]
    horizon: Option<SignedDuration>,
    #[command(flatten)]
    trace: TraceArgs,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    reach: Reach,
    #[command(flatten)]
    output: Output,
}

/// How far to look where it is not said.
const HORIZON: SignedDuration = SignedDuration::from_hours(6);
/// Rows of the table, at most.
const ROWS: usize = 24;

/// Shows the forecast.
///
/// # Errors
/// Where the operator does not answer or has no model yet.
pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    if let Some(code) = args.trace.run(args.horizon)? {
        return Ok(code);
    }
    let shop = args.shop.unwrap_or_default();
    let horizon = args.horizon.unwrap_or(HORIZON);
    let (client, namespace) = args.place.connect().await?;
    let operator = args.reach.operator(&client).await?;
    let view: ForecastView = operator.get(&format!("/forecast/{namespace}/{shop}")).await?;
    args.output.print(&view, |view| table(&shop, view, horizon))?;
    Ok(ExitCode::SUCCESS)
}

fn table(shop: &str, view: &ForecastView, horizon: SignedDuration) -> String {
    let word = |value: Option<f64>| value.map_or("unknown".to_owned(), |value| format!("{value:.2}"));
    let trust = if view.trusted { "trusted: it acts" } else { "not trusted yet: live load acts alone" };
    let trained = Timestamp::from_second(view.trained_at.as_second()).unwrap_or(view.trained_at);
    let mut text = format!(
        "{shop}: {} trained {trained}, {trust}\nloss relative to weekly seasonal naive {} (below 1 is better), 95 % coverage {}, lead time {:#}; requests per second:\n",
        view.model,
        word(view.scores.relative_wql),
        word(view.scores.coverage95),
        view.lead_time
    );
    if view.last_good {
        text.push_str("this is the last good model: the newest on disk was damaged\n");
    }
    let band = &view.band;
    let wanted = usize::try_from(horizon.as_secs() / band.step().as_secs().max(1)).unwrap_or(0);
    let rows = band.rows().len().min(wanted.max(1));
    let most = (0..rows).filter_map(|row| band.value(row, LEVELS[6])).fold(0.0, f64::max);
    let mut lines = vec![["TIME", "P2.5", "P50", "P95", "P97.5", "MEDIAN"].map(str::to_owned)];
    for row in (0..rows).step_by(rows.div_ceil(ROWS).max(1)) {
        let at = |level: usize| band.value(row, LEVELS[level]).map(|value| format!("{value:.1}")).unwrap_or_default();
        let median = band.value(row, LEVELS[2]).unwrap_or(0.0);
        let time = band.time_of(row).to_string();
        lines.push([time, at(0), at(2), at(5), at(6), bar(median, most)]);
    }
    text.push('\n');
    text.push_str(&columns(&lines));
    text
}

/// A bar of at most thirty characters.
fn bar(value: f64, most: f64) -> String {
    let share = if most > 0.0 { (value / most).clamp(0.0, 1.0) } else { 0.0 };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 30")]
    let length = (share * 30.0).round() as usize;
    "█".repeat(length)
}
