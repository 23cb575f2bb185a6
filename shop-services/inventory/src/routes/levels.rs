//! What can be sold, for anyone to read, and adjustments by administrators.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use http::StatusCode;
use serde::Deserialize;
use shop_contracts::inventory::{Adjustment, Levels, Stock};
use shop_kit::Problem;
use shop_kit::extract::{Json as Body, Path, Query};
use shop_kit::idempotency::{Begun, IdempotencyKey};
use utoipa::IntoParams;

use super::{Admin, Inventory, Outcome};
use crate::{stock, validate};

/// Whose stock to read.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// 1..=100 SKUs, separated by commas.
    sku: String,
}

/// Read what can be sold.
#[utoipa::path(get, path = "/v1/stock", responses(
    (status = 200, body = Levels),
    (status = 400, description = "Bad query", content_type = "application/problem+json"),
    (status = 422, description = "A SKU out of bounds", content_type = "application/problem+json"),
))]
pub(super) async fn list_levels(State(inventory): State<Inventory>, Query(wanted): Query<Wanted>) -> Outcome {
    let skus: Vec<String> = wanted.sku.split(',').map(str::to_owned).collect();
    validate::distinct_skus("sku", &skus)?;
    Ok(Json(Levels { items: stock::levels(&inventory.database, &skus).await? }).into_response())
}

/// Tell that units came or went.
#[utoipa::path(post, path = "/v1/stock/{sku}/adjustments",
    params(("sku" = String, Path), ("Idempotency-Key" = String, Header)),
    request_body = Adjustment, security(("admin" = [])), responses(
    (status = 200, body = Stock),
    (status = 400, description = "Idempotency-Key is missing", content_type = "application/problem+json"),
    (status = 401, description = "No valid admin token", content_type = "application/problem+json"),
    (status = 404, description = "No stock of the SKU is kept", content_type = "application/problem+json"),
    (status = 409, description = "The units are promised, or the first request still runs", content_type = "application/problem+json"),
    (status = 422, description = "A field out of bounds, or the key was used otherwise", content_type = "application/problem+json"),
))]
pub(super) async fn adjust(
    State(inventory): State<Inventory>,
    _admin: Admin,
    key: IdempotencyKey,
    Path(sku): Path<String>,
    Body(adjustment): Body<Adjustment>,
) -> Outcome {
    validate::adjustment(&sku, &adjustment)?;
    let db = &inventory.database;
    let mut execution = match key.call("admin", &adjustment).begin::<Problem>(db, &inventory.events).await? {
        Begun::Replay(stored) => return Ok(stored.into_response()),
        Begun::Execute(execution) => execution,
    };
    let outcome = stock::adjust(db, execution.tx(), &sku, &adjustment, &inventory.teller).await;
    execution.settle(StatusCode::OK, outcome).await.map(IntoResponse::into_response)
}
