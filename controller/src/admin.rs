//! The operator's own address: metrics, health, and what the command line asks. Read-only; nothing here changes anything.

use std::io;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use jiff::{SignedDuration, Timestamp};
use kube::runtime::reflector::ObjectRef;
use presale_models::LEVELS;
use presale_prometheus::ServiceKey;
use prometheus_client::registry::Registry;
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::operator::{Operator, key_of};
use crate::views::{ForecastView, TopService};

/// How far the forecast in `top` looks.
const SOON: SignedDuration = SignedDuration::from_hours(2);

/// What the handlers share.
#[derive(Clone)]
struct Admin {
    operator: Arc<Operator>,
    registry: Arc<Registry>,
}

/// Serves until stopped.
///
/// # Errors
/// When the listener fails.
pub(crate) async fn serve(
    listener: TcpListener,
    operator: Arc<Operator>,
    registry: Registry,
    stop: CancellationToken,
) -> io::Result<()> {
    let router = Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/top", get(top))
        .route("/explain/{namespace}/{name}", get(explain))
        .route("/forecast/{namespace}/{name}", get(forecast))
        .with_state(Admin { operator, registry: Arc::new(registry) });
    axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await
}

async fn metrics(State(admin): State<Admin>) -> Response {
    let mut text = String::new();
    match prometheus_client::encoding::text::encode(&mut text, &admin.registry) {
        Ok(()) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(error) => problem(StatusCode::INTERNAL_SERVER_ERROR, "metrics cannot be written", &error.to_string()),
    }
}

async fn ready(State(admin): State<Admin>) -> Response {
    let report = admin.operator.readiness.now(admin.operator.leadership.leads());
    let status = if report.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(report)).into_response()
}

async fn top(State(Admin { operator, .. }): State<Admin>) -> Json<Vec<TopService>> {
    let mut all: Vec<TopService> = operator.shops().iter().filter_map(|shop| row(&operator, &key_of(shop))).collect();
    all.sort_by(|a, b| (&a.namespace, &a.service).cmp(&(&b.namespace, &b.service)));
    Json(all)
}

/// One service; `None` before its first decision.
fn row(operator: &Operator, key: &ServiceKey) -> Option<TopService> {
    let now = operator.now();
    let band = operator.forecasts.shown_band(key);
    let [low, _, _, _, _, p95, high, _] = LEVELS;
    let expected = band.iter().flat_map(|b| {
        let soon = (0..b.rows().len()).take_while(|row| b.time_of(*row).duration_since(now) < SOON);
        soon.filter_map(|row| b.value(row, p95))
    });
    let expected = expected.collect();
    let bounds = band.as_ref().and_then(|b| {
        let row = b.index_of(now)?;
        Some([b.value(row, low)?, b.value(row, high)?])
    });
    operator.services.with(key, |service| {
        let last = service.last.as_ref()?;
        let recent = service.signals.recent().ok()?;
        Some(TopService {
            namespace: key.namespace.clone(),
            service: key.service.clone(),
            current: last.input.replicas.current,
            ready: last.input.replicas.ready,
            desired: last.decision.desired,
            reason: last.decision.reason.as_str().to_owned(),
            load: service.signals.load.at_least(),
            load_state: service.signals.load.state().to_owned(),
            recent: recent.samples().iter().map(|sample| sample.at_least()).collect(),
            expected,
            band: bounds,
        })
    })
}

/// Which decision.
#[derive(Deserialize)]
struct At {
    at: Option<Timestamp>,
}

async fn explain(
    State(Admin { operator, .. }): State<Admin>,
    Path((namespace, name)): Path<(String, String)>,
    Query(At { at }): Query<At>,
) -> Response {
    let key = ServiceKey::new(namespace, name);
    if let Some(missing) = unknown(&operator, &key) {
        return missing;
    }
    let Some(at) = at else {
        return match operator.services.with(&key, |service| service.last.clone()) {
            Some(record) => Json(record.as_ref()).into_response(),
            None => problem(StatusCode::NOT_FOUND, "no decision yet", "this process has decided nothing for it yet"),
        };
    };
    let (ledger, owner) = (operator.ledger.clone(), key.clone());
    match tokio::task::spawn_blocking(move || ledger.at(&owner, at)).await {
        Ok(Ok(Some(record))) => Json(record).into_response(),
        Ok(Ok(None)) => {
            let detail = format!("the ledger holds no decision for {key} at or before {at}");
            problem(StatusCode::NOT_FOUND, "no decision so long ago", &detail)
        }
        Ok(Err(error)) => problem(StatusCode::INTERNAL_SERVER_ERROR, "the ledger cannot be read", &error.to_string()),
        Err(error) => problem(StatusCode::INTERNAL_SERVER_ERROR, "the ledger cannot be read", &error.to_string()),
    }
}

async fn forecast(
    State(Admin { operator, .. }): State<Admin>,
    Path((namespace, name)): Path<(String, String)>,
) -> Response {
    let key = ServiceKey::new(namespace, name);
    if let Some(missing) = unknown(&operator, &key) {
        return missing;
    }
    if let Some(view) = view(&operator, &key) {
        return Json(view).into_response();
    }
    let state = operator.forecasts.reason(&key);
    problem(StatusCode::NOT_FOUND, "no forecast", &format!("there is no model for {key} yet: {state}"))
}

fn view(operator: &Operator, key: &ServiceKey) -> Option<ForecastView> {
    let shop = operator.stores.shops.get(&ObjectRef::new(&key.service).within(&key.namespace))?;
    let spec = operator.spec(&shop).ok()?;
    let now = operator.now();
    let facts = operator.forecasts.facts(key)?;
    Some(ForecastView {
        model: facts.name.to_owned(),
        trained_at: facts.trained_at,
        data_until: facts.data_until,
        scores: facts.scores,
        trusted: facts.trusted,
        last_good: facts.last_good,
        lead_time: operator.lead_time(key, &spec, now),
        band: operator.forecasts.band(key, now, spec.horizon)?,
    })
}

/// A service that is not there is said so, and leaves no trace.
fn unknown(operator: &Operator, key: &ServiceKey) -> Option<Response> {
    let there = operator.stores.shops.get(&ObjectRef::new(&key.service).within(&key.namespace)).is_some();
    let detail = || format!("there is no ShopService {key}, or this operator does not watch its namespace");
    (!there).then(|| problem(StatusCode::NOT_FOUND, "no such service", &detail()))
}

/// RFC 9457.
fn problem(status: StatusCode, title: &str, detail: &str) -> Response {
    let body = json!({"type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail});
    (status, [(header::CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
}
