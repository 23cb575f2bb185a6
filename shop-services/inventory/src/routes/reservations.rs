//! What orders ask: set stock aside, take it, give it back.

use axum::extract::State;
use axum::response::IntoResponse;
use http::StatusCode;
use shop_contracts::inventory::{NewReservation, Reservation, Settlement};
use shop_kit::Problem;
use shop_kit::extract::{Json as Body, Path};
use shop_kit::idempotency::{Begun, IdempotencyKey};
use uuid::Uuid;

use super::{Inventory, OrdersOnly, Outcome};
use crate::reserve::{self as reserving, Terms};
use crate::{settle, validate};

/// Set stock aside for an order: all lines or none.
#[utoipa::path(post, path = "/v1/reservations", params(("Idempotency-Key" = String, Header)),
    request_body = NewReservation, security(("service" = [])), responses(
    (status = 201, body = Reservation),
    (status = 400, description = "Idempotency-Key is missing", content_type = "application/problem+json"),
    (status = 401, description = "No valid service token", content_type = "application/problem+json"),
    (status = 403, description = "Only orders may reserve", content_type = "application/problem+json"),
    (status = 404, description = "No stock of a SKU is kept", content_type = "application/problem+json"),
    (status = 409, description = "Out of stock, settled, overtaken, or still running", content_type = "application/problem+json"),
    (status = 422, description = "A field out of bounds, or the key was used otherwise", content_type = "application/problem+json"),
))]
pub(super) async fn reserve(
    State(inventory): State<Inventory>,
    OrdersOnly(caller): OrdersOnly,
    key: IdempotencyKey,
    Body(new): Body<NewReservation>,
) -> Outcome {
    validate::reservation(&new)?;
    let db = &inventory.database;
    let mut execution = match key.call(&caller, &new).begin::<Problem>(db, &inventory.events).await? {
        Begun::Replay(stored) => return Ok(stored.into_response()),
        Begun::Execute(execution) => execution,
    };
    let id = inventory.teller.identity.mint(inventory.teller.identity.now());
    let terms = Terms { id, ttl: inventory.ttl };
    let outcome = reserving::reserve(db, execution.tx(), &new, terms, &inventory.teller).await;
    if outcome.as_ref().is_err_and(|problem| problem.status() == StatusCode::CONFLICT) {
        inventory.stock.rejected();
    }
    execution.settle(StatusCode::CREATED, outcome).await.map(IntoResponse::into_response)
}

/// Take what is set aside, for good.
#[utoipa::path(post, path = "/v1/reservations/{id}/commit",
    params(("id" = Uuid, Path), ("Idempotency-Key" = String, Header)),
    request_body = Settlement, security(("service" = [])), responses(
    (status = 200, body = Reservation),
    (status = 400, description = "Idempotency-Key is missing", content_type = "application/problem+json"),
    (status = 401, description = "No valid service token", content_type = "application/problem+json"),
    (status = 403, description = "Only orders may settle", content_type = "application/problem+json"),
    (status = 404, description = "No such reservation", content_type = "application/problem+json"),
    (status = 409, description = "Given back already, overtaken, or still running", content_type = "application/problem+json"),
    (status = 422, description = "The key was used otherwise", content_type = "application/problem+json"),
))]
pub(super) async fn commit(
    State(inventory): State<Inventory>,
    OrdersOnly(caller): OrdersOnly,
    key: IdempotencyKey,
    Path(id): Path<Uuid>,
    Body(settlement): Body<Settlement>,
) -> Outcome {
    let db = &inventory.database;
    let mut execution = match key.call(&caller, &settlement).begin::<Problem>(db, &inventory.events).await? {
        Begun::Replay(stored) => return Ok(stored.into_response()),
        Begun::Execute(execution) => execution,
    };
    let outcome = settle::commit(db, execution.tx(), id, settlement.fence, &inventory.teller).await;
    execution.settle(StatusCode::OK, outcome).await.map(IntoResponse::into_response)
}

/// Give back what is set aside, or what was taken.
#[utoipa::path(post, path = "/v1/reservations/{id}/release",
    params(("id" = Uuid, Path), ("Idempotency-Key" = String, Header)),
    request_body = Settlement, security(("service" = [])), responses(
    (status = 200, body = Reservation),
    (status = 400, description = "Idempotency-Key is missing", content_type = "application/problem+json"),
    (status = 401, description = "No valid service token", content_type = "application/problem+json"),
    (status = 403, description = "Only orders may settle", content_type = "application/problem+json"),
    (status = 404, description = "No such reservation", content_type = "application/problem+json"),
    (status = 409, description = "Overtaken, or still running", content_type = "application/problem+json"),
    (status = 422, description = "The key was used otherwise", content_type = "application/problem+json"),
))]
pub(super) async fn release(
    State(inventory): State<Inventory>,
    OrdersOnly(caller): OrdersOnly,
    key: IdempotencyKey,
    Path(id): Path<Uuid>,
    Body(settlement): Body<Settlement>,
) -> Outcome {
    let db = &inventory.database;
    let mut execution = match key.call(&caller, &settlement).begin::<Problem>(db, &inventory.events).await? {
        Begun::Replay(stored) => return Ok(stored.into_response()),
        Begun::Execute(execution) => execution,
    };
    let outcome = settle::release(db, execution.tx(), id, settlement.fence, &inventory.teller).await;
    execution.settle(StatusCode::OK, outcome).await.map(IntoResponse::into_response)
}
