//! `presale promo cancel`: a human ends a promotion; it cannot be taken back.

use std::process::ExitCode;

use kube::Api;
use kube::api::{Patch, PatchParams};
use presale_crds::PromotionEvent;
use serde_json::json;

use super::named;
use crate::cli::cluster::{Cluster, refusal};
use crate::cli::exit::say;

/// Arguments of `presale promo cancel`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Promotion to end
    name: String,
    #[command(flatten)]
    cluster: Cluster,
}

/// Cancels.
///
/// # Errors
/// When the API server refuses.
pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Args { name, cluster } = args;
    let (client, namespace) = cluster.connect().await?;
    let promotions: Api<PromotionEvent> = Api::namespaced(client, &namespace);
    let body = json!({"spec": {"cancelled": true}});
    let params = PatchParams { field_manager: Some("presale-cli".to_owned()), ..PatchParams::default() };
    let patched = promotions.patch(&name, &params, &Patch::Merge(body)).await;
    patched.map_err(|error| refusal(error, &named(&namespace, &name)))?;
    say(format!("{name} is cancelled; what it raised ramps down"));
    Ok(ExitCode::SUCCESS)
}
