//! What orders asks: authorize, capture, void, refund, and how it stands.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use shop_contracts::payments::{NewPayment, Payment, Refund};
use shop_kit::Problem;
use shop_kit::extract::{Json as Body, Path};
use shop_kit::idempotency::{Begun, Execution, IdempotencyKey, REPLAYED};
use uuid::Uuid;

use super::{OrdersOnly, Outcome, Paying};
use crate::ask::{Asked, Writer};
use crate::{read, validate};

/// Set money aside for an order.
#[utoipa::path(post, path = "/v1/payments", params(("Idempotency-Key" = String, Header)),
    request_body = NewPayment, security(("service" = [])), responses(
    (status = 201, body = Payment, description = "Authorized, or declined"),
    (status = 202, body = Payment, description = "The provider has not answered yet"),
    (status = 400, description = "Idempotency-Key is missing", content_type = "application/problem+json"),
    (status = 401, description = "No valid service token", content_type = "application/problem+json"),
    (status = 403, description = "Only orders may pay", content_type = "application/problem+json"),
    (status = 409, description = "The order has another payment, or the first request still runs", content_type = "application/problem+json"),
    (status = 422, description = "A field out of bounds, or the key was used otherwise", content_type = "application/problem+json"),
))]
pub(super) async fn authorize(
    State(paying): State<Paying>,
    OrdersOnly(caller): OrdersOnly,
    key: IdempotencyKey,
    Body(new): Body<NewPayment>,
) -> Outcome {
    validate::payment(&new)?;
    let started = begin(&paying, &caller, &key, &new).await?;
    let mut execution = match started {
        Started::Before(asked) => return current(&paying, asked, StatusCode::CREATED, true).await,
        Started::Now(execution) => execution,
    };
    let id = paying.identity.mint(paying.identity.now());
    let asked = paying.writer().authorize(execution.tx(), id, &new).await;
    asking(&paying, execution, asked, StatusCode::CREATED).await
}

/// Read how a payment stands.
#[utoipa::path(get, path = "/v1/payments/{id}", params(("id" = Uuid, Path)), security(("service" = [])), responses(
    (status = 200, body = Payment),
    (status = 401, description = "No valid service token", content_type = "application/problem+json"),
    (status = 403, description = "Only orders may look", content_type = "application/problem+json"),
    (status = 404, description = "No such payment", content_type = "application/problem+json"),
))]
pub(super) async fn get_payment(State(paying): State<Paying>, _caller: OrdersOnly, Path(id): Path<Uuid>) -> Outcome {
    Ok(Json(read::payment(&paying.database, id).await?).into_response())
}

/// Take what is set aside.
#[utoipa::path(post, path = "/v1/payments/{id}/capture",
    params(("id" = Uuid, Path), ("Idempotency-Key" = String, Header)),
    security(("service" = [])), responses(
    (status = 200, body = Payment, description = "Done, or declined"),
    (status = 202, body = Payment, description = "The provider has not answered yet"),
    (status = 400, description = "Idempotency-Key is missing", content_type = "application/problem+json"),
    (status = 401, description = "No valid service token", content_type = "application/problem+json"),
    (status = 403, description = "Only orders may pay", content_type = "application/problem+json"),
    (status = 404, description = "No such payment", content_type = "application/problem+json"),
    (status = 409, description = "Not in this state, or the first request still runs", content_type = "application/problem+json"),
    (status = 422, description = "The key was used otherwise", content_type = "application/problem+json"),
))]
pub(super) async fn capture(
    State(paying): State<Paying>,
    OrdersOnly(caller): OrdersOnly,
    key: IdempotencyKey,
    Path(id): Path<Uuid>,
) -> Outcome {
    let mut execution = match begin(&paying, &caller, &key, &()).await? {
        Started::Before(asked) => return current(&paying, asked, StatusCode::OK, true).await,
        Started::Now(execution) => execution,
    };
    let asked = paying.writer().capture(execution.tx(), id).await;
    asking(&paying, execution, asked, StatusCode::OK).await
}

