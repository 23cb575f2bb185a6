//! `presale`, the operator and its command line: parses the arguments, runs one command, exits with its code.

mod admin;
mod calendar;
mod cli;
mod clock;
mod config;
mod controllers;
mod error_policy;
mod forecasts;
mod health;
mod leading;
mod learning;
mod ledger;
mod log;
mod measure;
mod model_store;
mod operator;
mod promotion_facts;
mod promotions;
mod readiness;
mod recent;
mod reconcile;
mod reconcile_promotion;
mod reserve;
mod resizing;
mod run;
mod services;
mod signals;
mod tick;
mod trainer;
mod views;

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
