//! Opening an account.

use axum::extract::State;
use axum::response::IntoResponse;
use http::StatusCode;
use shop_contracts::ErrorCode;
use shop_contracts::accounts::{Created, NewAccount};
use shop_kit::Problem;
use shop_kit::client::Origin;
use shop_kit::extract::Json as Body;
use shop_kit::idempotency::{Begun, IdempotencyKey};

use super::{Desk, Outcome};
use crate::validate;

/// Open an account. A taken address is said to be taken, as often as a network may be wrong.
#[utoipa::path(post, path = "/v1/accounts", params(("Idempotency-Key" = String, Header)), request_body = NewAccount,
    responses(
    (status = 201, body = Created),
    (status = 400, description = "Idempotency-Key is missing, or no JSON", content_type = "application/problem+json"),
    (status = 409, description = "The e-mail address has an account, or the first request still runs", content_type = "application/problem+json"),
    (status = 415, description = "No JSON", content_type = "application/problem+json"),
    (status = 422, description = "A field out of bounds, or the key was used otherwise", content_type = "application/problem+json"),
    (status = 429, description = "Too many taken addresses or wrong credentials from this network", content_type = "application/problem+json"),
    (status = 503, description = "Too many passwords are waiting to be hashed", content_type = "application/problem+json"),
))]
pub(super) async fn open_account(
    State(desk): State<Desk>,
    origin: Origin,
    key: IdempotencyKey,
    Body(new): Body<NewAccount>,
) -> Outcome {
    validate::name(&new.name)?;
    validate::password(&new.password)?;
    let email = validate::email(&new.email)?;
    let call = key.call("anyone", &desk.recognised(&new)?);
    let network = origin.network(desk.attempts.config.trusted_hops);
    let attempt = desk.attempts.begin(None, network, desk.identity.now()).await?;
    let opened = open(&desk, call, &email, &new).await;
    let taken = opened.as_ref().err().is_some_and(|problem| problem.is(ErrorCode::EmailTaken.slug()));
    if !taken {
        desk.attempts.take_back(attempt).await?;
    }
    opened
}

/// The password is hashed first, so that no connection waits for it.
async fn open(desk: &Desk, call: shop_kit::idempotency::Call, email: &str, new: &NewAccount) -> Outcome {
    let password = desk.hasher.hash(&new.password).await?;
    let mut execution = match call.begin::<Problem>(&desk.database, &desk.events).await? {
        Begun::Replay(stored) => return Ok(stored.into_response()),
        Begun::Execute(execution) => execution,
    };
    let opened = desk.accounts.open(execution.tx(), email, &new.name, &password).await;
    let stored = execution.settle(StatusCode::CREATED, opened.map(|id| Created { id })).await?;
    Ok(stored.into_response())
}
