//! `presale explain`: why a service has the replicas it has, now or at an earlier time, with every input and clamp.

use std::fmt::Write;
use std::process::ExitCode;

use jiff::Timestamp;
use presale_planner::{Decision, PlanInput, ReserveSize, decide};

use super::exit;
use super::output::{Output, columns};
use super::reach::{Place, Reach};
use crate::ledger::Record;

/// Arguments of `presale explain`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The service
    shop: String,
    /// The decision in force at that time, such as 2026-11-27T19:00:00Z, instead of the last one
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
    /// Decide once more from the recorded facts, and compare
    #[arg(long)]
    replay: bool,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    reach: Reach,
    #[command(flatten)]
    output: Output,
}

/// Explains.
///
/// # Errors
/// Where the operator does not answer or has no such decision.
pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let (client, namespace) = args.place.connect().await?;
    let operator = args.reach.operator(&client).await?;
    let query = args.at.map(|at| format!("?at={at}")).unwrap_or_default();
    let record: Record = operator.get(&format!("/explain/{namespace}/{}{query}", args.shop)).await?;
    args.output.print(&record, |record| table(&args.shop, record))?;
    if !args.replay {
        return Ok(ExitCode::SUCCESS);
    }
    let again = decide(&record.input);
    if again == record.decision {
        exit::say("replayed: the same facts give the same decision");
        return Ok(ExitCode::SUCCESS);
    }
    exit::say(format!("replayed: this version decides {} ({})", again.desired, again.message));
    Ok(ExitCode::from(exit::FOUND_WRONG))
}

fn table(shop: &str, record: &Record) -> String {
    let Record { at, decision, input } = record;
    let mut text =
        format!("{shop}: {} ({})\n{}\n\n", decision.outcome.as_str(), decision.reason.as_str(), decision.message);
    text.push_str(&columns(&terms(*at, decision, input)));
    if !decision.clamps.is_empty() {
        text.push_str("\nWhat changed the count, in order:\n");
        let rows = decision.clamps.iter().map(|c| [format!("  {}", c.by.as_str()), format!("{} -> {}", c.from, c.to)]);
        text.push_str(&columns(&rows.collect::<Vec<_>>()));
    }
    text.push_str("\nWhat it rests on:\n");
    let rows = decision.inputs.iter().map(|i| [format!("  {}", i.name), i.state.clone(), i.detail.clone()]);
    text.push_str(&columns(&rows.collect::<Vec<_>>()));
    if let Some(next) = &decision.next {
        let _infallible =
            writeln!(text, "\nNext: {} replicas at {} ({})", next.replicas, next.at, next.reason.as_str());
    }
    text
}

fn terms(at: Timestamp, decision: &Decision, input: &PlanInput) -> Vec<[String; 2]> {
    let count = |n: Option<u32>| n.map(|n| n.to_string()).unwrap_or_default();
    let rate = |n: Option<f64>| n.map(|n| format!("{n:.1}")).unwrap_or_default();
    let row = |name: &str, value: String| [name.to_owned(), value];
    let mut rows = vec![
        row("decided", Timestamp::from_second(at.as_second()).unwrap_or(at).to_string()),
        row("current", decision.current.to_string()),
        row("desired", decision.desired.to_string()),
        row("forecast asks for", count(decision.forecast_floor)),
        row("live load asks for", count(decision.reactive_floor)),
        row("promotions ask for", count(decision.promotion_floor)),
        row("bounds", format!("{} to {}", input.policy.min, input.policy.max)),
        row("load per replica (p10, p50)", format!("{}, {}", rate(input.capacity_p10), rate(input.capacity_p50))),
        row("lead time", format!("{:#}", input.lead_time)),
    ];
    rows.extend(reserve(decision, input));
    rows
}

/// Active, warm and cold, and why each.
fn reserve(decision: &Decision, input: &PlanInput) -> Vec<[String; 2]> {
    let (Some(held), Some(wanted)) = (input.reserve, decision.reserve) else { return Vec::new() };
    let size = match held.policy.size {
        ReserveSize::Auto => format!("as many as may be needed within the lead time, at most {}", held.policy.max),
        ReserveSize::Replicas(count) => format!("scaling.reserve.size is {count}"),
    };
    let deferred = match held.deferred {
        0 => String::new(),
        n => format!("; {n} have no room to grow on their node and are no capacity"),
    };
    let row = |name: &str, value: String| [name.to_owned(), value];
    vec![
        row("active", format!("{} ready of {} for the load of this moment", input.replicas.ready, decision.desired)),
        row("warm", format!("{} out of service of {} wanted: {size}{deferred}", held.warm, wanted.replicas)),
        row("cold", format!("{} starting", input.replicas.starting)),
    ]
}
