//! A customer's own account: read, changed, exported, erased.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use shop_contracts::accounts::{Account, AccountPatch, Export, Hidden};
use shop_kit::Problem;
use shop_kit::client::Origin;
use shop_kit::extract::Json as Body;
use shop_kit::precondition::{IfMatch, IfNoneMatch};

use super::tokens::wrong_credentials;
use super::{Desk, Outcome};
use crate::account::Held;
use crate::address::AddressBook;
use crate::issue::Customer;
use crate::password::Verdict;
use crate::validate;

/// Read the account.
#[utoipa::path(get, path = "/v1/accounts/me", security(("user" = [])), responses(
    (status = 200, body = Account, headers(("ETag" = String, description = "Strong tag of this version"))),
    (status = 304, description = "If-None-Match names this version"),
    (status = 401, description = "No valid token of a customer", content_type = "application/problem+json"),
    (status = 404, description = "The account has been erased", content_type = "application/problem+json"),
))]
pub(super) async fn get_me(State(desk): State<Desk>, Customer(id): Customer, seen: IfNoneMatch) -> Outcome {
    let (held, _) = desk.account(&mut *desk.database.connection().await?, id).await?;
    if seen.is_current(&held.tag()) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, held.tag().value())]).into_response());
    }
    Ok(tagged(held))
}

/// Change the account. Another address or password needs the present password; another password ends every session.
#[utoipa::path(patch, path = "/v1/accounts/me", params(("If-Match" = String, Header)), request_body = AccountPatch,
    security(("user" = [])), responses(
    (status = 200, body = Account, headers(("ETag" = String, description = "Strong tag of the new version"))),
    (status = 400, description = "No JSON", content_type = "application/problem+json"),
    (status = 401, description = "No valid token of a customer, or not the present password", content_type = "application/problem+json"),
    (status = 404, description = "The account has been erased", content_type = "application/problem+json"),
    (status = 409, description = "The e-mail address has an account", content_type = "application/problem+json"),
    (status = 412, description = "The account has changed", content_type = "application/problem+json"),
    (status = 415, description = "No JSON", content_type = "application/problem+json"),
    (status = 422, description = "A field out of bounds", content_type = "application/problem+json"),
    (status = 428, description = "If-Match is missing", content_type = "application/problem+json"),
    (status = 429, description = "Too many wrong passwords", content_type = "application/problem+json"),
    (status = 503, description = "Too many passwords are waiting to be checked", content_type = "application/problem+json"),
))]
pub(super) async fn patch_me(
    State(desk): State<Desk>,
    Customer(id): Customer,
    seen: IfMatch,
    origin: Origin,
    Body(patch): Body<AccountPatch>,
) -> Outcome {
    let AccountPatch { name, email, password, current_password } = patch;
    if name.is_none() && email.is_none() && password.is_none() {
        return Err(validate::invalid("there is nothing to change; name, email or password passes"));
    }
    name.as_deref().map_or(Ok(()), validate::name)?;
    password.as_ref().map_or(Ok(()), validate::password)?;
    let email = email.as_deref().map(validate::email).transpose()?;
    // No connection waits while passwords are hashed; what is changed meanwhile is found by its version.
    let (mut held, key) = desk.account(&mut *desk.database.connection().await?, id).await?;
    seen.check(&held.tag())?;
    if email.is_some() || password.is_some() {
        let current = current_password.ok_or_else(|| {
            validate::invalid("current_password is missing; another email or password passes only with it")
        })?;
        prove(&desk, &origin, &held, &current).await?;
    }
    let ends_sessions = password.is_some();
    if let Some(password) = &password {
        held.password = desk.hasher.hash(password).await?;
    }
    held.account.name = name.unwrap_or(held.account.name);
    held.account.email = email.unwrap_or(held.account.email);
    let mut tx = desk.database.begin().await?;
    let held = desk.accounts.change(&mut tx, &key, held).await?;
    if ends_sessions {
        desk.sessions.end_all(&mut tx, id).await?;
    }
    desk.database.measure("commit", tx.commit()).await?;
    Ok(tagged(held))
}

/// Erase the account and everything about its person.
#[utoipa::path(delete, path = "/v1/accounts/me", params(("If-Match" = String, Header)), security(("user" = [])), responses(
    (status = 204, description = "Nothing of it can be read any more"),
    (status = 401, description = "No valid token of a customer", content_type = "application/problem+json"),
    (status = 404, description = "The account has been erased", content_type = "application/problem+json"),
    (status = 412, description = "The account has changed", content_type = "application/problem+json"),
    (status = 428, description = "If-Match is missing", content_type = "application/problem+json"),
))]
pub(super) async fn delete_me(State(desk): State<Desk>, Customer(id): Customer, seen: IfMatch) -> Outcome {
    let mut tx = desk.database.begin().await?;
    let (held, _) = desk.account(&mut tx, id).await?;
    seen.check(&held.tag())?;
    desk.accounts.erase(&mut tx, &held).await?;
    desk.attempts.forget(&mut tx, &held.account.email).await?;
    desk.database.measure("commit", tx.commit()).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Read everything that is held about the customer.
#[utoipa::path(get, path = "/v1/accounts/me/export", security(("user" = [])), responses(
    (status = 200, body = Export),
    (status = 401, description = "No valid token of a customer", content_type = "application/problem+json"),
    (status = 404, description = "The account has been erased", content_type = "application/problem+json"),
))]
pub(super) async fn export_me(State(desk): State<Desk>, Customer(id): Customer) -> Outcome {
    let mut connection = desk.database.connection().await?;
    let (Held { account, .. }, key) = desk.account(&mut connection, id).await?;
    let book = AddressBook { db: &desk.database, identity: &desk.identity, account: id, key };
    let addresses = book.list(&mut connection).await?;
    let sessions = desk.sessions.list(&mut connection, id).await?;
    let headers = [(header::CACHE_CONTROL, "no-store")];
    Ok((headers, Json(Export { account, addresses, sessions })).into_response())
}

/// Passes with the present password; wrong ones count as they do at the door.
async fn prove(desk: &Desk, origin: &Origin, held: &Held, password: &Hidden) -> Result<(), Problem> {
    let network = origin.network(desk.attempts.config.trusted_hops);
    let attempt = desk.attempts.begin(Some(&held.account.email), network, desk.identity.now()).await?;
    let verdict = desk.hasher.compare(password, Some(held.password.clone())).await;
    if matches!(verdict, Ok(Verdict::Wrong)) {
        return Err(wrong_credentials());
    }
    desk.attempts.take_back(attempt).await?;
    verdict.map(drop)
}

fn tagged(held: Held) -> Response {
    ([(header::ETAG, held.tag().value())], Json(held.account)).into_response()
}
