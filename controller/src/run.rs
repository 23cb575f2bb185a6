//! `presale run`: builds the parts, starts them, and on SIGTERM or Ctrl-C stops them in order.

use std::process::ExitCode;
use std::sync::Arc;

use presale_cluster::{Elector, Events, Kinds, Leadership, Writer, connect, watch};
use presale_metrics::Metrics;
use presale_prometheus::Prometheus;
use prometheus_client::registry::Registry;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::clock::wall_clock;
use crate::config::{RunConfig, unsigned};
use crate::forecasts::Forecasts;
use crate::ledger::Ledger;
use crate::log::{self, TraceIds};
use crate::operator::Operator;
use crate::promotions::Promotions;
use crate::readiness::Readiness;
use crate::resizing::Resizing;
use crate::services::Services;
use crate::{admin, controllers, health, leading, readiness, reserve, tick, trainer};

/// Services that wait to be woken, at most.
const WAKES: usize = 1_024;

/// Runs the operator until it is told to stop.
///
/// # Errors
/// When it cannot start: a kubeconfig, a CA file or an address that cannot be used.
#[expect(clippy::cognitive_complexity, reason = "each log line counts as several branches")]
pub(crate) async fn run(config: RunConfig) -> anyhow::Result<ExitCode> {
    log::start(&config.log)?;
    for (setting, value) in config.describe() {
        tracing::info!(setting, value, "configuration");
    }
    let client = connect(kube::Config::infer().await?)?;
    let (leadership, elector) = lead(&config, &client);
    let (stores, wakes) = watch(&client, config.watch_namespace.as_deref());
    let mut registry = Registry::default();
    let metrics = Metrics::register(&mut registry, env!("CARGO_PKG_VERSION"));
    let writer = Writer::new(client.clone(), leadership.clone());
    let operator = Arc::new(Operator {
        defaults: config.defaults.convert(),
        clock: wall_clock,
        stores,
        kinds: Kinds::new(client.clone()),
        leadership,
        events: Events::new(writer.clone(), &config.lease.identity),
        writer,
        prometheus: config.prometheus.convert().map(Prometheus::new).transpose()?,
        services: Services::new(config.tick),
        promotions: Promotions::default(),
        forecasts: Forecasts::default(),
        ledger: Ledger::new(&config.data_dir, config.ledger_bytes),
        metrics,
        readiness: Readiness::default(),
        resizing: Resizing::default(),
        trace_ids: TraceIds::new(wall_clock()),
        config,
    });
    let listener = tokio::net::TcpListener::bind(operator.config.listen).await?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), address = %listener.local_addr()?, "presale runs");

    let (work, service) = (CancellationToken::new(), CancellationToken::new());
    let (wake, woken) = mpsc::channel(WAKES);
    let mut workers = JoinSet::new();
    workers.spawn(controllers::shops(Arc::clone(&operator), wakes, woken, work.clone()));
    workers.spawn(reserve::signal::run(Arc::clone(&operator), wake.clone(), work.clone()));
    workers.spawn(tick::run(Arc::clone(&operator), wake, work.clone()));
    workers.spawn(trainer::run(Arc::clone(&operator), work.clone()));
    workers.spawn(health::run(Arc::clone(&operator), work.clone()));
    workers.spawn(leading::run(Arc::clone(&operator), work.clone()));
    workers.spawn(readiness::probe(Arc::clone(&operator), work.clone()));
    let mut services = JoinSet::new();
    services.spawn(admin::serve(listener, Arc::clone(&operator), registry, service.clone()));
    if let Some(elector) = elector {
        let service = service.clone();
        services.spawn(async move {
            elector.run(service.cancelled_owned()).await;
            Ok(())
        });
    }

    let ended_well = stop_requested(&mut workers, &mut services).await?;
    stop(&operator, (&work, workers), (&service, services)).await;
    Ok(if ended_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The right to write, and who competes for it.
fn lead(config: &RunConfig, client: &kube::Client) -> (Leadership, Option<Elector>) {
    let lease = &config.lease;
    if !lease.leader_election {
        return (Leadership::alone(), None);
    }
    let place = (lease.lease_namespace.as_str(), lease.lease_name.as_str());
    let (elector, leadership) =
        Elector::new(client.clone(), place, &lease.identity, unsigned(lease.lease_duration), wall_clock);
    (leadership, Some(elector))
}

/// Waits for a signal; false if a part ended by itself, which none should.
#[expect(clippy::cognitive_complexity, reason = "each log line counts as several branches")]
async fn stop_requested(
    workers: &mut JoinSet<()>,
    services: &mut JoinSet<std::io::Result<()>>,
) -> std::io::Result<bool> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => tracing::info!("SIGTERM: stopping"),
        _ = interrupt.recv() => tracing::info!("interrupted: stopping"),
        Some(ended) = workers.join_next() => {
            tracing::error!(?ended, "a part ended by itself: stopping");
            return Ok(false);
        }
        Some(ended) = services.join_next() => {
            tracing::error!(?ended, "a part ended by itself: stopping");
            return Ok(false);
        }
    }
    Ok(true)
}

/// First no new rounds, and those under way end; then the lease is given back and the address is closed.
#[expect(clippy::cognitive_complexity, reason = "each log line counts as several branches")]
async fn stop(
    operator: &Operator,
    (work, mut workers): (&CancellationToken, JoinSet<()>),
    (service, mut services): (&CancellationToken, JoinSet<std::io::Result<()>>),
) {
    let patience = unsigned(operator.config.stop_timeout);
    work.cancel();
    if tokio::time::timeout(patience, async { while workers.join_next().await.is_some() {} }).await.is_err() {
        tracing::warn!("what was under way did not end in time");
    }
    service.cancel();
    if tokio::time::timeout(patience, async { while services.join_next().await.is_some() {} }).await.is_err() {
        tracing::warn!("the lease was not given back in time; it runs out by itself");
    }
    tracing::info!("stopped");
}
