//! The listener that is not for the public: `/metrics`, `/healthz`, `/readyz`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, header};
use shop_metrics::ShopMetrics;
use tokio::time::Instant;

use crate::cut_off::CutOff;
use crate::health::Health;
use crate::problem::Problem;

/// Media type of the exposition.
///
/// **Source**: OpenMetrics 1.0.0.
pub const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Routes of the admin listener.
pub fn routes(metrics: Arc<ShopMetrics>, health: &Health, cut_off: CutOff) -> Router {
    Router::new()
        .route("/metrics", get(exposition))
        .with_state((metrics, cut_off))
        .merge(health.routes())
        .fallback(|| async { Problem::no_route() })
}

async fn exposition(State((metrics, cut_off)): State<(Arc<ShopMetrics>, CutOff)>, headers: HeaderMap) -> Response {
    cut_off.hear(&headers, Instant::now());
    match metrics.render() {
        Ok(text) => ([(header::CONTENT_TYPE, OPENMETRICS)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "the exposition cannot be rendered");
            Problem::internal().into_response()
        }
    }
}
