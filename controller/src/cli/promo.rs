//! `presale promo`: plan a rush, see its plan, agree to it, end it.

use std::process::ExitCode;

use clap::Subcommand;

mod approve;
mod cancel;
mod create;
mod list;
mod plan;

/// Arguments of `presale promo`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Schedule a promotion
    Create(create::Args),
    /// List promotions with phase and start
    List(list::Args),
    /// Show what a promotion asks of each service, and when
    Plan(plan::Args),
    /// Agree to a promotion that waits for approval
    Approve(approve::Args),
    /// End a promotion; what it raised ramps down
    Cancel(cancel::Args),
}

/// Runs the subcommand.
///
/// # Errors
/// As the subcommand states.
pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::Create(args) => create::run(args).await,
        Command::List(args) => list::run(args).await,
        Command::Plan(args) => plan::run(args).await,
        Command::Approve(args) => approve::run(args).await,
        Command::Cancel(args) => cancel::run(args).await,
    }
}

/// The API of promotions, and how one is named for people.
pub(crate) fn named(namespace: &str, name: &str) -> String {
    format!("PromotionEvent {namespace}/{name}")
}
