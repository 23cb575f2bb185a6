//! What administrators do: ship, give money back, and decide about orders that need a person.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use http::StatusCode;
use serde::Serialize;
use shop_contracts::orders::{Order, ReviewDecision, Reviews};
use shop_kit::Problem;
use shop_kit::extract::{Json as Body, Path};
use shop_kit::idempotency::{Begun, Execution, IdempotencyKey, Stored};
use uuid::Uuid;

use super::{Admin, Ordering, Outcome, located};
use crate::order;

/// Send a confirmed order on its way.
#[utoipa::path(post, path = "/v1/orders/{id}/ship",
    params(("id" = Uuid, Path), ("Idempotency-Key" = String, Header)), security(("admin" = [])), responses(
    (status = 200, body = Order),
    (status = 400, description = "Idempotency-Key is missing", content_type = "application/problem+json"),
    (status = 401, description = "No valid admin token", content_type = "application/problem+json"),
    (status = 404, description = "No such order", content_type = "application/problem+json"),
    (status = 409, description = "Not confirmed, or the first request still runs", content_type = "application/problem+json"),
    (status = 422, description = "The key was used otherwise", content_type = "application/problem+json"),
))]
pub(super) async fn ship_order(
    State(ordering): State<Ordering>,
    _admin: Admin,
    key: IdempotencyKey,
    Path(id): Path<Uuid>,
) -> Outcome {
    let mut execution = match begin(&ordering, &key, &()).await? {
        Started::Before(stored) => return Ok(located(stored)),
        Started::Now(execution) => execution,
    };
    let outcome = ordering.changer.ship(execution.tx(), id).await;
    Ok(located(execution.settle(StatusCode::OK, outcome).await?))
}

/// Give the money of a confirmed or shipped order back. It is accepted, not done.
#[utoipa::path(post, path = "/v1/orders/{id}/refund",
    params(("id" = Uuid, Path), ("Idempotency-Key" = String, Header)), security(("admin" = [])), responses(
    (status = 202, body = Order),
    (status = 400, description = "Idempotency-Key is missing", content_type = "application/problem+json"),
    (status = 401, description = "No valid admin token", content_type = "application/problem+json"),
    (status = 404, description = "No such order", content_type = "application/problem+json"),
    (status = 409, description = "Not paid, or the first request still runs", content_type = "application/problem+json"),
    (status = 422, description = "The key was used otherwise", content_type = "application/problem+json"),
))]
pub(super) async fn refund_order(
    State(ordering): State<Ordering>,
    _admin: Admin,
    key: IdempotencyKey,
    Path(id): Path<Uuid>,
) -> Outcome {
    let mut execution = match begin(&ordering, &key, &()).await? {
        Started::Before(stored) => return Ok(located(stored)),
        Started::Now(execution) => execution,
    };
    let outcome = ordering.changer.refund(execution.tx(), id).await;
    let stored = execution.settle(StatusCode::ACCEPTED, outcome).await?;
    ordering.wake.notify_one();
    Ok(located(stored))
}

/// List orders that a person should look at, the oldest first, at most 100.
#[utoipa::path(get, path = "/v1/reviews", security(("admin" = [])), responses(
    (status = 200, body = Reviews),
    (status = 401, description = "No valid admin token", content_type = "application/problem+json"),
))]
pub(super) async fn list_reviews(State(ordering): State<Ordering>, _admin: Admin) -> Outcome {
    Ok(Json(Reviews { items: order::reviews(&ordering.database).await? }).into_response())
}

/// Decide about an order that needs review: try its step again, and perhaps cancel it after that.
#[utoipa::path(post, path = "/v1/reviews/{id}/decision",
    params(("id" = Uuid, Path), ("Idempotency-Key" = String, Header)),
    request_body = ReviewDecision, security(("admin" = [])), responses(
    (status = 202, body = Order),
    (status = 400, description = "Idempotency-Key is missing", content_type = "application/problem+json"),
    (status = 401, description = "No valid admin token", content_type = "application/problem+json"),
    (status = 404, description = "No such order", content_type = "application/problem+json"),
    (status = 409, description = "It needs no review, its money is taken, or the first request still runs", content_type = "application/problem+json"),
    (status = 422, description = "No such decision, or the key was used otherwise", content_type = "application/problem+json"),
))]
pub(super) async fn decide_review(
    State(ordering): State<Ordering>,
    _admin: Admin,
    key: IdempotencyKey,
    Path(id): Path<Uuid>,
    Body(decision): Body<ReviewDecision>,
) -> Outcome {
    let mut execution = match begin(&ordering, &key, &decision).await? {
        Started::Before(stored) => return Ok(located(stored)),
        Started::Now(execution) => execution,
    };
    let outcome = ordering.changer.decide(execution.tx(), id, decision.decision).await;
    let stored = execution.settle(StatusCode::ACCEPTED, outcome).await?;
    tracing::info!(order = %id, decision = ?decision.decision, "a person decided");
    ordering.wake.notify_one();
    Ok(located(stored))
}

/// How a request with a key starts.
enum Started {
    /// It was done before.
    Before(Stored),
    /// It is to be done.
    Now(Execution),
}

async fn begin(ordering: &Ordering, key: &IdempotencyKey, body: &impl Serialize) -> Result<Started, Problem> {
    Ok(match key.call("admin", body).begin::<Problem>(&ordering.database, &ordering.events).await? {
        Begun::Replay(stored) => Started::Before(stored),
        Begun::Execute(execution) => Started::Now(execution),
    })
}
