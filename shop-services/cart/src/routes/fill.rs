//! What is in the cart: looked at, put in, taken out.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use shop_contracts::ErrorCode;
use shop_contracts::cart::{Cart, CartLine, MAX_QUANTITY, Quantity};
use shop_contracts::catalog::MAX_SKU;
use shop_kit::Problem;
use shop_kit::extract::{Json as Body, Path};
use shop_kit::precondition::{IfMatch, IfNoneMatch};

use super::{Outcome, Shelf, tagged};
use crate::cart::{Versioned, find};
use crate::error::known;
use crate::owner::{CART_TOKEN, Owner, Perhaps};

/// Read the cart. Who has no token yet is given a guest's, in the header Cart-Token.
#[utoipa::path(get, path = "/v1/cart", security(("user" = []), ("guest" = []), ()), responses(
    (status = 200, body = Cart, headers(
        ("ETag" = String, description = "Strong tag of this version"),
        ("Cart-Token" = String, description = "A new guest's token, where none was sent"))),
    (status = 304, description = "If-None-Match names this version"),
    (status = 401, description = "A token that is not valid", content_type = "application/problem+json"),
))]
pub(super) async fn get_cart(State(shelf): State<Shelf>, Perhaps(owner): Perhaps, seen: IfNoneMatch) -> Outcome {
    let Some(owner) = owner else { return Ok(welcomed(&shelf)) };
    let found = find(&shelf.database, &owner).await?;
    if seen.is_current(&found.tag()) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, found.tag().value())]).into_response());
    }
    Ok(tagged(found))
}

/// An empty cart and a token for it; nothing is stored before something is put in.
fn welcomed(shelf: &Shelf) -> Response {
    let token = shelf.identity.mint(shelf.identity.now()).simple().to_string();
    let mut response = tagged(Versioned { cart: Cart { lines: Vec::new() }, version: 0 });
    if let Ok(value) = HeaderValue::from_str(&token) {
        response.headers_mut().insert(HeaderName::from_static(CART_TOKEN), value);
    }
    response
}

/// Set how many of an SKU are in the cart.
#[utoipa::path(put, path = "/v1/cart/items/{sku}", params(("sku" = String, Path), ("If-Match" = String, Header)),
    request_body = Quantity, security(("user" = []), ("guest" = [])), responses(
    (status = 200, body = Cart, headers(("ETag" = String, description = "Strong tag of the new version"))),
    (status = 401, description = "No valid token", content_type = "application/problem+json"),
    (status = 409, description = "The cart is full", content_type = "application/problem+json"),
    (status = 412, description = "The cart has changed", content_type = "application/problem+json"),
    (status = 422, description = "A field out of bounds", content_type = "application/problem+json"),
    (status = 428, description = "If-Match is missing", content_type = "application/problem+json"),
))]
pub(super) async fn put_item(
    State(shelf): State<Shelf>,
    owner: Owner,
    seen: IfMatch,
    Path(sku): Path<String>,
    Body(Quantity { quantity }): Body<Quantity>,
) -> Outcome {
    if !(1..=MAX_QUANTITY).contains(&quantity) {
        let detail = format!("quantity is {quantity}; 1 to {MAX_QUANTITY} pass, and DELETE takes the line out");
        return Err(known(ErrorCode::InvalidField, detail));
    }
    set(&shelf, &owner, &seen, CartLine { sku, quantity }).await
}

/// Take an SKU out of the cart; where it is not in it, nothing changes.
#[utoipa::path(delete, path = "/v1/cart/items/{sku}", params(("sku" = String, Path), ("If-Match" = String, Header)),
    security(("user" = []), ("guest" = [])), responses(
    (status = 200, body = Cart, headers(("ETag" = String, description = "Strong tag of the new version"))),
    (status = 401, description = "No valid token", content_type = "application/problem+json"),
    (status = 412, description = "The cart has changed", content_type = "application/problem+json"),
    (status = 422, description = "No SKU", content_type = "application/problem+json"),
    (status = 428, description = "If-Match is missing", content_type = "application/problem+json"),
))]
pub(super) async fn delete_item(
    State(shelf): State<Shelf>,
    owner: Owner,
    seen: IfMatch,
    Path(sku): Path<String>,
) -> Outcome {
    set(&shelf, &owner, &seen, CartLine { sku, quantity: 0 }).await
}

async fn set(shelf: &Shelf, owner: &Owner, seen: &IfMatch, line: CartLine) -> Outcome {
    let allowed = line.sku.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-');
    if line.sku.is_empty() || line.sku.len() > MAX_SKU || !allowed {
        return Err(known(ErrorCode::InvalidField, format!("sku passes with 1 to {MAX_SKU} of A-Z, 0-9 and -")));
    }
    let db = &shelf.database;
    let mut tx = db.begin().await?;
    let changed = shelf.changer.set(&mut tx, owner, seen, &line).await?;
    db.measure("commit", tx.commit()).await.map_err(Problem::from)?;
    Ok(tagged(changed))
}
