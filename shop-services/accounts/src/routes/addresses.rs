//! A customer's own addresses.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use shop_contracts::accounts::{Address, Addresses, Created, PostalAddress};
use shop_kit::Problem;
use shop_kit::extract::{Json as Body, Path};
use shop_kit::idempotency::{Begun, IdempotencyKey};
use shop_kit::precondition::{IfMatch, IfNoneMatch};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Desk, Outcome};
use crate::address::{AddressBook, Versioned};
use crate::issue::Customer;
use crate::validate;

/// Read all addresses, the oldest first.
#[utoipa::path(get, path = "/v1/accounts/me/addresses", security(("user" = [])), responses(
    (status = 200, body = Addresses),
    (status = 401, description = "No valid token of a customer", content_type = "application/problem+json"),
    (status = 404, description = "The account has been erased", content_type = "application/problem+json"),
))]
pub(super) async fn list_addresses(State(desk): State<Desk>, Customer(id): Customer) -> Outcome {
    let mut connection = desk.database.connection().await?;
    let items = desk.book(&mut connection, id).await?.list(&mut connection).await?;
    Ok(Json(Addresses { items }).into_response())
}

/// Add an address.
#[utoipa::path(post, path = "/v1/accounts/me/addresses", params(("Idempotency-Key" = String, Header)),
    request_body = PostalAddress, security(("user" = [])), responses(
    (status = 201, body = Created),
    (status = 400, description = "Idempotency-Key is missing, or no JSON", content_type = "application/problem+json"),
    (status = 401, description = "No valid token of a customer", content_type = "application/problem+json"),
    (status = 404, description = "The account has been erased", content_type = "application/problem+json"),
    (status = 409, description = "There are too many addresses, or the first request still runs", content_type = "application/problem+json"),
    (status = 415, description = "No JSON", content_type = "application/problem+json"),
    (status = 422, description = "A field out of bounds, or the key was used otherwise", content_type = "application/problem+json"),
))]
pub(super) async fn add_address(
    State(desk): State<Desk>,
    Customer(id): Customer,
    key: IdempotencyKey,
    Body(postal): Body<PostalAddress>,
) -> Outcome {
    validate::postal(&postal)?;
    let call = key.call(&format!("customer {id}"), &desk.recognised(&postal)?);
    let mut execution = match call.begin::<Problem>(&desk.database, &desk.events).await? {
        Begun::Replay(stored) => return Ok(stored.into_response()),
        Begun::Execute(execution) => execution,
    };
    let added = add(&desk, execution.tx(), id, &postal).await;
    execution.settle(StatusCode::CREATED, added).await.map(IntoResponse::into_response)
}

/// Read an address.
#[utoipa::path(get, path = "/v1/accounts/me/addresses/{id}", params(("id" = Uuid, Path)), security(("user" = [])), responses(
    (status = 200, body = Address, headers(("ETag" = String, description = "Strong tag of this version"))),
    (status = 304, description = "If-None-Match names this version"),
    (status = 400, description = "No id", content_type = "application/problem+json"),
    (status = 401, description = "No valid token of a customer", content_type = "application/problem+json"),
    (status = 404, description = "No such address", content_type = "application/problem+json"),
))]
pub(super) async fn get_address(
    State(desk): State<Desk>,
    Customer(id): Customer,
    Path(address): Path<Uuid>,
    seen: IfNoneMatch,
) -> Outcome {
    let mut connection = desk.database.connection().await?;
    let found = desk.book(&mut connection, id).await?.find(&mut connection, address).await?;
    if seen.is_current(&found.tag()) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, found.tag().value())]).into_response());
    }
    Ok(tagged(found))
}

/// Put another address in the place of one.
#[utoipa::path(put, path = "/v1/accounts/me/addresses/{id}",
    params(("id" = Uuid, Path), ("If-Match" = String, Header)), request_body = PostalAddress,
    security(("user" = [])), responses(
    (status = 200, body = Address, headers(("ETag" = String, description = "Strong tag of the new version"))),
    (status = 400, description = "No id, or no JSON", content_type = "application/problem+json"),
    (status = 401, description = "No valid token of a customer", content_type = "application/problem+json"),
    (status = 404, description = "No such address", content_type = "application/problem+json"),
    (status = 412, description = "The address has changed", content_type = "application/problem+json"),
    (status = 415, description = "No JSON", content_type = "application/problem+json"),
    (status = 422, description = "A field out of bounds", content_type = "application/problem+json"),
    (status = 428, description = "If-Match is missing", content_type = "application/problem+json"),
))]
pub(super) async fn put_address(
    State(desk): State<Desk>,
    Customer(id): Customer,
    Path(address): Path<Uuid>,
    seen: IfMatch,
    Body(postal): Body<PostalAddress>,
) -> Outcome {
    validate::postal(&postal)?;
    let mut connection = desk.database.connection().await?;
    let book = desk.book(&mut connection, id).await?;
    let found = book.find(&mut connection, address).await?;
    seen.check(&found.tag())?;
    Ok(tagged(book.replace(&mut connection, &found, postal).await?))
}

/// Delete an address.
#[utoipa::path(delete, path = "/v1/accounts/me/addresses/{id}",
    params(("id" = Uuid, Path), ("If-Match" = String, Header)), security(("user" = [])), responses(
    (status = 204, description = "It is gone"),
    (status = 400, description = "No id", content_type = "application/problem+json"),
    (status = 401, description = "No valid token of a customer", content_type = "application/problem+json"),
    (status = 404, description = "No such address", content_type = "application/problem+json"),
    (status = 412, description = "The address has changed", content_type = "application/problem+json"),
    (status = 428, description = "If-Match is missing", content_type = "application/problem+json"),
))]
pub(super) async fn delete_address(
    State(desk): State<Desk>,
    Customer(id): Customer,
    Path(address): Path<Uuid>,
    seen: IfMatch,
) -> Outcome {
    let mut connection = desk.database.connection().await?;
    let book = desk.book(&mut connection, id).await?;
    let found = book.find(&mut connection, address).await?;
    seen.check(&found.tag())?;
    book.delete(&mut connection, &found).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

impl Desk {
    /// The addresses of the customer who calls.
    async fn book(&self, connection: &mut PgConnection, id: Uuid) -> Result<AddressBook<'_>, Problem> {
        let (_, key) = self.account(connection, id).await?;
        Ok(AddressBook { db: &self.database, identity: &self.identity, account: id, key })
    }
}

async fn add(desk: &Desk, tx: &mut PgConnection, id: Uuid, postal: &PostalAddress) -> Result<Created, Problem> {
    let id = desk.book(tx, id).await?.insert(tx, postal).await?;
    Ok(Created { id })
}

fn tagged(versioned: Versioned) -> Response {
    ([(header::ETAG, versioned.tag().value())], Json(versioned.address)).into_response()
}
