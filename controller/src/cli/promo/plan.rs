//! `presale promo plan`: what a promotion asks of each service, when, and what was seen of past ones.

use std::process::ExitCode;

use kube::Api;
use presale_crds::{Occurrence, PromotionEvent};

use super::named;
use crate::cli::cluster::{Cluster, refusal};
use crate::cli::exit::say;
use crate::cli::output::{Output, columns};

/// Arguments of `presale promo plan`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Promotion to show
    name: String,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    cluster: Cluster,
}

/// Shows the plan.
///
/// # Errors
/// When the promotion does not exist.
pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Args { name, output, cluster } = args;
    let (client, namespace) = cluster.connect().await?;
    let promotions: Api<PromotionEvent> = Api::namespaced(client, &namespace);
    let found = promotions.get(&name).await.map_err(|error| refusal(error, &named(&namespace, &name)))?;
    let status = found.status.clone().unwrap_or_default();
    let phase = status.phase.map_or("not seen by an operator yet", |phase| phase.as_str());
    say(format!("{name}: {phase}"));
    for condition in status.conditions.iter().filter(|c| !c.message.is_empty()) {
        say(format!("  {} {}: {}", condition.type_, condition.status, condition.message));
    }
    output.print(&status.occurrences, |occurrences| {
        let head = ["START", "END", "SERVICE", "PEAK", "SCALE-UP", "UPLIFT SEEN"].map(str::to_owned);
        let mut rows = vec![head];
        rows.extend(occurrences.iter().flat_map(rows_of));
        columns(&rows)
    })?;
    Ok(ExitCode::SUCCESS)
}

fn rows_of(occurrence: &Occurrence) -> Vec<[String; 6]> {
    let mut services: Vec<&str> = occurrence.plan.iter().map(|p| p.service.as_str()).collect();
    services.extend(occurrence.observed_uplift.iter().map(|o| o.service.as_str()));
    services.sort_unstable();
    services.dedup();
    let row = |service: &str| {
        let plan = occurrence.plan.iter().find(|p| p.service == service);
        let seen = occurrence.observed_uplift.iter().find(|o| o.service == service);
        [
            occurrence.start.0.to_string(),
            occurrence.end.0.to_string(),
            service.to_owned(),
            plan.map(|p| p.peak_replicas.to_string()).unwrap_or_default(),
            plan.map(|p| p.scale_up_at.0.to_string()).unwrap_or_default(),
            seen.map(|o| format!("×{}{}", o.mean.0, if o.censored { " or more" } else { "" })).unwrap_or_default(),
        ]
    };
    services.into_iter().map(row).collect()
}
