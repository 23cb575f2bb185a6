//! `presale top`: every service with its replicas, load, forecast and promotions; live on a terminal, a table elsewhere.

use std::io::IsTerminal;
use std::process::ExitCode;

use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};
use presale_crds::{ReserveStatus, ShopService};
use serde::Serialize;

use super::output::{Format, Output, columns};
use super::reach::{Operator, Place, Reach, unreachable};
use crate::views::TopService;

mod live;
mod sparkline;

/// Arguments of `presale top`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Show the services of all namespaces
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// Print once, even on a terminal
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    reach: Reach,
    /// Form of the data; any but a table prints once
    #[command(flatten)]
    output: Output,
}

/// One service: what status says, and what only the operator knows.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Line {
    namespace: String,
    name: String,
    mode: String,
    min: u32,
    max: u32,
    current: Option<u32>,
    ready: Option<u32>,
    starting: Option<u32>,
    reserve: Option<ReserveStatus>,
    desired: Option<u32>,
    next: String,
    reason: String,
    promotion: String,
    live: Option<TopService>,
}

/// Shows the services.
///
/// # Errors
/// Where the API server does not answer. Without the operator, live figures are left out.
pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let (client, namespace) = args.place.connect().await?;
    let scope = (!args.all_namespaces).then_some(namespace);
    let operator = args.reach.operator(&client).await.ok();
    let source = Source { client, scope, operator };
    let on_terminal = std::io::stdout().is_terminal() && std::io::stdin().is_terminal();
    if on_terminal && !args.once && args.output.format == Format::Table {
        live::run(&source).await?;
    } else {
        args.output.print(&source.lines().await?, |lines| table(lines))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Where lines come from.
pub(super) struct Source {
    client: Client,
    scope: Option<String>,
    operator: Option<Operator>,
}

impl Source {
    /// All lines now.
    pub(super) async fn lines(&self) -> anyhow::Result<Vec<Line>> {
        let shops: Api<ShopService> = match &self.scope {
            Some(namespace) => Api::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        };
        let shops = shops.list(&ListParams::default()).await.map_err(unreachable)?.items;
        let live: Vec<TopService> = match &self.operator {
            Some(operator) => operator.get("/top").await.unwrap_or_default(),
            None => Vec::new(),
        };
        Ok(shops.iter().map(|shop| line(shop, &live)).collect())
    }

    /// What is missing, for the title.
    pub(super) fn remark(&self) -> &'static str {
        if self.operator.is_some() { "" } else { " — the operator does not answer: live figures are left out" }
    }
}

fn line(shop: &ShopService, live: &[TopService]) -> Line {
    let status = shop.status.clone().unwrap_or_default();
    let (namespace, name) = (shop.namespace().unwrap_or_default(), shop.name_any());
    let live = live.iter().find(|live| live.namespace == namespace && live.service == name).cloned();
    Line {
        mode: status.mode.map(|mode| mode.as_str().to_owned()).unwrap_or_default(),
        min: shop.spec.replicas.min,
        max: shop.spec.replicas.max,
        current: status.replicas,
        ready: status.ready_replicas,
        starting: status.starting_replicas,
        reserve: status.reserve,
        desired: status.desired_replicas,
        next: status.next.map(|next| next.summary).unwrap_or_default(),
        reason: status.last_decision.map(|decision| decision.reason).unwrap_or_default(),
        promotion: status.promotion.unwrap_or_default(),
        namespace,
        name,
        live,
    }
}

/// Heads of the columns, of the table and of the live view alike.
pub(super) const HEADS: [&str; 12] = [
    "NAME",
    "MODE",
    "NOW",
    "READY",
    "COLD",
    "WARM",
    "DESIRED",
    "NEXT",
    "LOAD",
    "LAST 30 MIN, NEXT 2 H (P95)",
    "REASON",
    "PROMOTION",
];

/// The cells of one line.
pub(super) fn cells(line: &Line) -> [String; 12] {
    let count = |n: Option<u32>| n.map(|n| n.to_string()).unwrap_or_default();
    let seen = line.live.as_ref();
    [
        line.name.clone(),
        line.mode.clone(),
        count(line.current),
        count(line.ready),
        count(line.starting),
        line.reserve.map(warm).unwrap_or_default(),
        count(line.desired),
        line.next.clone(),
        seen.map(load).unwrap_or_default(),
        seen.map(|seen| sparkline::of(&seen.recent, &seen.expected)).unwrap_or_default(),
        line.reason.clone(),
        line.promotion.clone(),
    ]
}

/// `2/3`: warm pods of those wanted; with those whose node has no room for their growth.
fn warm(reserve: ReserveStatus) -> String {
    let deferred = if reserve.deferred > 0 { format!(" -{}", reserve.deferred) } else { String::new() };
    format!("{}/{}{deferred}", reserve.warm, reserve.wanted)
}

fn load(live: &TopService) -> String {
    match (live.load, live.band) {
        (Some(load), Some([low, high])) => format!("{load:.0} in {low:.0}..{high:.0}"),
        (Some(load), None) => format!("{load:.0}"),
        (None, _) => live.load_state.clone(),
    }
}

fn table(lines: &[Line]) -> String {
    let mut rows = vec![HEADS.map(str::to_owned)];
    rows.extend(lines.iter().map(cells));
    columns(&rows)
}
