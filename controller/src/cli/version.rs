//! `presale version`: what this program is, and what the API server is, if one answers.

use std::process::ExitCode;
use std::time::Duration;

use serde::Serialize;

use super::output::{Output, columns};

/// Arguments of `presale version`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Do not ask the API server
    #[arg(long)]
    client: bool,
    #[command(flatten)]
    output: Output,
}

/// Versions as data.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Versions {
    presale: &'static str,
    api: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    kubernetes: Option<String>,
}

/// How long an API server that does not answer is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Prints the versions. A server that does not answer is left out.
///
/// # Errors
/// When stdout is closed.
pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let kubernetes = if args.client { None } else { tokio::time::timeout(PATIENCE, server()).await.ok().flatten() };
    let versions = Versions { presale: env!("CARGO_PKG_VERSION"), api: "presale.dev/v1alpha1".to_owned(), kubernetes };
    args.output.print(&versions, |v| {
        let mut rows = vec![["presale".to_owned(), v.presale.to_owned()], ["api".to_owned(), v.api.clone()]];
        rows.extend(v.kubernetes.clone().map(|version| ["kubernetes".to_owned(), version]));
        columns(&rows)
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn server() -> Option<String> {
    let client = kube::Client::try_default().await.ok()?;
    client.apiserver_version().await.ok().map(|info| info.git_version)
}
