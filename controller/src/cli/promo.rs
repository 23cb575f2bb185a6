//! `presale promo`: promotions are created, listed, looked at, approved and cancelled.

use std::fmt::Write;
use std::process::ExitCode;

use kube::api::{ListParams, Patch, PatchParams};
use kube::{Api, ResourceExt};
use presale_crds::{ConditionType, PromotionEvent};
use serde_json::json;

use super::conditions::condition;
use super::exit::say;
use super::output::{Output, columns};
use super::reach::{Place, about, unreachable};

mod create;

/// Arguments of `presale promo`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand, Debug)]
enum Verb {
    /// Create a promotion
    Create(Box<create::Args>),
    /// List promotions
    List(ListArgs),
    /// Show what is planned for a promotion, and what was learned
    Plan(PlanArgs),
    /// Approve a promotion
    Approve(ApproveArgs),
    /// Cancel a promotion: what it raised ramps down
    Cancel(CancelArgs),
}

#[derive(clap::Args, Debug)]
struct ListArgs {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    output: Output,
}

#[derive(clap::Args, Debug)]
struct PlanArgs {
    /// The promotion
    name: String,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    output: Output,
}

#[derive(clap::Args, Debug)]
struct ApproveArgs {
    /// The promotion
    name: String,
    /// Who approves
    #[arg(long, env = "USER", value_name = "NAME")]
    by: String,
    #[command(flatten)]
    place: Place,
}

#[derive(clap::Args, Debug)]
struct CancelArgs {
    /// The promotion
    name: String,
    #[command(flatten)]
    place: Place,
}

/// Does it.
///
/// # Errors
/// Where there is no such promotion, or the API server refuses (its words).
pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.verb {
        Verb::Create(args) => create::run(*args).await?,
        Verb::List(args) => list(args).await?,
        Verb::Plan(args) => plan(args).await?,
        Verb::Approve(ApproveArgs { name, by, place }) => {
            patch(&place, &name, &json!({"spec": {"approval": {"approvedBy": by}}})).await?;
            say(format!("{name} is approved by {by}; its schedule and targets are frozen"));
        }
        Verb::Cancel(CancelArgs { name, place }) => {
            patch(&place, &name, &json!({"spec": {"cancelled": true}})).await?;
            say(format!("{name} is cancelled; what it raised ramps down"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn patch(place: &Place, name: &str, change: &serde_json::Value) -> anyhow::Result<()> {
    let (client, namespace) = place.connect().await?;
    let events: Api<PromotionEvent> = Api::namespaced(client, &namespace);
    let params = PatchParams { field_manager: Some("presale-cli".to_owned()), ..PatchParams::default() };
    let patched = events.patch(name, &params, &Patch::Merge(change)).await;
    patched.map_err(|error| about("PromotionEvent", &namespace, name, error))?;
    Ok(())
}

async fn list(args: ListArgs) -> anyhow::Result<()> {
    let (client, namespace) = args.place.connect().await?;
    let events: Api<PromotionEvent> = Api::namespaced(client, &namespace);
    let mut all = events.list(&ListParams::default()).await.map_err(unreachable)?.items;
    all.sort_by_key(|event| (start(event), event.name_any()));
    args.output.print(&all, |all| {
        let mut rows = vec![["NAME", "PHASE", "KIND", "START", "DURATION", "SCALE-UP", "FEASIBLE"].map(str::to_owned)];
        rows.extend(all.iter().map(row));
        columns(&rows)
    })
}

fn start(event: &PromotionEvent) -> Option<jiff::Timestamp> {
    event.status.as_ref()?.occurrences.last().map(|occurrence| occurrence.start.0)
}

fn row(event: &PromotionEvent) -> [String; 7] {
    let status = event.status.clone().unwrap_or_default();
    let current = status.occurrences.last();
    let first = current.and_then(|occurrence| occurrence.plan.iter().map(|plan| plan.scale_up_at.0).min());
    let feasible = condition(&status.conditions, ConditionType::Feasible);
    [
        event.name_any(),
        status.phase.map(|phase| phase.as_str().to_owned()).unwrap_or_default(),
        event.spec.kind.clone(),
        current.map_or_else(|| event.spec.schedule.start.clone(), |occurrence| occurrence.start.0.to_string()),
        event.spec.schedule.duration.0.clone(),
        first.map(|at| at.to_string()).unwrap_or_default(),
        feasible.map(|c| if c.status == "True" { c.status.clone() } else { c.reason.clone() }).unwrap_or_default(),
    ]
}

async fn plan(args: PlanArgs) -> anyhow::Result<()> {
    let (client, namespace) = args.place.connect().await?;
    let events: Api<PromotionEvent> = Api::namespaced(client, &namespace);
    let event = events.get(&args.name).await.map_err(|error| about("PromotionEvent", &namespace, &args.name, error))?;
    args.output.print(&event, table)
}

fn table(event: &PromotionEvent) -> String {
    let status = event.status.clone().unwrap_or_default();
    let phase = status.phase.map_or("not seen by the operator yet", |phase| phase.as_str());
    let mut text = format!("{}: {phase}\n", event.name_any());
    for kind in [ConditionType::Approved, ConditionType::Feasible, ConditionType::Overlapping, ConditionType::Learned] {
        if let Some(found) = condition(&status.conditions, kind) {
            let _infallible = writeln!(text, "{} {} ({}): {}", found.type_, found.status, found.reason, found.message);
        }
    }
    let mut rows = vec![["START", "END", "SERVICE", "PEAK", "SCALE-UP", "UPLIFT"].map(str::to_owned)];
    for occurrence in &status.occurrences {
        for plan in &occurrence.plan {
            let observed = occurrence.observed_uplift.iter().find(|observed| observed.service == plan.service);
            rows.push([
                occurrence.start.0.to_string(),
                occurrence.end.0.to_string(),
                plan.service.clone(),
                plan.peak_replicas.to_string(),
                plan.scale_up_at.0.to_string(),
                observed.map(|o| format!("{}×{}", if o.censored { "≥ " } else { "" }, o.mean.0)).unwrap_or_default(),
            ]);
        }
    }
    text.push('\n');
    text.push_str(&columns(&rows));
    text
}
