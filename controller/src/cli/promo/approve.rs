//! `presale promo approve`: a human agrees; schedule and targets are frozen from then on.

use std::process::ExitCode;

use kube::Api;
use kube::api::{Patch, PatchParams};
use presale_crds::PromotionEvent;
use serde_json::json;

use super::named;
use crate::cli::cluster::{Cluster, refusal};
use crate::cli::exit::say;

/// Arguments of `presale promo approve`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Promotion to approve
    name: String,
    /// Who approves
    #[arg(long, env = "USER", value_name = "NAME")]
    by: String,
    #[command(flatten)]
    cluster: Cluster,
}

/// Approves.
///
/// # Errors
/// When the API server refuses.
pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Args { name, by, cluster } = args;
    let (client, namespace) = cluster.connect().await?;
    let promotions: Api<PromotionEvent> = Api::namespaced(client, &namespace);
    let body = json!({"spec": {"approval": {"approvedBy": by}}});
    let params = PatchParams { field_manager: Some("presale-cli".to_owned()), ..PatchParams::default() };
    let patched = promotions.patch(&name, &params, &Patch::Merge(body)).await;
    patched.map_err(|error| refusal(error, &named(&namespace, &name)))?;
    say(format!("{name} is approved by {by}"));
    Ok(ExitCode::SUCCESS)
}
