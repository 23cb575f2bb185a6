//! `presale explain`: why a service has the replicas it has: every input, every term, every clamp.

use std::fmt::Write;
use std::process::ExitCode;

use anyhow::Context;
use jiff::Timestamp;
use presale_planner::{Decision, decide};

use super::cluster::Cluster;
use super::exit::say;
use super::operator_address::OperatorAddress;
use super::output::{Output, columns};
use crate::ledger::Record;

/// Arguments of `presale explain`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// `ShopService` to explain
    shop: String,
    /// The decision in force at that instant, such as 2026-11-27T19:40:00Z; default: the last one
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
    /// Decide again from the recorded inputs and compare; exits with 1 where the decision differs
    #[arg(long)]
    replay: bool,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    operator: OperatorAddress,
    #[command(flatten)]
    cluster: Cluster,
}

/// Explains.
///
/// # Errors
/// When no operator answers, or it has no decision for that time.
pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Args { shop, at, replay, output, operator, cluster } = args;
    let (client, namespace) = cluster.connect().await?;
    let query = at.map(|at| format!("?at={at}")).unwrap_or_default();
    let record: Record = operator.get(&client, &format!("/explain/{namespace}/{shop}{query}")).await?;
    output.print(&record, |record| sentence(&shop, &record.decision))?;
    if !replay {
        return Ok(ExitCode::SUCCESS);
    }
    let again = serde_json::to_vec(&decide(&record.input)).context("replay")?;
    let recorded = serde_json::to_vec(&record.decision).context("replay")?;
    if again == recorded {
        say("replayed: the same decision, byte for byte");
        return Ok(ExitCode::SUCCESS);
    }
    say("replayed: this version of presale decides otherwise from the same inputs:");
    say(String::from_utf8_lossy(&again));
    Ok(ExitCode::FAILURE)
}

/// A decision for people.
fn sentence(shop: &str, decision: &Decision) -> String {
    let mut text = String::new();
    let Decision { at, outcome, reason, message, current, desired, .. } = decision;
    let (outcome, reason) = (outcome.as_str(), reason.as_str());
    let _infallible =
        writeln!(text, "{shop}: {current} → {desired} replicas, {outcome} ({reason}) at {at:.0}\n{message}\n");
    let shown = |floor: Option<u32>| floor.map_or_else(|| "unknown".to_owned(), |n| n.to_string());
    let mut rows = vec![["TERM", "REPLICAS"].map(str::to_owned)];
    rows.push(["forecast".to_owned(), shown(decision.forecast_floor)]);
    rows.push(["live load".to_owned(), shown(decision.reactive_floor)]);
    rows.push([
        "promotions".to_owned(),
        decision.promotion_floor.map_or_else(|| "none near".to_owned(), |n| n.to_string()),
    ]);
    text.push_str(&columns(&rows));
    if !decision.clamps.is_empty() {
        let mut rows = vec![["HELD OR CUT BY", "FROM", "TO"].map(str::to_owned)];
        rows.extend(decision.clamps.iter().map(|c| [c.by.as_str().to_owned(), c.from.to_string(), c.to.to_string()]));
        text.push('\n');
        text.push_str(&columns(&rows));
    }
    let mut rows = vec![["INPUT", "STATE", "DETAIL"].map(str::to_owned)];
    rows.extend(decision.inputs.iter().map(|i| [i.name.clone(), i.state.clone(), i.detail.clone()]));
    text.push('\n');
    text.push_str(&columns(&rows));
    if let Some(next) = &decision.next {
        let _infallible =
            writeln!(text, "\nnext: {} replicas at {:.0} ({})", next.replicas, next.at, next.reason.as_str());
    }
    text
}

#[cfg(test)]
mod tests {
    use presale_planner::{Clamp, InputState, Outcome, Reason};

    use super::*;

    #[test]
    fn a_decision_reads_as_one_page() {
        let decision = Decision {
            at: "2026-11-27T18:40:00Z".parse().unwrap(),
            outcome: Outcome::ScaledUp,
            reason: Reason::Promotion,
            message: "12 replicas for black-friday".to_owned(),
            current: 4,
            desired: 12,
            recommendation: 12,
            forecast_floor: Some(5),
            reactive_floor: None,
            promotion_floor: Some(14),
            write: true,
            clamps: vec![Clamp { by: Reason::MaxReplicas, from: 14, to: 12 }],
            inputs: vec![InputState { name: "load".into(), state: "Empty".into(), detail: String::new() }],
            next: None,
            next_check: jiff::SignedDuration::from_secs(15),
        };
        let text = sentence("catalog", &decision);
        for part in [
            "catalog: 4 → 12 replicas, ScaledUp (Promotion)",
            "live load   unknown",
            "MaxReplicas     14    12",
            "load   Empty",
        ] {
            assert!(text.contains(part), "{part:?} is not in:\n{text}");
        }
    }
}
