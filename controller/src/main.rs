//! `presale`, the operator and its command line: parses the arguments, runs one command, exits with its code.

mod cli;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::Cli;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse_from(cli::arguments(std::env::args_os()));
    match cli.run().await {
        Ok(code) => code,
        Err(error) => cli::exit::failed(&error),
    }
}
