//! The command line: one variant per command, each with its own file of arguments and behaviour.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub(crate) mod backtest;
pub(crate) mod completion;
pub(crate) mod conditions;
pub(crate) mod doctor;
pub(crate) mod exit;
pub(crate) mod explain;
pub(crate) mod forecast;
pub(crate) mod inspect;
pub(crate) mod live_recording;
pub(crate) mod output;
pub(crate) mod pin;
pub(crate) mod promo;
pub(crate) mod reach;
pub(crate) mod run;
pub(crate) mod top;
pub(crate) mod trace_forecast;
pub(crate) mod traces;
pub(crate) mod train;
pub(crate) mod version;

/// Scales a shop ahead of its rush: the operator, and the commands that show and steer it.
///
/// Data goes to stdout, progress and remarks to stderr.
#[derive(Parser, Debug)]
#[command(name = "presale", version, about, propagate_version = true, after_help = exit::HELP)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// What can be asked.
#[derive(Subcommand, Debug)]
#[expect(clippy::large_enum_variant, reason = "one is made per process")]
enum Command {
    /// Run the operator
    Run(run::Args),
    /// Check everything that the operator needs, and say how to cure what is wrong
    Doctor(doctor::Args),
    /// Watch the services: replicas, load, forecast, promotions
    Top(top::Args),
    /// Explain why a service has the replicas it has
    Explain(explain::Args),
    /// Show the load that is expected of a service, or of a recording
    Forecast(forecast::Args),
    /// Prove on recorded traffic what every autoscaler would have cost and lost
    Backtest(Box<backtest::Args>),
    /// Train a model on a recording and write its artifact
    Train(train::Args),
    /// Show what is in a model's artifact
    Inspect(inspect::Args),
    /// Hold a service at a number of replicas
    Pin(pin::Args),
    /// Let go of a pinned service
    Unpin(pin::UnpinArgs),
    /// Plan promotions: create, list, plan, approve, cancel
    Promo(promo::Args),
    /// Print versions of this program and of the API server
    Version(version::Args),
    /// Print a completion script for a shell
    Completion(completion::Args),
}

impl Cli {
    /// Runs the command.
    #[expect(clippy::cognitive_complexity, reason = "one arm per command, nothing nested")]
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Run(args) => run::run(args).await,
            Command::Doctor(args) => doctor::run(args).await,
            Command::Top(args) => top::run(args).await,
            Command::Explain(args) => explain::run(args).await,
            Command::Forecast(args) => forecast::run(args).await,
            Command::Backtest(args) => backtest::run(*args).await,
            Command::Train(args) => train::run(args).await,
            Command::Inspect(args) => inspect::run(args).await,
            Command::Pin(args) => pin::run(args).await,
            Command::Unpin(args) => pin::unpin(args).await,
            Command::Promo(args) => promo::run(args).await,
            Command::Version(args) => version::run(args).await,
            Command::Completion(args) => completion::run(&args),
        }
    }
}

/// The arguments, with the program named as the user called it: as `kubectl-presale` it is `kubectl presale`.
pub(crate) fn arguments(given: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = given.collect();
    let plugin = |program: &OsString| Path::new(program).file_stem().is_some_and(|stem| stem == "kubectl-presale");
    if let Some(program) = arguments.first_mut().filter(|program| plugin(program)) {
        *program = "kubectl presale".into();
    }
    arguments
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_are_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_plugin_is_named_as_kubectl_calls_it() {
        let given = ["/usr/local/bin/kubectl-presale", "version"].map(OsString::from);
        assert_eq!(arguments(given.into_iter()), ["kubectl presale", "version"]);
        let given = ["/usr/local/bin/presale", "version"].map(OsString::from);
        assert_eq!(arguments(given.clone().into_iter()), given);
    }
}
