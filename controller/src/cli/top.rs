//! `presale top`: every service at a glance, live on a terminal, a plain table elsewhere.

use std::io::IsTerminal;
use std::process::ExitCode;

use anyhow::Context;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};
use presale_crds::ShopService;
use serde::Serialize;

mod live;
mod table;

use super::cluster::{Cluster, refusal};
use super::operator_address::OperatorAddress;
use super::output::{Format, Output};
use crate::views::TopService;

/// Arguments of `presale top`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Look in all namespaces
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// Print once, also on a terminal
    #[arg(long)]
    once: bool,
    /// Time between two looks
    #[arg(long, default_value = "2s", value_name = "DURATION")]
    every: jiff::SignedDuration,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    operator: OperatorAddress,
    #[command(flatten)]
    cluster: Cluster,
}

/// One service: what its status says, and what the operator adds while it runs.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Row {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) mode: String,
    pub(crate) min: u32,
    pub(crate) max: u32,
    pub(crate) replicas: Option<u32>,
    pub(crate) ready: Option<u32>,
    pub(crate) desired: Option<u32>,
    pub(crate) next: String,
    pub(crate) reason: String,
    pub(crate) message: String,
    pub(crate) promotion: String,
    /// Absent where no operator answers.
    pub(crate) live: Option<TopService>,
}

/// Shows the services until the user leaves, or once.
///
/// # Errors
/// When the API server refuses, or the terminal does.
pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let (client, namespace) = args.cluster.connect().await?;
    let source = Source { client, operator: args.operator, namespace: (!args.all_namespaces).then_some(namespace) };
    let watches = args.output.format == Format::Table && !args.once && std::io::stdout().is_terminal();
    if watches {
        live::show(&source, args.every.unsigned_abs()).await.context("terminal")?;
    } else {
        let (rows, remark) = source.look().await?;
        if let Some(remark) = remark {
            super::exit::say(remark);
        }
        args.output.print(&rows, |rows| table::table(rows))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Where rows come from.
pub(crate) struct Source {
    client: Client,
    operator: OperatorAddress,
    namespace: Option<String>,
}

impl Source {
    /// All rows now, and a remark where the operator does not answer.
    ///
    /// # Errors
    /// When the API server refuses.
    pub(crate) async fn look(&self) -> anyhow::Result<(Vec<Row>, Option<String>)> {
        let shops: Api<ShopService> = match &self.namespace {
            Some(namespace) => Api::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        };
        let found = shops.list(&ListParams::default()).await.map_err(|error| refusal(error, "ShopServices"))?;
        let (live, remark) = match self.operator.get::<Vec<TopService>>(&self.client, "/top").await {
            Ok(live) => (live, None),
            Err(error) => (Vec::new(), Some(format!("loads and forecasts are not shown: {error:#}"))),
        };
        let mut rows: Vec<Row> = found.items.iter().map(|shop| row(shop, &live)).collect();
        rows.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
        Ok((rows, remark))
    }
}

fn row(shop: &ShopService, live: &[TopService]) -> Row {
    let (namespace, name) = (shop.namespace().unwrap_or_default(), shop.name_any());
    let status = shop.status.clone().unwrap_or_default();
    let decision = status.last_decision;
    Row {
        live: live.iter().find(|l| l.namespace == namespace && l.service == name).cloned(),
        mode: status.mode.map(|mode| format!("{mode:?}")).unwrap_or_default(),
        min: shop.spec.replicas.min,
        max: shop.spec.replicas.max,
        replicas: status.replicas,
        ready: status.ready_replicas,
        desired: status.desired_replicas,
        next: status.next.map(|next| next.summary).unwrap_or_default(),
        reason: decision.as_ref().map(|d| d.reason.clone()).unwrap_or_default(),
        message: decision.map(|d| d.message).unwrap_or_default(),
        promotion: status.promotion.unwrap_or_default(),
        namespace,
        name,
    }
}
