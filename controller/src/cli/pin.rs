//! `presale pin` and `presale unpin`: a human's count, shown and never fought.

use std::process::ExitCode;

use kube::Api;
use kube::api::{Patch, PatchParams};
use presale_crds::ShopService;
use serde_json::{Value, json};

use super::cluster::{Cluster, refusal};
use super::exit::say;

/// Arguments of `presale pin`.
#[derive(clap::Args, Debug)]
pub(crate) struct PinArgs {
    /// `ShopService` to pin
    shop: String,
    /// Replicas, within its bounds
    #[arg(value_parser = clap::value_parser!(u32).range(1..=10_000))]
    replicas: u32,
    #[command(flatten)]
    cluster: Cluster,
}

/// Arguments of `presale unpin`.
#[derive(clap::Args, Debug)]
pub(crate) struct UnpinArgs {
    /// `ShopService` to release
    shop: String,
    #[command(flatten)]
    cluster: Cluster,
}

/// Pins.
///
/// # Errors
/// When the API server refuses; its message names field and cure.
pub(crate) async fn pin(args: PinArgs) -> anyhow::Result<ExitCode> {
    let PinArgs { shop, replicas, cluster } = args;
    patch(&cluster, &shop, json!(replicas)).await?;
    say(format!("{shop} is pinned to {replicas} replicas until `presale unpin {shop}`"));
    Ok(ExitCode::SUCCESS)
}

/// Releases.
///
/// # Errors
/// When the API server refuses.
pub(crate) async fn unpin(args: UnpinArgs) -> anyhow::Result<ExitCode> {
    let UnpinArgs { shop, cluster } = args;
    patch(&cluster, &shop, Value::Null).await?;
    say(format!("{shop} is no longer pinned"));
    Ok(ExitCode::SUCCESS)
}

async fn patch(cluster: &Cluster, shop: &str, fixed: Value) -> anyhow::Result<()> {
    let (client, namespace) = cluster.connect().await?;
    let shops: Api<ShopService> = Api::namespaced(client, &namespace);
    let body = json!({"spec": {"replicas": {"fixed": fixed}}});
    let params = PatchParams { field_manager: Some("presale-cli".to_owned()), ..PatchParams::default() };
    shops
        .patch(shop, &params, &Patch::Merge(body))
        .await
        .map(drop)
        .map_err(|error| refusal(error, &format!("ShopService {namespace}/{shop}")))
}
