//! `presale pin` and `presale unpin`: a human holds the replicas of a service, and lets go.

use std::process::ExitCode;

use kube::Api;
use kube::api::{Patch, PatchParams};
use presale_crds::ShopService;
use serde_json::json;

use super::exit::say;
use super::reach::{Place, about};

/// Arguments of `presale pin`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The service
    shop: String,
    /// Replicas to hold, within its bounds
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    replicas: u32,
    #[command(flatten)]
    place: Place,
}

/// Arguments of `presale unpin`.
#[derive(clap::Args, Debug)]
pub(crate) struct UnpinArgs {
    /// The service
    shop: String,
    #[command(flatten)]
    place: Place,
}

/// Pins.
///
/// # Errors
/// Where there is no such service, or the count is outside of its bounds (the API server's words).
pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Args { shop, replicas, place } = args;
    set(&place, &shop, Some(replicas)).await?;
    say(format!("{shop} is pinned to {replicas} replicas until `presale unpin {shop}`"));
    Ok(ExitCode::SUCCESS)
}

/// Lets go.
///
/// # Errors
/// Where there is no such service.
pub(crate) async fn unpin(args: UnpinArgs) -> anyhow::Result<ExitCode> {
    let UnpinArgs { shop, place } = args;
    set(&place, &shop, None).await?;
    say(format!("{shop} is no longer pinned"));
    Ok(ExitCode::SUCCESS)
}

async fn set(place: &Place, shop: &str, replicas: Option<u32>) -> anyhow::Result<()> {
    let (client, namespace) = place.connect().await?;
    let shops: Api<ShopService> = Api::namespaced(client, &namespace);
    let patch = Patch::Merge(json!({"spec": {"replicas": {"fixed": replicas}}}));
    let params = PatchParams { field_manager: Some("presale-cli".to_owned()), ..PatchParams::default() };
    shops.patch(shop, &params, &patch).await.map_err(|error| about("ShopService", &namespace, shop, error))?;
    Ok(())
}
