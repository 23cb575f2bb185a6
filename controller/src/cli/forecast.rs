//! `presale forecast SHOP`: what the operator expects, as a table with a band, and how far it is to be trusted.

use std::process::ExitCode;

use presale_models::{LEVELS, QuantileForecast};

use super::cluster::Cluster;
use super::exit::say;
use super::operator_address::OperatorAddress;
use super::output::{Output, columns};
use super::sparkline::sparkline;
use crate::views::ForecastView;

/// Arguments of `presale forecast`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// `ShopService` whose forecast to show
    shop: String,
    /// Rows of the table
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u16).range(1..=1000), value_name = "N")]
    rows: u16,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    operator: OperatorAddress,
    #[command(flatten)]
    cluster: Cluster,
}

/// Shows the forecast.
///
/// # Errors
/// When no operator answers, or it has no model of the service yet.
pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Args { shop, rows, output, operator, cluster } = args;
    let (client, namespace) = cluster.connect().await?;
    let view: ForecastView = operator.get(&client, &format!("/forecast/{namespace}/{shop}")).await?;
    say(format!(
        "{shop}: model {}, trained {:.0}, {}; lead time {:#}",
        view.model,
        view.trained_at,
        if view.trusted { "trusted" } else { "not trusted yet" },
        view.lead_time
    ));
    output.print(&view, |view| table(&view.band, usize::from(rows)))?;
    Ok(ExitCode::SUCCESS)
}

/// The band thinned to `rows` rows, each the highest of its share, with the median as a line above.
fn table(band: &QuantileForecast, rows: usize) -> String {
    let [low, _, median, _, _, p95, high, _] = LEVELS;
    let medians: Vec<Option<f64>> = (0..band.rows().len()).map(|i| band.value(i, median)).collect();
    let top = (0..band.rows().len()).filter_map(|i| band.value(i, high)).fold(0.0, f64::max);
    let every = band.rows().len().div_ceil(rows.max(1)).max(1);
    let mut lines = vec![["TIME", "2.5 %", "MEDIAN", "95 %", "97.5 %"].map(str::to_owned)];
    for first in (0..band.rows().len()).step_by(every) {
        let share = first..(first + every).min(band.rows().len());
        let highest = |level| {
            let most = share.clone().filter_map(|i| band.value(i, level)).reduce(f64::max);
            most.map_or_else(String::new, |value| format!("{value:.1}"))
        };
        lines.push([band.time_of(first).to_string(), highest(low), highest(median), highest(p95), highest(high)]);
    }
    format!("{}\n{}", sparkline(&medians, 96, top), columns(&lines))
}
