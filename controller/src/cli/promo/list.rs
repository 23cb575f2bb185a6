//! `presale promo list`: promotions by their next start.

use std::process::ExitCode;

use kube::api::ListParams;
use kube::{Api, ResourceExt};
use presale_crds::PromotionEvent;

use crate::cli::cluster::{Cluster, refusal};
use crate::cli::output::{Output, columns};

/// Arguments of `presale promo list`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Look in all namespaces
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    cluster: Cluster,
}

/// Lists.
///
/// # Errors
/// When the API server refuses.
pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Args { all_namespaces, output, cluster } = args;
    let (client, namespace) = cluster.connect().await?;
    let promotions: Api<PromotionEvent> =
        if all_namespaces { Api::all(client) } else { Api::namespaced(client, &namespace) };
    let found = promotions.list(&ListParams::default()).await.map_err(|error| refusal(error, "PromotionEvents"))?;
    let mut items = found.items;
    items.sort_by_key(|p| (p.spec.schedule.start.clone(), p.name_any()));
    output.print(&items, |items| {
        let mut rows = vec![["NAMESPACE", "NAME", "PHASE", "KIND", "START", "DURATION", "SERVICES"].map(str::to_owned)];
        rows.extend(items.iter().map(row));
        columns(&rows)
    })?;
    Ok(ExitCode::SUCCESS)
}

fn row(promotion: &PromotionEvent) -> [String; 7] {
    let schedule = &promotion.spec.schedule;
    let phase = promotion.status.as_ref().and_then(|s| s.phase).map(|p| p.as_str().to_owned());
    let services: Vec<String> =
        promotion.spec.targets.iter().map(|t| t.service.clone().unwrap_or_else(|| "(by label)".to_owned())).collect();
    [
        promotion.namespace().unwrap_or_default(),
        promotion.name_any(),
        phase.unwrap_or_default(),
        promotion.spec.kind.clone(),
        format!("{} {}", schedule.start, schedule.time_zone),
        schedule.duration.0.clone(),
        services.join(","),
    ]
}
