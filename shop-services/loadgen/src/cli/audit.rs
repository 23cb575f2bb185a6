//! `loadgen audit`: its flags and what it prints.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use crate::audit::{Places, Terms, audit};
use crate::rate;

#[derive(Debug, Args)]
pub(super) struct AuditFlags {
    /// File that says where databases, broker, provider and gateway are; `make shop` names it.
    #[arg(long, value_name = "FILE")]
    places: PathBuf,
    /// Longest wait for the shop to come to rest.
    #[arg(long, default_value = "30s", value_parser = rate::duration)]
    within: f64,
    /// Age at which an order on its way is too old, as orders has it.
    #[arg(long, default_value = "10m", value_parser = rate::duration)]
    deadline: f64,
    /// Orders that a stranger tries to reach.
    #[arg(long, default_value_t = 10)]
    strangers: usize,
    /// File for the report as JSON; standard output where absent.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Audits; exit code 1 where a rule does not hold.
pub(super) async fn execute(flags: AuditFlags) -> anyhow::Result<ExitCode> {
    let AuditFlags { places, within, deadline, strangers, out } = flags;
    let (within, deadline) = (Duration::from_secs_f64(within), Duration::from_secs_f64(deadline));
    let report = audit(&Places::read(&places)?, Terms { within, deadline, strangers }).await?;
    let mut stderr = std::io::stderr();
    for finding in &report.findings {
        let verdict = if finding.broken == 0 { "holds ".to_owned() } else { format!("BROKEN by {}", finding.broken) };
        writeln!(stderr, "{:?} {verdict} {}", finding.invariant, finding.rule)?;
        for example in &finding.examples {
            writeln!(stderr, "      {example}")?;
        }
    }
    let mut out = super::open(out.as_ref())?;
    writeln!(out, "{}", serde_json::to_string(&report)?)?;
    out.flush()?;
    Ok(if report.passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
