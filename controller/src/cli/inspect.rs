//! `presale inspect`: what is in a model's artifact.

use std::path::PathBuf;
use std::process::ExitCode;

use presale_models::ServiceModel;

use super::output::write;

/// Arguments of `presale inspect`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The artifact
    file: PathBuf,
}

/// Checks the artifact and shows what it knows.
///
/// # Errors
/// Where the file cannot be read or is no sound artifact.
#[expect(clippy::unused_async, reason = "every command is run alike")]
pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let bytes = std::fs::read(&args.file)?;
    let model = ServiceModel::from_artifact(&bytes)?;
    let scores = model.scores();
    let word = |value: Option<f64>| value.map_or("unknown".to_owned(), |v| format!("{v:.3}"));
    write(&format!(
        "artifact       {} bytes, checksum good\nmethod         {}\ndata until     {}\ntrusted        {}\nrelative WQL   {} (below 1 is better than the seasonal naive)\ncoverage .95   {}\nscored         {}\n",
        bytes.len(),
        model.name(),
        model.data_until(),
        model.trusted(),
        word(scores.relative_wql),
        word(scores.coverage95),
        scores.scored
    ))?;
    Ok(ExitCode::SUCCESS)
}