/// Give up what is set aside.
#[utoipa::path(post, path = "/v1/payments/{id}/void",
    params(("id" = Uuid, Path), ("Idempotency-Key" = String, Header)),
    security(("service" = [])), responses(
    (status = 200, body = Payment, description = "Done, or declined"),
    (status = 202, body = Payment, description = "The provider has not answered yet"),
    (status = 400, description = "Idempotency-Key is missing", content_type = "application/problem+json"),
    (status = 401, description = "No valid service token", content_type = "application/problem+json"),
    (status = 403, description = "Only orders may pay", content_type = "application/problem+json"),
    (status = 404, description = "No such payment", content_type = "application/problem+json"),
    (status = 409, description = "Not in this state, or the first request still runs", content_type = "application/problem+json"),
    (status = 422, description = "The key was used otherwise", content_type = "application/problem+json"),
))]
pub(super) async fn void(
    State(paying): State<Paying>,
    OrdersOnly(caller): OrdersOnly,
    key: IdempotencyKey,
    Path(id): Path<Uuid>,
) -> Outcome {
    let mut execution = match begin(&paying, &caller, &key, &()).await? {
        Started::Before(asked) => return current(&paying, asked, StatusCode::OK, true).await,
        Started::Now(execution) => execution,
    };
    let asked = paying.writer().void(execution.tx(), id).await;
    asking(&paying, execution, asked, StatusCode::OK).await
}

/// Give back what was taken, or a part of it.
#[utoipa::path(post, path = "/v1/payments/{id}/refund",
    params(("id" = Uuid, Path), ("Idempotency-Key" = String, Header)),
    request_body = Refund,
    security(("service" = [])), responses(
    (status = 200, body = Payment, description = "Done, or declined"),
    (status = 202, body = Payment, description = "The provider has not answered yet"),
    (status = 400, description = "Idempotency-Key is missing", content_type = "application/problem+json"),
    (status = 401, description = "No valid service token", content_type = "application/problem+json"),
    (status = 403, description = "Only orders may pay", content_type = "application/problem+json"),
    (status = 404, description = "No such payment", content_type = "application/problem+json"),
    (status = 409, description = "Not in this state, or the first request still runs", content_type = "application/problem+json"),
    (status = 422, description = "More than was taken, or the key was used otherwise", content_type = "application/problem+json"),
))]
pub(super) async fn refund(
    State(paying): State<Paying>,
    OrdersOnly(caller): OrdersOnly,
    key: IdempotencyKey,
    Path(id): Path<Uuid>,
    Body(refund): Body<Refund>,
) -> Outcome {
    validate::positive(refund.amount)?;
    let mut execution = match begin(&paying, &caller, &key, &refund).await? {
        Started::Before(asked) => return current(&paying, asked, StatusCode::OK, true).await,
        Started::Now(execution) => execution,
    };
    let asked = paying.writer().refund(execution.tx(), id, refund.amount).await;
    asking(&paying, execution, asked, StatusCode::OK).await
}

impl Paying {
    /// Writes one new operation.
    fn writer(&self) -> Writer<'_> {
        let operation_id = self.identity.mint(self.identity.now());
        Writer { db: &self.database, operation_id, lease: self.driver.lease() }
    }
}

/// How a request with a key starts.
enum Started {
    /// It was written down before.
    Before(Asked),
    /// It is to be written down.
    Now(Execution),
}

async fn begin(paying: &Paying, caller: &str, key: &IdempotencyKey, body: &impl Serialize) -> Result<Started, Problem> {
    match key.call(caller, body).begin::<Problem>(&paying.database, &paying.events).await? {
        Begun::Execute(execution) => Ok(Started::Now(execution)),
        Begun::Replay(stored) => {
            serde_json::from_slice(&stored.body).map(Started::Before).map_err(|_| Problem::internal())
        }
    }
}

/// Writes down what shall be asked, then asks, then answers with the payment as it is: a repetition of the request
/// finds what was written and never asks for anything new.
async fn asking(paying: &Paying, execution: Execution, asked: Result<Asked, Problem>, done: StatusCode) -> Outcome {
    let written = execution.settle(StatusCode::ACCEPTED, asked).await?;
    let asked: Asked = serde_json::from_slice(&written.body).map_err(|_| Problem::internal())?;
    if let Some(id) = asked.operation_id {
        drive_apart(paying, id).await;
    }
    current(paying, asked, done, false).await
}

/// On its own, so that a caller who hangs up does not leave the provider's answer unread.
async fn drive_apart(paying: &Paying, id: Uuid) {
    let driver = paying.driver.clone();
    let driving = tokio::spawn(async move { driver.drive(id).await.inspect_err(|problem| asked_later(id, problem)) });
    if driving.await.is_err() {
        tracing::error!(%id, "asking failed; the provider is asked later");
    }
}

/// It is written down; the answer says that it is on its way.
fn asked_later(id: Uuid, problem: &Problem) {
    tracing::warn!(%id, detail = problem.detail(), "the provider is asked later");
}

async fn current(paying: &Paying, asked: Asked, done: StatusCode, replayed: bool) -> Outcome {
    let payment: Payment = read::payment(&paying.database, asked.payment_id).await?;
    let status = if payment.state.is_open() { StatusCode::ACCEPTED } else { done };
    let mut response: Response = (status, Json(payment)).into_response();
    if replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}
